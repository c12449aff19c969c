"""Lines to records: cells between delimiters, quotes and what is wrong with them."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import repeat

__all__ = ["Records", "split_line"]

SPACES = " "
"""The delimiter of columns that are padded with spaces."""

_RUN = re.compile(r"\s+")
_MOST_LINES = 100


def split_line(line: str, delimiter: str) -> tuple[list[str], bool]:
    """Splits one line; a quote that opens a cell and is not closed is a character.

    Returns:
        The cells, and whether a quote was left open.
    """
    if delimiter == SPACES:
        return _RUN.split(line.strip()), False
    if '"' not in line:
        return line.split(delimiter), False
    if line.count('"') % 2 == 0 and f'{delimiter}"' not in f"{delimiter}{line}".replace(" ", ""):
        return line.split(delimiter), False
    return _quoted(line, delimiter)


def _quoted(line: str, delimiter: str) -> tuple[list[str], bool]:
    cells: list[str] = []
    place, is_open = 0, False
    end = len(line)
    while place <= end:
        start = place
        while start < end and line[start] == " " != delimiter:
            start += 1
        if start < end and line[start] == '"':
            text, after = _closed(line, start + 1)
            if after is not None:
                stop = line.find(delimiter, after)
                stop = end if stop < 0 else stop
                cells.append(text + line[after:stop].rstrip())
                place = stop + 1
                continue
            is_open = True
        stop = line.find(delimiter, place)
        stop = end if stop < 0 else stop
        cells.append(line[place:stop])
        place = stop + 1
    return cells, is_open


def _closed(line: str, start: int) -> tuple[str, int | None]:
    """Returns the text within quotes and the place behind them; `None`: they do not close."""
    parts = []
    while True:
        at = line.find('"', start)
        if at < 0:
            return "", None
        parts.append(line[start:at])
        if line[at + 1 : at + 2] != '"':
            return "".join(parts), at + 1
        parts.append('"')
        start = at + 2


class Records:
    """Splits lines into records.

    A quote that opens a cell and is not closed within its line waits for the next line: where
    that is a whole record by itself, the quote was a character; else the cell goes on there.

    Args:
        delimiter: Between cells.
        width: Cells of a whole record.
    """

    def __init__(self, delimiter: str, width: int) -> None:
        self._delimiter = delimiter
        self._width = width
        self._open: list[str] = []
        self._open_row = 0
        self.stray_quotes: list[int] = []
        """Rows in which a quote was taken as a character; at most a hundred."""

    def split(self, lines: Sequence[str], row: int) -> tuple[list[list[str]], Sequence[int]]:
        """Returns records and the rows that they begin in.

        Args:
            lines: Whole lines.
            row: Of the first of them.
        """
        delimiter = self._delimiter
        if not self._open and delimiter != SPACES:
            if '"' not in "".join(lines):
                return [line.split(delimiter) for line in lines], range(row, row + len(lines))
            if all(line.count('"') % 2 == 0 for line in lines):
                try:
                    rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
                except csv.Error:
                    rows = []
                if len(rows) == len(lines):
                    return rows, range(row, row + len(lines))
        records: list[list[str]] = []
        numbers: list[int] = []
        for number, line in enumerate(lines, row):
            for cells, at in self._line(line, number):
                records.append(cells)
                numbers.append(at)
        return records, numbers

    def flat(self, lines: Sequence[str]) -> list[str] | None:
        """Returns the cells of all lines, one row after the other.

        `None`: a line is no plain row of all cells, and `split` must look at each.
        """
        delimiter = self._delimiter
        if self._open or delimiter == SPACES or self._width < 2:
            return None
        if set(map(str.count, lines, repeat(delimiter))) != {self._width - 1}:
            return None
        text = delimiter.join(lines)
        return None if '"' in text else text.split(delimiter)

    def finish(self) -> tuple[list[list[str]], list[int]]:
        """Returns what a quote that was never closed has held back."""
        released = list(self._release())
        return [cells for cells, _ in released], [at for _, at in released]

    def _line(self, line: str, number: int) -> Iterator[tuple[list[str], int]]:
        cells, is_open = split_line(line, self._delimiter)
        if not self._open:
            if is_open:
                self._open, self._open_row = [line], number
            else:
                yield cells, number
            return
        joined, still_open = split_line("\n".join([*self._open, line]), self._delimiter)
        is_row = len(self._open) == 1 and self._cells(self._open[0]) == self._width
        if len(cells) == self._width and (not is_open or still_open or is_row):
            yield from self._release()
            yield from self._line(line, number)
        elif not still_open and len(joined) == self._width:
            row, self._open = self._open_row, []
            yield joined, row
        elif len(self._open) < _MOST_LINES:
            self._open.append(line)
        else:
            yield from self._release()
            yield from self._line(line, number)

    def _cells(self, line: str) -> int:
        return len(split_line(line, self._delimiter)[0])

    def _release(self) -> Iterator[tuple[list[str], int]]:
        if self._open and len(self.stray_quotes) < _MOST_LINES:
            self.stray_quotes.append(self._open_row)
        for place, line in enumerate(self._open):
            yield split_line(line, self._delimiter)[0], self._open_row + place
        self._open = []
