"""The one type that every loader returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kad.data.frames import times_ns
from runtime.errors import InputError
from runtime.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    Rows = tuple[int, int]

__all__ = ["Series", "median_period_s", "runs"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Series:
    """A multi-channel series with its labels, split and origin.

    Row ranges are 0-based and half-open. Time stamps are naive and stay as the file has them, in
    the file's order: duplicates, gaps and jumps back included.
    """

    name: str
    """The name that `load` takes."""
    frame: pd.DataFrame
    """(rows, channels) float64, NaN = missing; index `time`, or RangeIndex `row`. In your own CSV
    numbers stay numbers, of seconds, and times with a zone become UTC."""
    windows: tuple[tuple[Any, Any], ...] = ()
    """Labelled anomalies as (start, end) values of the index, both inside."""
    points: tuple[int, ...] = ()
    """Labelled points as rows (a time stamp may occur twice, a row not)."""
    train: Rows | None = None
    """Rows to train on; None where no split is published."""
    test: tuple[Rows, ...] = ()
    """Rows to test on, in one or more segments."""
    period_s: float | None = None
    """Seconds between rows (the median); None where the source states none."""
    units: dict[str, str] = field(default_factory=dict)
    """Unit per channel, where known."""
    source: str = ""
    """Address of the file at a pinned commit, or the local path."""
    licence: str = ""
    """SPDX name, or what is known."""
    notes: str = ""
    """What a user of the labels or the split should know."""

    def __post_init__(self) -> None:
        rows = len(self.frame)
        for first, last in (*((self.train,) if self.train else ()), *self.test):
            if not 0 <= first < last <= rows:
                raise InputError(
                    f"{self.name}: rows {first}:{last} lie outside the series' {rows} rows."
                )

    @property
    def channels(self) -> tuple[str, ...]:
        """The frame's columns."""
        return tuple(self.frame.columns)

    @property
    def train_mask(self) -> np.ndarray:
        """(rows,) bool: in the training part."""
        return self._mask((self.train,) if self.train else ())

    @property
    def test_mask(self) -> np.ndarray:
        """(rows,) bool: in a test segment."""
        return self._mask(self.test)

    def labels(self) -> np.ndarray:
        """(rows,) bool: the row's index value lies in a labelled window."""
        index = self.frame.index
        mask = np.zeros(len(index), dtype=bool)
        for start, end in self.windows:
            mask |= np.asarray((index >= start) & (index <= end))
        return mask

    def point_labels(self) -> np.ndarray:
        """(rows,) bool: the row is a labelled point."""
        mask = np.zeros(len(self.frame), dtype=bool)
        mask[list(self.points)] = True
        return mask

    def train_frame(self) -> pd.DataFrame:
        """The training rows.

        Raises:
            InputError: The series has no published split.
        """
        if self.train is None:
            raise InputError(f"{self.name} has no training part; choose rows of `frame` yourself.")
        return self.frame.iloc[slice(*self.train)]

    def test_frames(self) -> tuple[pd.DataFrame, ...]:
        """One frame per test segment."""
        return tuple(self.frame.iloc[slice(*rows)] for rows in self.test)

    def to_csv(self, path: str | Path, *, labels: str | Path | None = None) -> None:
        """Writes the series as CSV, and its labels as a second file; each whole or not at all.

        Columns are `time` (where the series has time stamps) and the channels; an empty cell is a
        missing value. The labels are `start,end` (both inside) in the same time, or as row numbers.
        `csv_file.load` reads both back, numbers exact to the last bit.

        Args:
            path: Where to write the data. An existing file is replaced.
            labels: Where to write the labelled windows.

        Raises:
            InputError: A file cannot be written.
        """
        timed = not isinstance(self.frame.index, pd.RangeIndex)
        text = self.frame.to_csv(index=timed, index_label="time" if timed else None)
        write_atomically(path, text)
        if labels is not None:
            windows = pd.DataFrame(self.windows, columns=["start", "end"])
            write_atomically(labels, windows.to_csv(index=False))

    def _mask(self, segments: tuple[Rows, ...]) -> np.ndarray:
        mask = np.zeros(len(self.frame), dtype=bool)
        for first, last in segments:
            mask[first:last] = True
        return mask


def median_period_s(frame: pd.DataFrame) -> float | None:
    """The median of the positive steps between the frame's time stamps, in seconds."""
    steps = np.diff(times_ns(frame))
    steps = steps[steps > 0]
    return float(np.median(steps)) / 1e9 if len(steps) else None


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """The half-open row ranges in which `mask` (rows,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
