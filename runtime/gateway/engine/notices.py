"""From what steps do to events to what is said of them: start, update, end."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from runtime.alarms.bank import Happening
from runtime.alarms.events import Event
from runtime.gateway.engine.group import Group, Stepped
from runtime.gateway.outputs import BlamedChannel, EventKind, EventNotice, Phase
from runtime.gateway.rules.floods import FloodChange
from runtime.gateway.rules.limits import LimitChange
from runtime.gateway.rules.sensors import SensorChange

__all__ = ["Notices", "event_id", "flood_notice", "gateway_notice"]

_MS = 1_000_000

MayTell = Callable[[str, str, Sequence[str], int], bool | None]
"""Whether an event that starts is told, by its id, stream, blamed channels and time; None: it is
asked again at the next step."""


@dataclass(slots=True)
class _Known:
    """What is known of an open event that may have been told, and its channels at the peak."""

    id: str
    said: Literal["waits", "told", "kept"]
    severity: float
    """As of the last notice."""
    peak: float
    values: list[float | None]
    expected: list[float | None]


class Notices:
    """Says of each event when it starts, when it has grown, and when it ends.

    Args:
        rise: Severity that an event must have gained since the last notice for an update.
        may_tell: Whether people want to hear of it.
        ended: Takes the id of each event that has ended.
    """

    def __init__(self, rise: float, *, may_tell: MayTell, ended: Callable[[str], None]) -> None:
        self.rise = rise
        self._may_tell, self._ended = may_tell, ended
        self._known: dict[str, _Known] = {}
        self._others: dict[str, EventNotice] = {}
        """Open events of limits and sensors that were told, by id: the last notice of each."""
        self._muted: dict[str, EventNotice] = {}
        """Those that were not, for a mute: told when it ends, where they go on."""

    def of(self, group: Group, stepped: Stepped) -> Iterator[EventNotice]:
        """Yields what there is to say of what steps did."""
        for happening in stepped.happenings:
            name = group.names[happening.stream]
            yield from self._say(name, group, stepped, happening)
        if group.watch.limits.event == "always":
            for change in stepped.limits:
                yield from self._of_limit(group, change)

    def of_sensor(self, group: Group, change: SensorChange) -> Iterator[EventNotice]:
        """Yields what there is to say of a sensor."""
        identity = event_id(change.stream, "sensor", change.start_ns, change.channel)
        words = {
            "stuck": f"{change.channel} keeps one value",
            "range": f"{change.channel} is beyond what its sensor can say",
            "rate": f"{change.channel} changes faster than it can",
            "silent": f"{change.channel} brings no values",
        }
        yield from self._of_other(
            group,
            identity,
            change,
            "sensor",
            f"{change.stream}: {change.channel} is as it should be again."
            if change.phase == "end"
            else f"{change.stream}: {words[change.fault]}; it is left out of the score.",
            math.nan,
        )

    def end(self, group: Group, name: str) -> Iterator[EventNotice]:
        """Ends the open event of a stream that is let go of, or whose machine has stopped."""
        event = group.bank.finish(group.place(name))
        known = self._known.pop(name, None)
        if known is None:
            return
        self._ended(known.id)
        if event is not None and known.said == "told":
            shares = group.bank.detector(group.place(name)).shares
            yield self._notice(name, group, known, event, shares, "end", event.end_ns)

    def silent(self, name: str, time_ns: int) -> Iterator[EventNotice]:
        """Yields what there is to say of a stream that no longer speaks."""
        identity = event_id(name, "silent", time_ns)
        told = self._may_tell(identity, name, (), time_ns)
        if told is not False:
            notice = EventNotice(
                id=identity,
                stream=name,
                kind="silent",
                phase="start",
                time_ns=time_ns,
                start_ns=time_ns,
                peak_ns=time_ns,
                severity=math.nan,
                text=f"{name} brings nothing any more.",
            )
            if told is None:
                self._muted[identity] = notice
                return
            self._others[identity] = notice
            yield notice

    def speaks(self, name: str, time_ns: int) -> Iterator[EventNotice]:
        """Ends the event of a stream that was silent."""
        yield from self._end_of(name, "silent", time_ns, f"{name} brings rows again.")

    def _end_of(
        self, name: str, kind: EventKind, time_ns: int | None, text: str
    ) -> Iterator[EventNotice]:
        self._muted = {
            identity: notice
            for identity, notice in self._muted.items()
            if notice.stream != name or notice.kind != kind
        }
        for identity, notice in list(self._others.items()):
            if notice.stream == name and notice.kind == kind:
                del self._others[identity]
                self._ended(identity)
                end_ns = notice.time_ns if time_ns is None else time_ns
                lasted = max(0.0, (end_ns - notice.start_ns) / 1e9)
                yield replace(notice, phase="end", time_ns=end_ns, duration_s=lasted, text=text)

    def end_others(self, name: str, time_ns: int | None, why: str) -> Iterator[EventNotice]:
        """Ends what was told of limits and sensors of a stream.

        Args:
            name: Of the stream.
            time_ns: When; None: at the last notice of each.
            why: In words, such as `the machine has stopped`.
        """
        text = f"{name}: {why}; this event is over."
        for kind in ("limit", "sensor"):
            yield from self._end_of(name, kind, time_ns, text)

    def state(self) -> dict[str, Any]:
        """Returns everything that `restore` needs, for JSON."""
        known = {name: asdict(one) for name, one in self._known.items()}
        return {
            "known": known,
            "others": [_json_of(one) for one in self._others.values()],
            "muted": [_json_of(one) for one in self._muted.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from `state`."""
        known = {name: _Known(**one) for name, one in state["known"].items()}
        others, muted = (
            {raw["id"]: _notice_of(raw) for raw in state[name]} for name in ("others", "muted")
        )
        self._known, self._others, self._muted = known, others, muted

    def unmuted(self) -> Iterator[EventNotice]:
        """Yields the events of limits and sensors whose mute has ended, while they go on."""
        for identity, notice in list(self._muted.items()):
            names = [channel.name for channel in notice.channels]
            told = self._may_tell(identity, notice.stream, names, notice.start_ns)
            if told is None:
                continue
            del self._muted[identity]
            if told:
                self._others[identity] = notice
                yield notice

    def _say(
        self, name: str, group: Group, stepped: Stepped, happening: Happening
    ) -> Iterator[EventNotice]:
        event, row = happening.event, happening.row
        time_ns = int(stepped.rows.scores.times_ns[row])
        known = self._known.get(name)
        identity = event_id(name, "anomaly", event.start_ns)
        if known is None or known.id != identity:
            known = self._known[name] = _Known(identity, "waits", -1.0, -1.0, [], [])
        if event.peak_severity > known.peak:
            known.peak = event.peak_severity
            known.values, known.expected = _channels_at(stepped, row, event.peak_ns)
        if known.said == "waits" and stepped.may_alarm[row]:
            told = self._may_tell(identity, name, event.channels, event.start_ns)
            if told is not None:
                known.said = "told" if told else "kept"
            if told:
                known.severity = event.peak_severity
                yield self._notice(name, group, known, event, happening.shares, "start", time_ns)
        elif (
            known.said == "told"
            and happening.is_open
            and event.peak_severity >= known.severity + self.rise
        ):
            known.severity = event.peak_severity
            yield self._notice(name, group, known, event, happening.shares, "update", time_ns)
        if not happening.is_open:
            del self._known[name]
            self._ended(identity)
            if known.said == "told":
                yield self._notice(name, group, known, event, happening.shares, "end", time_ns)

    def _notice(
        self,
        name: str,
        group: Group,
        known: _Known,
        event: Event,
        shares: Mapping[str, float],
        phase: Phase,
        time_ns: int,
    ) -> EventNotice:
        channels = group.detector.channels
        at = {channel: place for place, channel in enumerate(channels)}
        return EventNotice(
            id=known.id,
            stream=name,
            kind="anomaly",
            phase=phase,
            time_ns=time_ns,
            start_ns=event.start_ns,
            peak_ns=event.peak_ns,
            severity=event.peak_severity,
            channels=[
                BlamedChannel(
                    name=channel,
                    share=shares[channel],
                    value=_number(known.values, at[channel]),
                    expected=_number(known.expected, at[channel]),
                )
                for channel in event.channels
            ],
            duration_s=event.steps * group.detector.metadata.period_s,
            model=group.detector.metadata.identity,
        )

    def _of_limit(self, group: Group, change: LimitChange) -> Iterator[EventNotice]:
        identity = event_id(change.stream, "limit", change.start_ns, change.channel)
        word = change.word.replace("_", " ")
        is_over = change.phase == "end"
        text = (
            f"{change.stream}: {change.channel} is back inside its limit ({word})."
            if is_over
            else f"{change.stream}: {change.channel} is {change.value:.4g}, beyond its limit "
            f"{change.limit:.4g} ({word})."
        )
        yield from self._of_other(group, identity, change, "limit", text, change.limit)

    def _of_other(
        self,
        group: Group,
        identity: str,
        change: LimitChange | SensorChange,
        kind: EventKind,
        text: str,
        expected: float,
    ) -> Iterator[EventNotice]:
        is_told = identity in self._others
        is_muted = identity in self._muted and change.phase != "end"
        if change.phase == "start":
            told = self._may_tell(identity, change.stream, [change.channel], change.start_ns)
            is_told, is_muted = bool(told), told is None
        elif change.phase == "end":
            self._others.pop(identity, None)
            self._muted.pop(identity, None)
            self._ended(identity)
        if is_told or is_muted:
            notice = EventNotice(
                id=identity,
                stream=change.stream,
                kind=kind,
                phase=change.phase,
                time_ns=change.time_ns,
                start_ns=change.start_ns,
                peak_ns=change.time_ns,
                severity=math.nan,
                channels=[
                    BlamedChannel(
                        name=change.channel, share=1.0, value=change.value, expected=expected
                    )
                ],
                duration_s=(change.time_ns - change.start_ns) / 1e9,
                text=text,
                model=group.detector.metadata.identity,
            )
            if is_muted:
                self._muted[identity] = replace(notice, phase="start")
                return
            if change.phase != "end":
                self._others[identity] = notice
            yield notice


