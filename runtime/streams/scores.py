"""Scored steps of one stream."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from runtime.clock.grid import Placed, Times, Values
from runtime.model.detector import Array
from runtime.streams.rounds import Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scored steps, in the order of the grid."""

    times_ns: Times
    """Nanoseconds since 1970-01-01: int64 (steps,)."""
    values: Values
    """The channels as they came, NaN where nothing came: float64 (steps, channels)."""
    score: Array
    """The detector's own score: float32 (steps,)."""
    severity: Array
    """−log10 P(a normal sample scores this high): float32 (steps,)."""
    expected: Array
    """What the detector expected, in raw units: float32 (steps, channels)."""
    channel_scores: Array
    """Each channel's part of the score: float32 (steps, channels)."""
    alarm: npt.NDArray[np.bool_]
    """Severity at or above the stream's threshold: (steps,)."""
    restart: npt.NDArray[np.bool_]
    """True at the first step of each segment, where the warm-up begins: (steps,)."""
    rows: Times
    """Number of the row behind each step, counted from 0 as they came; −1: none (steps,)."""

    def __len__(self) -> int:
        return len(self.times_ns)

    @classmethod
    def of(cls, placed: Placed, outputs: Outputs, threshold: float) -> Self:
        """Joins what a grid emitted and what the network said about it."""
        score, severity, channel_scores, expected = outputs
        return cls(
            times_ns=placed.times_ns,
            values=placed.values,
            score=score,
            severity=severity,
            expected=expected,
            channel_scores=channel_scores,
            alarm=severity >= threshold,
            restart=placed.restart,
            rows=placed.rows,
        )
