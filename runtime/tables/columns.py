"""The columns of a table that are read: its channels, and its times where it has any."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.clock.durations import nanoseconds
from runtime.clock.timestamps import NO_TIME, TimestampParser
from runtime.errors import InputError
from runtime.tables.cells import ColumnCells
from runtime.tables.json_rows import text_of
from runtime.tables.suspects import Suspects

__all__ = ["Block", "Channels", "Clock"]


class Block(NamedTuple):
    """Rows in the order of the file."""

    times_ns: npt.NDArray[np.int64]
    """Nanoseconds since 1970-01-01 UTC: int64 (rows,)."""
    values: npt.NDArray[np.float64]
    """The channels, NaN where missing: float64 (rows, channels)."""

    @classmethod
    def joined(cls, blocks: Sequence["Block"]) -> "Block":
        """Returns blocks as one; at least one."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*blocks, strict=True)))


class Clock:
    """The times of a table's rows: read, or counted where there are none.

    Args:
        parser: Reads them; `None`: rows are numbered.
        period_s: Step of the times 0, 1, 2 … × period where rows are numbered.
        suspects: Takes rows without a time.
    """

    def __init__(
        self, parser: TimestampParser | None, *, period_s: float, suspects: Suspects
    ) -> None:
        self._parser = parser
        self._period_ns = nanoseconds(period_s)
        self._suspects = suspects
        self._numbered = 0

    def read(
        self, cells: Sequence[str] | None, rows: Sequence[int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp] | None]:
        """Returns the times of rows, int64 nanoseconds, and which rows have one (`None`: all).

        Args:
            cells: The time column's; `None` where rows are numbered.
            rows: Their numbers in the file, for messages.
        """
        if cells is None or self._parser is None:
            first = self._numbered
            self._numbered += len(rows)
            self._suspects.follow(rows)
            return np.arange(first, first + len(rows)) * self._period_ns, None
        times = self._parser.parse(cells, rows[0], strict=False)
        if not (times == NO_TIME).any():
            self._suspects.follow(rows)
            return times, None
        good = np.flatnonzero(times != NO_TIME)
        for place in np.flatnonzero(times == NO_TIME).tolist():
            self._suspects.take(cells[place], rows[place], self._error(cells[place], rows[place]))
        self._suspects.follow([rows[place] for place in good.tolist()])
        return times[good], good

    def _error(self, cell: str, row: int) -> InputError:
        try:
            if self._parser is not None:
                self._parser.parse([cell], row)
        except InputError as error:
            return error
        return InputError(f"Every row must have a time. Received: {cell[:60]!r} in row {row}.")


class Channels:
    """The channels of a table.

    Args:
        cells: A reader per channel.
        is_text: All cells are text, as those of a CSV file.
    """

    def __init__(self, cells: Sequence[ColumnCells], *, is_text: bool = False) -> None:
        self._is_text = is_text
        self.cells = list(cells)
        """In order."""

    def read(
        self, columns: Sequence[Sequence[object]], rows: Sequence[int]
    ) -> npt.NDArray[np.float64]:
        """Returns values, float64 (rows, channels).

        Raises:
            InputError: A cell that is no number.
        """
        values = np.empty((len(rows), len(self.cells)))
        for place, (reader, cells) in enumerate(zip(self.cells, columns, strict=True)):
            values[:, place] = self._column(reader, cells, rows)
        return values

    def _column(
        self, reader: ColumnCells, cells: Sequence[object], rows: Sequence[int]
    ) -> npt.NDArray[np.float64]:
        types = {str} if self._is_text else set(map(type, cells))
        if types <= {str}:
            texts: Sequence[str] = cells  # type: ignore[assignment]
        elif types <= {float, int, type(None)}:
            return reader.take(_floats(cells))
        else:
            texts = [text_of(cell) for cell in cells]
        return reader.read(texts, rows)


def _floats(cells: Sequence[object]) -> npt.NDArray[np.float64]:
    try:
        return np.array(cells, np.float64)
    except OverflowError:
        # An integer of more than 308 digits.
        return np.array([np.inf if isinstance(c, int) else c for c in cells], np.float64)
