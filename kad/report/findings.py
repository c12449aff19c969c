"""What a detector found in a series: scores, events, and how they meet the labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kad.detector import Detector
from kad.metrics.ranges import windows_to_ranges
from kad.report.words import TimeAxis
from runtime.alarms.events import Event
from runtime.model.schema import Metadata
from runtime.streams.scores import Scores

NS = 10**9


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

    metadata: Metadata
    """What the detector says about itself."""
    scores: Scores
    """Every step of the time grid."""
    axis: TimeAxis
    """How times are drawn and written."""
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
        return self.scores.warming(self.metadata.warmup_steps)

    @property
    def seconds(self) -> float:
        """Length of the series in seconds: from the first step to the end of the last."""
        times = self.scores.times_ns
        return float(times.max() - times.min()) / NS + self.metadata.period_s

    @cached_property
    def training_rows(self) -> tuple[int, int] | None:
        """The half-open range of rows that the detector was trained on."""
        return None if self.training is None else self.rows_of(self.training)

    @property
    def skipped_rows(self) -> tuple[int, int] | None:
        """Rows that figures leave out: those of the training, unless there are no others."""
        rows = self.training_rows
        return None if rows == (0, len(self.scores)) else rows

    @cached_property
    def counted(self) -> np.ndarray:
        """Rows that figures count: bool `(steps,)`."""
        mask = np.ones(len(self.scores), bool)
        if self.skipped_rows is not None:
            mask[slice(*self.skipped_rows)] = False
        return mask

    @cached_property
    def label_ranges(self) -> list[tuple[int, int]]:
        """Half-open ranges of labelled rows, in order, apart."""
        around = self.metadata.around_ns
        return windows_to_ranges(self.labels or (), self.scores.times_ns, around_ns=around)

    def rows_of(self, window: Window) -> tuple[int, int] | None:
        """Returns the half-open range of rows from the first to the last one in a window."""
        ranges = windows_to_ranges(
            [window], self.scores.times_ns, around_ns=self.metadata.around_ns
        )
        return (ranges[0][0], ranges[-1][1]) if ranges else None

    @cached_property
    def band(self) -> np.ndarray:
        """How far measured values usually lie from the expected ones: `(channels, 2)`.

        99 of 100 of the samples outside of events lie between expected + first and expected +
        second.
        """
        normal = ~self.warming & (self.scores.severity < self.metadata.threshold)
        gaps = (self.scores.values - self.scores.expected)[normal]
        bands = [gap[np.isfinite(gap)] for gap in gaps.T]
        usual = [np.quantile(gap, [0.005, 0.995]) if gap.size else np.zeros(2) for gap in bands]
        return np.array(usual)

    @property
    def recent(self) -> dict[str, Any] | None:
        """The last day or hour, where the series is long enough to single it out."""
        times = self.scores.times_ns
        for length, word in ((86_400, "day"), (3600, "hour")):
            if self.seconds >= 2 * length:
                first = np.flatnonzero(times > times.max() - length * NS)[0]
                return {"word": word, "row": int(first)}
        return None

    def in_training(self, event: Event) -> bool:
        """Returns whether an event lies in the rows that the detector was trained on."""
        return self.training is not None and self.training.meets(event)


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
        metadata=detector.metadata,
        scores=scores,
        axis=TimeAxis(scores.times_ns, frame.index, period_s=detector.period_s),
        events=tuple(detector.events_of(scores)),
        labels=None if labels is None else tuple(Window(*label) for label in labels),
        training=training,
        counts=counts,
    )