def _json_of(notice: EventNotice) -> dict[str, Any]:
    """Returns a notice of a limit or a sensor as data for JSON, without NaN."""
    raw = asdict(notice) | {"severity": None}
    raw["channels"] = [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in one.items()}
        for one in raw["channels"]
    ]
    return raw


def _notice_of(raw: Mapping[str, Any]) -> EventNotice:
    channels = []
    for one in raw["channels"]:
        numbers = {
            k: math.nan if one[k] is None else one[k] for k in ("share", "value", "expected")
        }
        channels.append(BlamedChannel(name=one["name"], **numbers))
    return EventNotice(**{**raw, "severity": math.nan, "channels": channels})


def flood_notice(change: FloodChange) -> EventNotice:
    """Returns the one event that stands for a flood of them."""
    names = ", ".join(f"{name} ({count})" for name, count in change.streams[:5])
    more = f" and {len(change.streams) - 5} more" if len(change.streams) > 5 else ""
    text = (
        f"Many streams have events at once: {names}{more}. Single events are held back until it "
        "is over."
        if change.phase == "start"
        else f"The flood of events is over; {change.events} were held back: {names}{more}."
    )
    return EventNotice(
        id=f"flood-{change.start_ns // _MS}",
        stream="",
        kind="flood",
        phase=change.phase,
        time_ns=change.time_ns,
        start_ns=change.start_ns,
        peak_ns=change.time_ns,
        severity=math.nan,
        duration_s=(change.time_ns - change.start_ns) / 1e9,
        text=text,
    )


