"""Which columns of a table are read, and what their cells mean."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.clock.durations import nanoseconds
from runtime.clock.timestamps import TimestampParser, TimeStyle
from runtime.errors import InputError

TIME_COLUMNS = ("time", "timestamp", "date", "datetime", "ts")
"""Names of a time column, in any case, where none is given."""
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")


class Block(NamedTuple):
    """Rows in the order of the file."""

    times_ns: npt.NDArray[np.int64]
    """Nanoseconds since 1970-01-01 UTC: int64 (rows,)."""
    values: npt.NDArray[np.float64]
    """The channels, NaN where missing: float64 (rows, channels)."""


class Columns:
    """The columns that are read: the channels, and a time column where there is one.

    Args:
        channels: Names of the channels, in the order wanted.
        period_s: Step of the times 0, 1, 2 … × period where there is no time column.
        time: Name of the time column, where it is given.
        name: What to call the table in messages.
    """

    def __init__(
        self, channels: Sequence[str], *, period_s: float, time: str | None, name: str
    ) -> None:
        self.channels = tuple(channels)
        self.time = time
        self.name = name
        self._period_ns = nanoseconds(period_s)
        self._times = TimestampParser()
        self._numbered = 0  # rows numbered so far, where there is no time column

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names that the table must have."""
        return self.channels if self.time is None else (*self.channels, self.time)

    @property
    def style(self) -> TimeStyle | None:
        """How times are written; `None` before the first one, or without a time column."""
        return self._times.style

    def time_at(self, names: Sequence[str]) -> int | None:
        """Returns the place of the time column among names; `None` where there is none."""
        if self.time is not None:
            return names.index(self.time)
        lower = [None if name in self.channels else name.lower() for name in names]
        return next((lower.index(name) for name in TIME_COLUMNS if name in lower), None)

    def times(self, cells: list[str] | None, numbers: Sequence[int]) -> npt.NDArray[np.int64]:
        """Returns the times of rows, int64 nanoseconds.

        Args:
            cells: The time column's, or `None`: rows are numbered.
            numbers: Of the rows in the file, for messages.
        """
        if cells is None:
            first = self._numbered
            self._numbered += len(numbers)
            return np.arange(first, first + len(numbers)) * self._period_ns
        if numbers[-1] - numbers[0] + 1 == len(cells):
            return self._times.parse(cells, numbers[0])
        # Blank lines in between: cell by cell, so that messages name the right row.
        return np.concatenate(
            [self._times.parse([cell], row) for cell, row in zip(cells, numbers, strict=True)]
        )

    def no_number(self, cell: object, column: str, row: int) -> InputError:
        """Returns the error for a cell that is no number."""
        advice = "Correct the cell, or leave it empty."
        if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
            advice = "Write decimals with a point: decimal commas are not read."
        return InputError(
            f"Column {column} of {self.name} must hold numbers. "
            f"Received: {str(cell)[:60]!r} in row {row}. {advice}"
        )
