"""What a detector found in a series: scores, events, and how they meet the labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from kad.detector import Detector
from kad.report_words import TimeAxis
from runtime.errors import InputError
from runtime.events import Event
from runtime.stream import Scores

_NS = 10**9


class Window(NamedTuple):
    """A stretch of time, both ends inside, in nanoseconds."""

    start_ns: int
    end_ns: int

    def meets(self, other: "Window | Event") -> bool:
        """Returns whether both have a moment in common."""
        return self.start_ns <= other.end_ns and other.start_ns <= self.end_ns


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A scored series, its events, and the labels and training rows that lie in it."""

    channels: tuple[str, ...]
    """The channels, in the detector's order."""
    units: tuple[str | None, ...]
    """Unit of each channel."""
    period_s: float
    """Sampling period in seconds."""
    warmup_steps: int
    """Steps after a restart without a verdict."""
    scores: Scores
    """Every step of the time grid."""
    axis: TimeAxis
    """How times are drawn and written."""
    threshold: float
    """Severity that opens an event."""
    events: tuple[Event, ...]
    """In order of time."""
    labels: tuple[Window, ...] | None
    """Labelled windows; `None`: there are no labels."""
    training: Window | None
    """The rows that the detector was trained on, where the series contains them."""
    counts: dict[str, int]
    """Rows received, duplicate, late, missing, and restarts of the warm-up."""

    @cached_property
    def warming(self) -> np.ndarray:
        """Steps that are still warming up, without a verdict: bool `(steps,)`."""
        starts = np.flatnonzero(self.scores.restart)
        segment = np.searchsorted(starts, np.arange(len(self.scores)), side="right") - 1
        return np.arange(len(self.scores)) - starts[segment] < self.warmup_steps

    @property
    def seconds(self) -> float:
        """Length of the series in seconds: from the first step to the end of the last."""
        times = self.scores.times_ns
        return float(times.max() - times.min()) / _NS + self.period_s

    def most_severe(self, most: int) -> list[tuple[int, Event]]:
        """Returns the `most` most severe events with their numbers from 1, in order of time."""
        numbered = sorted(enumerate(self.events, start=1), key=lambda pair: -pair[1].peak_severity)
        return sorted(numbered[:most], key=lambda pair: pair[0])

    def window(self, event: Event) -> Window:
        """Returns an event with as much time around it as one wants to see."""
        around = max(event.end_ns - event.start_ns, round(48 * self.period_s * _NS))
        return Window(event.start_ns - around, event.end_ns + around)

    def in_training(self, event: Event) -> bool:
        """Returns whether an event lies in the rows that the detector was trained on."""
        return self.training is not None and self.training.meets(event)

    def label_of(self, event: Event) -> Window | None:
        """Returns the first labelled window that an event overlaps."""
        return next((label for label in self.labels or () if label.meets(event)), None)

    def hit(self, label: Window) -> bool:
        """Returns whether an event overlaps a labelled window."""
        return any(label.meets(event) for event in self.events)


def find(
    detector: Detector,
    frame: pd.DataFrame,
    *,
    labels: Sequence[tuple[int, int]] | None = None,
    training: Window | None = None,
) -> Findings:
    """Scores a series and looks for events at the detector's own threshold.

    Args:
        detector: A trained detector.
        frame: One float column per channel, indexed by time; NaN where missing.
        labels: Labelled windows, both ends inside, in nanoseconds.
        training: The training rows, where the series contains them.

    Raises:
        InputError: Columns or times that the detector cannot use.
    """
    scores, counts = detector.scores(frame)
    return Findings(
        channels=detector.channels,
        units=detector.channel_units,
        period_s=detector.period_s,
        warmup_steps=detector.warmup_steps,
        scores=scores,
        axis=TimeAxis(scores.times_ns, frame.index, period_s=detector.period_s),
        threshold=float(detector.card["threshold"]),
        events=tuple(detector.events_of(scores)),
        labels=None if labels is None else tuple(Window(*label) for label in labels),
        training=training,
        counts=counts,
    )


def threshold_score(detector: Detector) -> float:
    """Returns the score whose severity is the threshold, by asking the calibration itself."""
    threshold = float(detector.card["threshold"])
    high = max(float(detector.card["calibration"]["quantiles"]["1"]), 1e-6)
    while detector.calibration.severity(np.array([high]))[0] < threshold:
        high *= 2
        if not np.isfinite(high):
            raise InputError("The calibration never reaches its threshold. Train again.")
    low = 0.0
    for _ in range(3):  # a thousandth of the bracket each time: float32 resolves no more
        grid = np.linspace(low, high, 1001)
        first = int(np.argmax(detector.calibration.severity(grid) >= threshold))
        low, high = grid[max(first - 1, 0)], grid[first]
    return float(high)
