"""Answers to commands as lines for a person."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

__all__ = ["answer_lines"]

_NONE = "none"


def answer_lines(answer: Mapping[str, Any]) -> list[str]:
    """Returns what a gateway's answer says; see `rules.command_json`.

    Args:
        answer: As the gateway wrote it, of a command that was done.
    """
    changed, word = answer.get("changed"), str(answer.get("command"))
    return list(_ANSWERS[word](changed)) if word in _ANSWERS else [str(changed)]


def _muted(mute: Mapping[str, Any]) -> Iterator[str]:
    yield f"Muted: {_mute(mute)}."


def _unmuted(mutes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from (f"No longer muted: {_mute(mute)}." for mute in mutes)
    if not mutes:
        yield "Nothing was muted under this name."


def _new_thresholds(levels: Mapping[str, float]) -> Iterator[str]:
    yield from (f"{name}: alarms from severity {level:.2f}" for name, level in levels.items())


def _new_limits(limits: Mapping[str, Mapping[str, Any]] | None) -> Iterator[str]:
    if limits is None:
        yield "Limits: those of the configuration."
    else:
        yield from (f"Limits of {name}: {_given(one)}." for name, one in limits.items())


def _running(state: str) -> Iterator[str]:
    words = {"on": "running", "off": "standing still", "signal": "their signal says they do"}
    yield f"The machines count as {words.get(state, state)}."


def _swapped(swap: Mapping[str, str]) -> Iterator[str]:
    model, file = swap["model"], swap["file"]
    if swap.get("state") == "accepted":
        yield f"{file} is to take the place of the model {model}: it is verified now."
    else:
        yield f"{file} is verified and warm, and has the place of the model {model}."


def _acknowledged(events: Sequence[str]) -> Iterator[str]:
    yield from (f"Seen: {event}." for event in events)


def _listing(listed: Mapping[str, Any]) -> Iterator[str]:
    for what, found in listed.items():
        lines = list(_LISTS.get(what, _plain)(found))
        yield f"{_TITLES.get(what, what)}: {_NONE if not lines else ''}".rstrip()
        yield from (f"  {line}" for line in lines)


def _plain(found: Any) -> Iterator[str]:
    if isinstance(found, Mapping):
        yield from (f"{name}  {value}" for name, value in found.items())
    else:
        yield from map(str, found)


def _thresholds(found: Mapping[str, float]) -> Iterator[str]:
    yield from (f"{name}  {level:.2f}" for name, level in found.items())


def _streams(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for model, names in found.items():
        yield from (f"{name}  ({model})" for name in names)


def _events(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for event in found:
        since = _time(event["start_ns"])
        yield f"{event['stream']}  since {since}, severity up to {event['severity']:.2f}"


def _limits(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        for channel, limits in one["limits"].items():
            yield f"{one['streams']}, {channel}  {_given(limits)}"


def _mute(mute: Mapping[str, Any]) -> str:
    name = mute["streams"] + (f", channel {mute['channel']}" if mute["channel"] else "")
    if mute["until_ns"] is not None:
        end = f"until {_time(mute['until_ns'])}"
    elif mute["rest_s"] is not None:
        end = f"for {_duration(mute['rest_s'])}"
    else:
        end = "until it is unmuted"
    why = f" ({mute['why']})" if mute["why"] else ""
    return f"{name} {end}, by {mute['by']}{why}"


def _mutes(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from map(_mute, found)


def _given(limits: Mapping[str, Any]) -> str:
    beyond = {"low", "high", "low_low", "high_high"}
    said = [
        f"{name} {value:g}"
        for name, value in limits.items()
        if value is not None and (value or name in beyond)
    ]
    return ", ".join(said) or _NONE


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _time(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"


_TITLES = {
    "mutes": "Muted",
    "thresholds": "Alarms from severity",
    "limits": "Limits that people set",
    "running": "Machines that stand still",
    "streams": "Streams",
    "events": "Open events",
    "models": "Models",
}
_LISTS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "mutes": _mutes,
    "thresholds": _thresholds,
    "limits": _limits,
    "streams": _streams,
    "events": _events,
}
_ANSWERS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "mute": _muted,
    "unmute": _unmuted,
    "threshold": _new_thresholds,
    "limits": _new_limits,
    "running": _running,
    "ack": _acknowledged,
    "swap": _swapped,
    "list": _listing,
}
