"""CSV: a header, then rows."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError
from runtime.tables.columns import Block, Columns
from runtime.tables.formulas import from_text
from runtime.tables.lines import Lines

_MISSING = frozenset(["", "nan", "null", "na", "n/a", "none"])


def csv_blocks(lines: Lines, columns: Columns, head: bytes) -> Iterator[Block]:
    """Yields the rows of a CSV file, see `TableReader`."""
    header: list[str] | None = None
    delimiter = ","
    for text in lines.texts(head, quotes=True):
        if header is None:
            delimiter = find_delimiter(text.lstrip("\r\n").split("\n", 1)[0])
        rows = _split(text, delimiter, lines)
        if header is None:
            blank = next((i for i, row in enumerate(rows) if row), None)
            if blank is None:
                lines.row += len(rows)
                continue
            header = [from_text(cell.strip()) for cell in rows[blank]]
            rows = rows[blank + 1 :]
            lines.row += blank + 1
            time_at, channels_at = _places(header, columns)
        number = len(rows)
        numbers: Sequence[int] = range(lines.row, lines.row + number)
        if set(map(len, rows)) - {len(header)}:
            rows, numbers = _regular(rows, header, lines)
        if rows:
            checked = "_" in text
            values = [
                _floats([*map(itemgetter(at), rows)], header[at], numbers, columns, checked=checked)
                for at in channels_at
            ]
            cells = None if time_at is None else [*map(itemgetter(time_at), rows)]
            yield Block(columns.times(cells, numbers), np.stack(values, axis=1))
        lines.row += number


def _split(text: str, delimiter: str, lines: Lines) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return list(reader)
    except csv.Error as error:
        raise InputError(
            f"{lines.name} must be CSV. Received: {error} in row {lines.row + reader.line_num - 1}."
        ) from error


def _places(header: list[str], columns: Columns) -> tuple[int | None, list[int]]:
    """Finds the time column and the channels in the header."""
    wanted = columns.wanted
    missing = [name for name in wanted if name not in header]
    if missing:
        raise InputError(
            f"{columns.name} must have the columns {', '.join(wanted)}. "
            f"Received: {', '.join(header)[:500]}; {', '.join(missing)} missing. "
            "Rename the columns, or use a detector made for these."
        )
    double = [name for name in wanted if header.count(name) > 1]
    if double:
        raise InputError(
            f"{columns.name} must have each column once. Received: {double[0]} "
            f"{header.count(double[0])} times. Rename one of them."
        )
    return columns.time_at(header), [header.index(name) for name in columns.channels]


def _regular(
    rows: list[list[str]], header: list[str], lines: Lines
) -> tuple[list[list[str]], list[int]]:
    """Drops blank lines; any other row of another length is an error."""
    kept = [i for i, row in enumerate(rows) if row and (len(row) > 1 or row[0].strip())]
    for i in kept:
        if len(rows[i]) != len(header):
            raise InputError(
                f"Every row of {lines.name} must have {len(header)} cells, as its header. "
                f"Received: {len(rows[i])} in row {lines.row + i}. Mend that row."
            )
    return [rows[i] for i in kept], [lines.row + i for i in kept]


def _floats(
    cells: list[str], column: str, numbers: Sequence[int], columns: Columns, *, checked: bool
) -> npt.NDArray[np.float64]:
    try:
        # float() reads "1_000", which is no number elsewhere.
        if not (checked and any("_" in cell for cell in cells)):
            return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        try:
            if "_" in cell:
                raise columns.no_number(cell, column, numbers[i])
            values[i] = float(cell)
        except ValueError:
            if cell.strip().lower() not in _MISSING:
                raise columns.no_number(cell, column, numbers[i]) from None
            values[i] = np.nan
    return values


def find_delimiter(header: str) -> str:
    """Returns the delimiter of a CSV header: comma, semicolon, tab or bar."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=outside.count)
