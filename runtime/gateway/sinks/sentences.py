"""An event in one sentence, for the person who gets the message."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from runtime.gateway.outputs import Ack, BlamedChannel, EventKind, EventNotice

__all__ = ["seen", "sentence", "utc"]

_NO_UNITS: Mapping[str, str] = MappingProxyType({})
_LISTED = 3
_UNUSUAL = ((6.0, "extremely unusual"), (4.0, "very unusual"), (-math.inf, "unusual"))
_CLAIMS: Mapping[EventKind, tuple[str, str]] = {
    "anomaly": ("has not behaved as usual", "did not behave as usual"),
    "limit": ("has been beyond the limit", "was beyond the limit"),
    "sensor": ("has given readings that cannot be right", "gave readings that cannot be right"),
    "silent": ("has sent nothing", "sent nothing"),
    "flood": ("has had more events than a person can read", "had more events than one can read"),
    "swap": ("has had a new model", "had a new model"),
    "hole": ("has had samples missing", "had samples missing"),
}
"""Of an event that goes on, and of one that has ended."""
_NAMED: frozenset[EventKind] = frozenset({"limit", "sensor"})
"""Kinds that are of channels more than of their stream."""


def seen(ack: Ack | None) -> str:
    """Says who has seen an event, and when; nothing where nobody has."""
    if ack is None:
        return ""
    note = f": {ack.note}" if ack.note else ""
    return f"Seen by {ack.by}, {utc(ack.time_ns)}{note}."


def sentence(
    notice: EventNotice,
    *,
    units: Mapping[str, str] = _NO_UNITS,
    name: str = "",
    gateway: str = "The gateway",
) -> str:
    """Says what is going on, since when, how strong, where, and what was expected instead.

    Args:
        notice: The event as it stands.
        units: Of channels, such as `m³/h`.
        name: What people call the stream; its own name where not given.
        gateway: What people call the gateway, for events that are of no stream.

    Returns:
        One sentence on one line, times in UTC.
    """
    who = name or notice.stream or gateway
    channels = [one.name for one in notice.channels[:_LISTED]]
    ended = notice.phase == "end"
    claim, verb = _CLAIMS[notice.kind][ended], "was" if ended else "is"
    if notice.kind in _NAMED and channels:
        who = f"{who}, {_listed(channels)}"
        if len(channels) > 1:
            claim = claim.replace("has ", "have ").replace("was ", "were ")
    parts = [f"{who} {claim} {_when(notice)}"]
    if notice.kind == "anomaly" and math.isfinite(notice.severity):
        strength = next(word for least, word in _UNUSUAL if notice.severity >= least)
        parts.append(f"{strength} (severity {notice.severity:.1f})")
    parts.extend(filter(None, [_compared(one, units, verb) for one in notice.channels[:1]]))
    others = [one for one in channels[1:] if notice.kind not in _NAMED]
    if others:
        parts.append(f"also {_listed(others)}")
    return " ".join("; ".join(parts).split()) + "."


def _when(notice: EventNotice) -> str:
    start = utc(notice.start_ns)
    if notice.phase != "end":
        return f"since {start} UTC"
    return f"from {start} UTC, for {_length(notice.duration_s)}"


def utc(time_ns: int) -> str:
    """Returns a time to the second, in UTC."""
    return str(np.datetime64(time_ns // 10**9, "s")).replace("T", " ")


def _length(seconds: float) -> str:
    if not math.isfinite(seconds) or seconds < 1:
        return "less than a second" if seconds < 1 else "an unknown time"
    whole = round(seconds)
    for size, word, below, part in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {word} {rest} {part}" if rest else f"{whole // size} {word}"
    return f"{whole} s"


def _compared(one: BlamedChannel, units: Mapping[str, str], verb: str) -> str:
    unit = f" {units[one.name]}" if units.get(one.name) else ""
    if not math.isfinite(one.value):
        return f"{one.name} has no reading" if verb == "is" else f"{one.name} had no reading"
    came = f"{one.name} {verb} {one.value:.4g}{unit}"
    if not math.isfinite(one.expected):
        return came
    return f"{came}, about {one.expected:.4g}{unit} was expected"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
