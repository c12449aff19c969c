"""CSV: columns of cells, below a header that is found."""

from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter

from runtime.tables.layout import Layout, find_layout, units_of
from runtime.tables.lines import Lines
from runtime.tables.records import Records
from runtime.tables.suspects import Suspects

__all__ = ["CsvRows"]

_COMMENTS = ("#", "//")


class CsvRows:
    """The rows of a CSV file.

    Args:
        lines: The file.
        head: Its first lines.
        suspects: Takes rows that are none.
        wanted: Columns that it should have, where they are known.

    Raises:
        InputError: There are no rows below the header.
    """

    def __init__(
        self, lines: Lines, head: list[str], suspects: Suspects, wanted: Collection[str] = ()
    ) -> None:
        self._lines = lines
        self._head = head
        self._suspects = suspects
        self.layout: Layout = find_layout(head, lines.name, wanted)
        """Where its parts lie."""
        self.names = self.layout.names
        """Of the columns, in order."""
        self.units = self.layout.units
        """Units, from a row below the header."""
        self.repeated_headers = 0
        """Rows that were the header again."""
        self.comments = 0
        """Comments between the rows."""
        self.stray_quotes: Sequence[int] = ()
        """Rows in which a quote was taken as a character; at most a hundred."""
        self._below_header = False

    def sample(self) -> list[list[str]]:
        """Returns the first cells of every column."""
        records = Records(self.layout.delimiter, self.layout.width)
        rows, _ = records.split(self._head[self.layout.first :], 0)
        width = self.layout.width
        full = [self._joined(row) for row in rows if len(row) >= width and not self._is_header(row)]
        return [[row[place].strip() for row in full] for place in range(len(self.names))]

    def columns(
        self, places: Sequence[int]
    ) -> Iterator[tuple[Sequence[Sequence[object]], Sequence[int]]]:
        """Yields cells of some columns, as many rows at a time as have arrived, and their rows."""
        lines, layout = self._lines, self.layout
        records = Records(layout.delimiter, layout.width)
        self.stray_quotes = records.stray_quotes
        lines.row += layout.first
        first = layout.first
        for batch in lines.batches(self._head):
            some = batch[first:]
            first = max(0, first - len(batch))
            row = lines.row
            lines.row += len(some)
            if (plain := self._plain(records, some, places)) is not None:
                yield plain, range(row, row + len(some))
            else:
                yield from self._taken(*records.split(some, row), places)
        yield from self._taken(*records.finish(), places)

    def _plain(
        self, records: Records, lines: Sequence[str], places: Sequence[int]
    ) -> list[list[str]] | None:
        """Returns the columns of lines that are rows and nothing else, many times faster."""
        if self.layout.joins_time or not lines:
            return None
        cells = records.flat(lines)
        if cells is None:
            return None
        width = self.layout.width
        firsts = "\n".join(cells[::width])
        if "#" in firsts or "//" in firsts or self.names[0] in firsts:
            return None
        return [cells[place::width] for place in places]

    def _taken(
        self, rows: list[list[str]], numbers: Sequence[int], places: Sequence[int]
    ) -> Iterator[tuple[Sequence[Sequence[object]], Sequence[int]]]:
        width = self.layout.width
        if set(map(len, rows)) - {width} or any(row[0].startswith(_COMMENTS) for row in rows):
            rows, numbers = self._regular(rows, numbers)
        header = self.names[0]
        if self._below_header or any(row[0].strip() == header for row in rows):
            rows, numbers = self._without_headers(rows, numbers)
        if rows:
            if self.layout.joins_time:
                rows = [self._joined(row) for row in rows]
            yield [[*map(itemgetter(place), rows)] for place in places], numbers

    def _regular(
        self, rows: list[list[str]], numbers: Sequence[int]
    ) -> tuple[list[list[str]], list[int]]:
        """Leaves out blank lines and comments; cells beyond the header must be empty."""
        width = self.layout.width
        good: list[list[str]] = []
        kept: list[int] = []
        for row, number in zip(rows, numbers, strict=True):
            if not any(cell.strip() for cell in row) and (len(row) < width or width == 1):
                continue
            if row[0].lstrip().startswith(_COMMENTS):
                self.comments += 1
            elif len(row) >= width and (
                not any(map(str.strip, row[width:])) or self._are_units(row)
            ):
                good.append(row[:width])
                kept.append(number)
            else:
                self._suspects.take_row(row, number, width)
        return good, kept

    def _without_headers(
        self, rows: list[list[str]], numbers: Sequence[int]
    ) -> tuple[list[list[str]], list[int]]:
        """Leaves out the header where it comes again, and the row of units below it."""
        good: list[list[str]] = []
        kept: list[int] = []
        for row, number in zip(rows, numbers, strict=True):
            is_below, self._below_header = self._below_header, self._is_header(row)
            if self._below_header:
                self.repeated_headers += 1
                self._suspects.take_header(number)
            elif not (is_below and self._are_units(row)):
                good.append(row)
                kept.append(number)
        return good, kept

    def _are_units(self, row: list[str]) -> bool:
        found = units_of([cell.strip() for cell in row], self.layout.width)
        return found is not None and any(self.units) and found[0] == self.units

    def _is_header(self, row: list[str]) -> bool:
        return [cell.strip() for cell in row[: len(self.names)]] == list(self.names)

    def _joined(self, row: list[str]) -> list[str]:
        return [f"{row[0]} {row[1]}", *row[2:]] if self.layout.joins_time else row
