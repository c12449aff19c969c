"""Which streams need a person first, and all of it as JSON for the page."""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.gateway.operate.status import Overview, StreamHistory, StreamSummary
from runtime.gateway.outputs import EventNotice

__all__ = ["GROUPS", "encode", "history_json", "overview_json"]

GROUPS = ("standing", "open", "silent", "sensor", "muted", "warming", "stopped", "quiet")
"""What a stream is listed under, in this order.

`standing`: an event goes on for more than a day; `open`: an event goes on; `silent`: it no longer
speaks; `sensor`: a sensor's fault; `muted`: a person does not want to hear of it, whatever it does.
"""
STANDING_NS = 86_400 * 10**9
"""An event that goes on for longer stands: somebody forgot it, or nobody can mend it."""

_CHANNELS = 3
_LAST_NS = 2**63
_QUIET_KINDS = frozenset({"silent", "sensor"})
_NEAR = 0.7  # of the threshold: the release level of the default policy
_DIGITS = re.compile(r"(\d+)", re.ASCII)


def encode(value: object) -> bytes:
    """Returns JSON in UTF-8, without spaces; NaN must have been made null."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def overview_json(overview: Overview, *, troubles: Sequence[str], writable: bool) -> dict[str, Any]:
    """Returns what `/api/streams` answers: streams by what needs attention, the first first.

    Within a group the longest event, then the highest severity comes first, then names, numbers in
    them as numbers. Severity counts in quarters of the threshold, and not at all far below it, so
    that quiet streams keep their places.

    Args:
        overview: As the pipeline says.
        troubles: Why the gateway is not ready.
        writable: Whether a token is configured.
    """
    events: defaultdict[str, list[EventNotice]] = defaultdict(list)
    for notice in overview.events:
        events[notice.stream].append(notice)
    now = overview.now_ns
    grouped = [(_group(s, events.get(s.name, ()), now), s) for s in overview.streams]
    grouped.sort(key=lambda item: (GROUPS.index(item[0]), *_urgency(item[1], events)))
    counts = Counter(group for group, _ in grouped)
    return {
        "gateway": overview.gateway,
        "version": overview.version,
        "now": _ms(now),
        "lag": _number(overview.lag_s),
        "rate": _number(overview.rate),
        "dropped": overview.dropped,
        "bad": overview.bad,
        "writable": writable,
        "troubles": list(troubles),
        "events": [_event(notice) for notice in events.get("", ())],
        "counts": {group: counts[group] for group in GROUPS},
        "streams": [_stream(group, s, events.get(s.name, ())) for group, s in grouped],
    }


def history_json(history: StreamHistory) -> dict[str, Any]:
    """Returns what `/api/stream/<name>` answers."""
    spark = history.sparkline
    return {
        "threshold": _number(history.threshold),
        "start": None if spark is None else _ms(spark.start_ns),
        "bucket": None if spark is None else spark.bucket_s * 1000,
        "low": [] if spark is None else _numbers(spark.low),
        "high": [] if spark is None else _numbers(spark.high),
        "ended": [_event(notice) for notice in history.ended],
        "channels": list(history.channels),
    }


def _group(stream: StreamSummary, events: Iterable[EventNotice], now_ns: int) -> str:
    if stream.muted_until_ns is not None:
        return "muted"
    kinds = set()
    for notice in events:
        if notice.kind not in _QUIET_KINDS and now_ns - notice.start_ns > STANDING_NS:
            return "standing"
        kinds.add(notice.kind)
    if kinds - _QUIET_KINDS:
        return "open"
    if stream.state == "silent" or "silent" in kinds:
        return "silent"
    if stream.faults or "sensor" in kinds:
        return "sensor"
    return "quiet" if stream.state == "scored" else stream.state


def _urgency(
    stream: StreamSummary, events: Mapping[str, Sequence[EventNotice]]
) -> tuple[int, int, tuple[tuple[int, str], ...], str]:
    own = events.get(stream.name)
    first = min(notice.start_ns for notice in own) if own else _LAST_NS
    share = stream.severity / stream.threshold if stream.threshold > 0 else 0.0
    near = math.floor(4 * share) if _NEAR <= share < math.inf else 0
    return first, -near, _natural(stream.name), stream.name


@lru_cache(maxsize=8192)
def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Returns what sorts `pump 9` before `pump 10`: digits by their number, without reading it."""
    parts = _DIGITS.split(name)
    return tuple(
        (len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (0, part)
        for place, part in enumerate(parts)
    )


def _stream(group: str, stream: StreamSummary, events: Sequence[EventNotice]) -> dict[str, Any]:
    """Returns a stream; what is not there is left out, as 1,000 of them go out at a time."""
    row: dict[str, Any] = {
        "name": stream.name,
        "group": group,
        "state": stream.state,
        "severity": _number(stream.severity),
        "threshold": _number(stream.threshold),
    }
    if stream.model:
        row["model"] = stream.model
    if stream.newest_ns:
        row["newest"] = _ms(stream.newest_ns)
    if stream.muted_until_ns is not None:
        row["muted"] = _until(stream.muted_until_ns)
    if stream.muted_channels:
        row["mutedChannels"] = {name: _until(end) for name, end in stream.muted_channels}
    if stream.faults:
        row["faults"] = list(stream.faults)
    if events:
        row["events"] = [_event(notice) for notice in events]
    return row


def _event(notice: EventNotice) -> dict[str, Any]:
    ack = notice.ack
    seen = {} if ack is None else {"by": ack.by, "t": _ms(ack.time_ns), "note": ack.note}
    return {
        **({"ack": seen} if seen else {}),
        "id": notice.id,
        "kind": notice.kind,
        "start": _ms(notice.start_ns),
        "duration": _number(notice.duration_s),
        "severity": _number(notice.severity),
        "text": notice.text,
        "channels": [
            {
                "name": channel.name,
                "share": _number(channel.share),
                "value": _number(channel.value),
                "expected": _number(channel.expected),
            }
            for channel in notice.channels[:_CHANNELS]
        ],
    }


def _until(end_ns: int) -> int:
    return _ms(end_ns) if end_ns > 0 else -1


def _ms(time_ns: int) -> int:
    return time_ns // 1_000_000


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _numbers(values: npt.NDArray[np.float32]) -> list[float | None]:
    return [round(value, 2) if math.isfinite(value) else None for value in values.tolist()]
