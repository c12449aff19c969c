"""Scored steps of one stream."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self

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
        alarm = outputs.severity >= threshold
        return cls._built(
            [
                *_per_step(outputs),
                placed.times_ns,
                placed.values,
                alarm,
                placed.restart,
                placed.rows,
            ]
        )

    @classmethod
    def of_row(
        cls, slot_ns: int, values: Values, row: int, outputs: StepOutput, level: float
    ) -> Self:
        """As `of`, for one row that goes on a segment: a live stream brings nothing else.

        Args:
            slot_ns: Time of its slot.
            values: float64 (1, channels).
            row: Its number.
            outputs: Of one step of one stream, with both axes.
            level: The alarm threshold in float32.
        """
        times, rows = np.empty(1, _INT64), np.empty(1, _INT64)
        times[0], rows[0] = slot_ns, row
        alarm = np.zeros(1, _BOOL)
        if outputs.severity.item() >= level:
            alarm[0] = True
        scores: Self = object.__new__(cls)
        for name, put in _PUT_STEP:
            put(scores, getattr(outputs, name)[0])
        _put_times(scores, times)
        _put_values(scores, values)
        _put_alarm(scores, alarm)
        _put_restart(scores, np.zeros(1, _BOOL))
        _put_rows(scores, rows)
        return scores

    @classmethod
    def _built(cls, columns: Sequence[npt.NDArray[Any]]) -> Self:
        """From all fields, in order; past `__init__`, which is slow where a class is frozen."""
        scores: Self = object.__new__(cls)
        for put, column in zip(_PUT, columns, strict=True):
            put(scores, column)
        return scores

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Joins scores that follow each other, at least one."""
        columns = [[getattr(scores, f.name) for scores in parts] for f in fields(cls)]
        return cls._built([np.concatenate(arrays) for arrays in columns])

    def taken(self, at: npt.NDArray[Any] | slice) -> Self:
        """Returns some of the steps; as parts of these arrays where they are a slice."""
        return self._built([column[at] for column in _columns(self)])

    def warming(self, steps: int) -> npt.NDArray[np.bool_]:
        """Returns which steps lie in a warm-up.

        Args:
            steps: Length of a warm-up; it begins at the first step and at each restart.
        """
        number = np.arange(len(self))
        since = number - np.maximum.accumulate(np.where(self.restart, number, 0))
        return np.asarray(since < steps)


_INT64, _BOOL = np.dtype(np.int64), np.dtype(np.bool_)
_per_step = attrgetter(*PER_STEP)
_columns = attrgetter(*(f.name for f in fields(Scores)))
_PUT = [getattr(Scores, f.name).__set__ for f in fields(Scores)]
"""What sets the fields, in the order of the class: the outputs, then the others."""
_PUT_STEP = list(zip(PER_STEP, _PUT, strict=False))
_put_times, _put_values, _put_alarm, _put_restart, _put_rows = _PUT[len(PER_STEP) :]