def gateway_notice(note: Mapping[str, Any], *, time_ns: int) -> EventNotice:
    """Returns the event of something that happened to the gateway itself.

    Args:
        note: Its kind as `note`, and a sentence as `text`; see `Controls.note`.
        time_ns: When it was written down.
    """
    return EventNotice(
        id=f"{note['note']}-{time_ns // _MS}",
        stream="",
        kind=note["note"],
        phase="end",
        time_ns=time_ns,
        start_ns=time_ns,
        peak_ns=time_ns,
        severity=math.nan,
        text=note["text"],
    )


def event_id(stream: str, kind: EventKind, start_ns: int, channel: str = "") -> str:
    """Returns what tells an event from every other: the same after a restart."""
    middle = "" if kind == "anomaly" else f"{kind}-{channel}-"
    return f"{stream}-{middle}{start_ns // _MS}"


def _channels_at(
    stepped: Stepped, row: int, peak_ns: int
) -> tuple[list[float | None], list[float | None]]:
    """Returns what came and what was expected at the peak, which this step is."""
    scores = stepped.rows.scores
    if int(scores.times_ns[row]) != peak_ns:
        return [], []
    return _plain(scores.values[row]), _plain(scores.expected[row])


def _plain(numbers: Any) -> list[float | None]:
    return [float(n) if np.isfinite(n) else None for n in numbers]


def _number(numbers: Sequence[float | None], at: int) -> float:
    value = numbers[at] if at < len(numbers) else None
    return math.nan if value is None else value
