"""Reads CSV and JSON lines block by block, in constant memory."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.clock.durations import nanoseconds
from runtime.clock.timestamps import TimestampParser, TimeStyle
from runtime.errors import InputError

__all__ = ["TIME_COLUMNS", "Block", "TableReader", "find_delimiter"]

TIME_COLUMNS = ("time", "timestamp", "date", "datetime", "ts")
_MISSING = frozenset(["", "nan", "null", "na", "n/a", "none"])
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")
_READ_SIZE = 1 << 18
_LINE_LIMIT = 1 << 24


class Block(NamedTuple):
    """Rows in the order of the file."""

    times_ns: npt.NDArray[np.int64]
    """Nanoseconds since 1970-01-01 UTC: int64 (rows,)."""
    values: npt.NDArray[np.float64]
    """The channels, NaN where missing: float64 (rows, channels)."""


class TableReader:
    """Iterates over the rows of a CSV or JSON-lines file as blocks.

    A file gives large blocks; a pipe gives what has arrived. CSV needs a header line; the
    delimiter (comma, semicolon, tab or bar) is found there. Empty cells, `nan`, `null`, `NA` and
    `None` are missing; infinity is kept. Other columns are ignored.

    Args:
        file: The open file or pipe, binary.
        channels: Columns to read, in the order wanted.
        period_s: Step of the times 0, 1, 2 … × period where the file has no time column.
        time: Name of the time column. Default: `time`, `timestamp`, `date`, `datetime` or `ts`,
            in any case; numbered rows where there is none.
        name: What to call the file in messages.

    Raises:
        InputError: On iteration: an empty file, a missing column, a cell that is no number or no
            time, rows of different length, another encoding than UTF-8. The message names the
            file, the row (the header is row 1) and the column.
    """

    def __init__(
        self,
        file: BinaryIO,
        channels: Sequence[str],
        *,
        period_s: float,
        time: str | None = None,
        name: str = "the table",
    ) -> None:
        self._file = file
        self._channels = tuple(channels)
        self._period_ns = nanoseconds(period_s)
        self._time = time
        self.name = name
        self._times = TimestampParser()
        self._row = 1  # number of the next line
        self._numbered = 0  # rows numbered so far, where there is no time column

    @property
    def style(self) -> TimeStyle:
        """How the file writes times; known after the first block."""
        return self._times.style or TimeStyle("number")

    @property
    def has_times(self) -> bool:
        """Whether the file has a time column; known after the first block."""
        return self._times.style is not None

    def __iter__(self) -> Iterator[Block]:
        read = getattr(self._file, "read1", self._file.read)
        head = b""
        while not head.strip() or b"\n" not in head.lstrip():
            chunk = read(_READ_SIZE)
            if not chunk:
                break
            head += chunk
            if len(head) > _LINE_LIMIT:
                raise InputError(f"{self.name} must be CSV or JSON lines. Received: no lines.")
        head = self._without_bom(head)
        if not head.strip():
            raise InputError(
                f"{self.name} must be CSV with a header, or JSON lines. Received: an empty file."
            )
        blocks = self._json(head) if head.lstrip()[:1] == b"{" else self._csv(head)
        empty = True
        for block in blocks:
            empty = False
            yield block
        if empty:
            raise InputError(
                f"{self.name} must have rows below its header. Received: a header alone."
            )

    def _without_bom(self, head: bytes) -> bytes:
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(
                f"{self.name} must be UTF-8. Received: UTF-16. Save it as CSV with UTF-8."
            )
        return head.removeprefix(b"\xef\xbb\xbf")

    def _texts(self, head: bytes, *, quotes: bool) -> Iterator[str]:
        """Yields whole lines, as many as have arrived."""
        read = getattr(self._file, "read1", self._file.read)
        held, chunk = head, head
        while chunk:
            cut = held.rfind(b"\n") + 1
            # A line break within quotes does not end a row.
            if cut and not (quotes and held.count(b'"', 0, cut) % 2):
                yield self._decoded(held[:cut])
                held = held[cut:]
            elif len(held) > _LINE_LIMIT:
                raise InputError(
                    f"{self.name} must have rows shorter than {_LINE_LIMIT >> 20} MB. Received: "
                    f"a longer one from row {self._row} on. Look for a quote that is not closed."
                )
            chunk = read(_READ_SIZE)
            held += chunk
        if held.strip():
            yield self._decoded(held)

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            row = self._row + raw.count(b"\n", 0, error.start)
            raise InputError(
                f"{self.name} must be UTF-8. Received: byte {raw[error.start]:#04x} in row "
                f"{row}. Save it as CSV with UTF-8."
            ) from error

    def _csv(self, head: bytes) -> Iterator[Block]:
        header: list[str] | None = None
        delimiter = ","
        for text in self._texts(head, quotes=True):
            if header is None:
                delimiter = find_delimiter(text.lstrip("\r\n").split("\n", 1)[0])
            rows = self._split(text, delimiter)
            if header is None:
                blank = next((i for i, row in enumerate(rows) if row), None)
                if blank is None:
                    self._row += len(rows)
                    continue
                header = [cell.strip() for cell in rows[blank]]
                rows = rows[blank + 1 :]
                self._row += blank + 1
                time_at, channels_at = self._columns(header)
            lines = len(rows)
            numbers: Sequence[int] = range(self._row, self._row + lines)
            if set(map(len, rows)) - {len(header)}:
                rows, numbers = self._regular(rows, header)
            if rows:
                checked = "_" in text
                columns = [
                    self._floats([*map(itemgetter(at), rows)], header[at], numbers, checked=checked)
                    for at in channels_at
                ]
                cells = None if time_at is None else [*map(itemgetter(time_at), rows)]
                yield Block(self._times_of(cells, numbers), np.stack(columns, axis=1))
            self._row += lines

    def _split(self, text: str, delimiter: str) -> list[list[str]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            return list(reader)
        except csv.Error as error:
            raise InputError(
                f"{self.name} must be CSV. Received: {error} in row "
                f"{self._row + reader.line_num - 1}."
            ) from error

    def _columns(self, header: list[str]) -> tuple[int | None, list[int]]:
        """Finds the time column and the channels in the header."""
        wanted = self._channels if self._time is None else (*self._channels, self._time)
        missing = [name for name in wanted if name not in header]
        if missing:
            raise InputError(
                f"{self.name} must have the columns {', '.join(wanted)}. "
                f"Received: {', '.join(header)[:500]}; {', '.join(missing)} missing. "
                "Rename the columns, or use a detector made for these."
            )
        double = [name for name in wanted if header.count(name) > 1]
        if double:
            raise InputError(
                f"{self.name} must have each column once. Received: {double[0]} "
                f"{header.count(double[0])} times. Rename one of them."
            )
        return self._time_of(header), [header.index(name) for name in self._channels]

    def _time_of(self, names: Sequence[str]) -> int | None:
        if self._time is not None:
            return names.index(self._time)
        lower = [None if name in self._channels else name.lower() for name in names]
        return next((lower.index(name) for name in TIME_COLUMNS if name in lower), None)

    def _regular(
        self, rows: list[list[str]], header: list[str]
    ) -> tuple[list[list[str]], list[int]]:
        """Drops blank lines; any other row of another length is an error."""
        kept = [i for i, row in enumerate(rows) if row and (len(row) > 1 or row[0].strip())]
        for i in kept:
            if len(rows[i]) != len(header):
                raise InputError(
                    f"Every row of {self.name} must have {len(header)} cells, as its header. "
                    f"Received: {len(rows[i])} in row {self._row + i}. Mend that row."
                )
        return [rows[i] for i in kept], [self._row + i for i in kept]

    def _floats(
        self, cells: list[str], column: str, numbers: Sequence[int], *, checked: bool
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
                    raise self._no_number(cell, column, numbers[i])
                values[i] = float(cell)
            except ValueError:
                if cell.strip().lower() not in _MISSING:
                    raise self._no_number(cell, column, numbers[i]) from None
                values[i] = np.nan
        return values

    def _no_number(self, cell: object, column: str, row: int) -> InputError:
        advice = "Correct the cell, or leave it empty."
        if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
            advice = "Write decimals with a point: decimal commas are not read."
        return InputError(
            f"Column {column} of {self.name} must hold numbers. "
            f"Received: {str(cell)[:60]!r} in row {row}. {advice}"
        )

    def _times_of(self, cells: list[str] | None, numbers: Sequence[int]) -> npt.NDArray[np.int64]:
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

    def _json(self, head: bytes) -> Iterator[Block]:
        time: str | None = None
        first = True
        for text in self._texts(head, quotes=False):
            lines = text.split("\n")
            numbers = [self._row + i for i, line in enumerate(lines) if line.strip()]
            rows = [self._object(lines[number - self._row], number) for number in numbers]
            self._row += text.count("\n")
            if not rows:
                continue
            if first:
                first = False
                time = self._json_time(list(rows[0]))
            columns = [self._json_floats(rows, name, numbers) for name in self._channels]
            cells = None
            if time is not None:
                cells = ["" if (t := row.get(time)) is None else str(t) for row in rows]
            yield Block(self._times_of(cells, numbers), np.stack(columns, axis=1))

    def _object(self, line: str, number: int) -> dict[str, object]:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise InputError(
                f"Every line of {self.name} must be a JSON object. "
                f"Received: {line.strip()[:60]!r} in row {number}."
            )
        return row

    def _json_time(self, names: list[str]) -> str | None:
        if not set(self._channels) & set(names) or self._time not in (None, *names):
            wanted = ", ".join(self._channels if self._time is None else (self._time,))
            raise InputError(
                f"The objects of {self.name} must have the keys {wanted}. "
                f"Received: {', '.join(names)[:500]}. "
                "Rename the keys, or use a detector made for these."
            )
        at = self._time_of(names)
        return None if at is None else names[at]

    def _json_floats(
        self, rows: list[dict[str, object]], name: str, numbers: Sequence[int]
    ) -> npt.NDArray[np.float64]:
        cells = [row.get(name) for row in rows]
        if set(map(type, cells)) - {float, int, type(None)}:
            for cell, number in zip(cells, numbers, strict=True):
                if isinstance(cell, bool) or not isinstance(cell, float | int | None):
                    raise self._no_number(cell, name, number)
        try:
            return np.array(cells, np.float64)
        except OverflowError:
            # An integer of more than 308 digits.
            return np.array([np.inf if isinstance(c, int) else c for c in cells], np.float64)


def find_delimiter(header: str) -> str:
    """Returns the delimiter of a CSV header: comma, semicolon, tab or bar."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=outside.count)
