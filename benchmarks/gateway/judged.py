"""What came out of an interrupted gateway, against an uninterrupted one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Judged", "Score", "judge", "reference"]

_CLOSE = 1e-4
_NOT_COMPARED = ("repeat", "again", "text", "type", "stream")

Key = tuple[str, int]
Score = tuple[float, float, bool]
"""Score, severity, alarm."""


@dataclass(slots=True)
class Judged:
    """Counts; and some examples of what was wrong."""

    scores: int = 0
    """That an uninterrupted run has."""
    missing: int = 0
    extra: int = 0
    different: int = 0
    repeated: int = 0
    """Arrivals beyond the first of each."""
    unmarked: int = 0
    """Of these without `repeat`, though the broker did not say that it brings them again."""
    from_broker: int = 0
    """Of these that the broker itself brought again, and said so."""
    events: int = 0
    """Notices that an uninterrupted run has."""
    events_missing: int = 0
    events_extra: int = 0
    events_different: int = 0
    events_unmarked: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all is as it must be."""
        return bool(self.scores) and not (
            self.missing or self.extra or self.different or self.unmarked
            or self.events_missing or self.events_extra or self.events_different
            or self.events_unmarked
        )  # fmt: skip

    def say(self, what: str) -> None:
        """Keeps an example."""
        if len(self.examples) < 40:
            self.examples.append(what)


def reference(path: Path) -> tuple[dict[Key, Score], list[dict[str, Any]], dict[Key, list[str]]]:
    """Reads what a sink of JSON lines wrote: scores, events, and what is said against scores."""
    scores: dict[Key, Score] = {}
    reasons: dict[Key, list[str]] = {}
    events = []
    for line in path.read_text().splitlines():
        one = json.loads(line)
        if one["type"] == "score":
            key = (one["stream"], one["t"])
            scores[key] = (_number(one["score"]), _number(one["severity"]), one["alarm"])
            reasons[key] = one["reasons"]
        elif one["type"] == "event":
            events.append(one)
    return scores, events, reasons


def judge(
    folder: Path, expected: Mapping[Key, Score], events: Sequence[Mapping[str, Any]]
) -> Judged:
    """Compares what the watcher wrote into a folder."""
    judged = Judged(scores=len(expected))
    seen = np.load(folder / "watched.npz")
    names = ("stream", "time_ms", "marked", "again", "score", "severity", "alarm")
    found: dict[Key, int] = {}
    for stream, time_ms, marked, again, *score in zip(
        *(seen[n].tolist() for n in names), strict=True
    ):
        key = (f"d{stream}", time_ms)
        found[key] = found.get(key, 0) + 1
        if key not in expected:
            judged.extra += 1
            judged.say(f"extra: {key} {score}")
            continue
        if not _equal(expected[key], score):
            judged.different += 1
            judged.say(f"different: {key} {score}, expected {expected[key]}")
        if found[key] > 1:
            judged.repeated += 1
            if not marked and again:
                judged.from_broker += 1
            elif not marked:
                judged.unmarked += 1
                judged.say(f"unmarked: {key}, the {found[key]}th")
    for key in expected.keys() - found.keys():
        judged.missing += 1
        judged.say(f"missing: {key}")
    _judge_events(judged, json.loads((folder / "events.json").read_text())["events"], events)
    return judged


def _judge_events(
    judged: Judged, found: Iterable[Mapping[str, Any]], expected: Iterable[Mapping[str, Any]]
) -> None:
    wanted = {_place(one): _compared(one) for one in expected}
    judged.events = len(wanted)
    seen: set[Any] = set()
    for one in found:
        place = _place(one)
        if place not in wanted:
            judged.events_extra += 1
            judged.say(f"extra event: {one}")
        elif _compared(one) != wanted[place]:
            judged.events_different += 1
            judged.say(f"different event: {_compared(one)}, expected {wanted[place]}")
        if place in seen and not one["repeat"] and not one["again"]:
            judged.events_unmarked += 1
            judged.say(f"unmarked event: {place}")
        seen.add(place)
    for place in wanted.keys() - seen:
        judged.events_missing += 1
        judged.say(f"missing event: {place}")


def _place(event: Mapping[str, Any]) -> tuple[Any, ...]:
    return event["stream"], event["id"], event["phase"], event["t"]


def _compared(event: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what must be equal; numbers to four digits."""
    return {key: _rough(value) for key, value in event.items() if key not in _NOT_COMPARED}


def _rough(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list):
        return [_rough(one) for one in value]
    if isinstance(value, dict):
        return {key: _rough(one) for key, one in value.items()}
    return value


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _equal(expected: Score, found: Sequence[float]) -> bool:
    close = np.allclose(expected[:2], found[:2], rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
    return bool(close) and bool(expected[2]) == bool(found[2])
