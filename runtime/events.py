"""From severity to events: when something was wrong, how badly, and on which channels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError
from runtime.stream import Scores

__all__ = ["Event", "EventDetector"]

_RELEASE = 0.7
_BLAMED_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One time in which the stream was not normal. Times are nanoseconds since 1970-01-01 UTC."""

    start_ns: int
    """The first step at or above the threshold."""
    end_ns: int
    """The last step at or above the release level."""
    peak_ns: int
    """The step of the highest severity."""
    peak_severity: float
    """The highest severity."""
    channels: tuple[str, ...]
    """The channels to blame: those with the largest share of the channel scores, summed over the
    steps at or above the threshold, that together make 80 %; the first has the largest share."""
    steps: int
    """Steps from start to end, both included."""


class EventDetector:
    """Turns scores into events, chunk by chunk; any chunking gives the same events.

    An event opens at a severity at or above `threshold` and lasts as long as severity stays at
    or above `release`. A restart of the stream closes it.

    Args:
        channels: Names of the channels, in the order of the scores.
        threshold: Severity that opens an event.
        release: Severity below which it ends. Default: 0.7 of `threshold`.
        min_duration: Shorter events are dropped; in steps from start to end, after merging.
        merge_gap: An event that opens after at most this many steps below the release level
            continues the one before.

    Raises:
        InputError: A threshold of 0 or less, a release above it, negative steps.
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        threshold: float,
        release: float | None = None,
        min_duration: int = 1,
        merge_gap: int = 0,
    ) -> None:
        release = _RELEASE * threshold if release is None else release
        if not 0 < release <= threshold or min_duration < 1 or merge_gap < 0:
            raise InputError(
                "Events need 0 < release <= threshold, min_duration >= 1 and merge_gap >= 0. "
                f"Received: threshold={threshold}, release={release}, "
                f"min_duration={min_duration}, merge_gap={merge_gap}."
            )
        self._channels = tuple(channels)
        self._threshold = threshold
        self._release = release
        self._min_duration = min_duration
        self._merge_gap = merge_gap
        self._steps = 0
        self._open: _Open | None = None

    def update(self, scores: Scores) -> list[Event]:
        """Takes the next scores of the stream and returns the events that have closed."""
        severity = scores.severity
        closed: list[Event] = []
        # Steps below the release level change nothing by themselves: only the others are visited.
        for step in np.flatnonzero((severity >= self._release) | scores.restart):
            number = self._steps + int(step)
            event = self._open
            if event and (scores.restart[step] or number > event.last + self._merge_gap + 1):
                closed += self._close()
                event = None
            if severity[step] >= self._threshold:
                if event is None:
                    event = self._open = _Open(first=number, start_ns=int(scores.times_ns[step]))
                event.add(number, scores, int(step), alarm=True)
            elif event and severity[step] >= self._release and number == event.last + 1:
                event.add(number, scores, int(step), alarm=False)
        self._steps += len(scores)
        if self._open and self._steps > self._open.last + self._merge_gap + 1:
            closed += self._close()
        return closed

    def finish(self) -> list[Event]:
        """Closes the open event, at the end of the data."""
        return self._close()

    def _close(self) -> list[Event]:
        event, self._open = self._open, None
        if event is None or event.last - event.first + 1 < self._min_duration:
            return []
        return [
            Event(
                start_ns=event.start_ns,
                end_ns=event.end_ns,
                peak_ns=event.peak_ns,
                peak_severity=event.peak,
                channels=_blamed(self._channels, event.blame),
                steps=event.last - event.first + 1,
            )
        ]


@dataclass(slots=True)
class _Open:
    first: int
    start_ns: int
    last: int = 0
    end_ns: int = 0
    peak: float = -1.0
    peak_ns: int = 0
    blame: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def add(self, number: int, scores: Scores, step: int, *, alarm: bool) -> None:
        self.last = number
        self.end_ns = int(scores.times_ns[step])
        if scores.severity[step] > self.peak:
            self.peak = float(scores.severity[step])
            self.peak_ns = self.end_ns
        if alarm:
            self.blame = self.blame + scores.channel_scores[step]


def _blamed(channels: tuple[str, ...], blame: npt.NDArray[np.float64]) -> tuple[str, ...]:
    blame = np.maximum(blame, 0.0)
    order = np.argsort(-blame, kind="stable")
    total = np.cumsum(blame[order])
    count = int(np.searchsorted(total, _BLAMED_SHARE * total[-1])) + 1
    return tuple(channels[i] for i in order[:count])
