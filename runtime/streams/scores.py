"""Scored steps of one stream."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from runtime.clock.grid import Placed
from runtime.clock.rows import Times, Values
from runtime.model.outputs import PER_STEP, PerStep, StepOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores(PerStep):
    """Scored steps, in the order of the grid: what the detector says, and of which rows."""

    times_ns: Times
    """Nanoseconds since 1970-01-01: int64 (steps,)."""
    values: Values
    """The channels as they came, NaN where nothing came: float64 (steps, channels)."""
    alarm: npt.NDArray[np.bool_]
    """Severity at or above the stream's threshold: (steps,)."""
    restart: npt.NDArray[np.bool_]
    """True at the first step of each segment, where the warm-up begins: (steps,)."""
    rows: Times
    """Number of the row behind each step, counted from 0 as they came; −1: none (steps,)."""

    def __len__(self) -> int:
        return len(self.times_ns)

    @classmethod
    def of(cls, placed: Placed, outputs: StepOutput, threshold: float) -> Self:
        """Joins what a grid emitted and what the network said about it.

        Args:
            placed: The steps.
            outputs: Without the axis of the streams.
            threshold: Alarm threshold on severity.
        """
        return cls(
            **{name: getattr(outputs, name) for name in PER_STEP},
            times_ns=placed.times_ns,
            values=placed.values,
            alarm=outputs.severity >= threshold,
            restart=placed.restart,
            rows=placed.rows,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Joins scores that follow each other, at least one."""
        columns = {f.name: [getattr(scores, f.name) for scores in parts] for f in fields(cls)}
        return cls(**{name: np.concatenate(arrays) for name, arrays in columns.items()})

    def warming(self, steps: int) -> npt.NDArray[np.bool_]:
        """Returns which steps lie in a warm-up.

        Args:
            steps: Length of a warm-up; it begins at the first step and at each restart.
        """
        number = np.arange(len(self))
        since = number - np.maximum.accumulate(np.where(self.restart, number, 0))
        return np.asarray(since < steps)
