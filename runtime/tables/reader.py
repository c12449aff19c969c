"""Tables: a CSV or JSON-lines file, or a pipe, as blocks of rows."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from runtime.clock.timestamps import TimeStyle
from runtime.errors import InputError
from runtime.tables.columns import Block, Columns
from runtime.tables.csv_rows import csv_blocks
from runtime.tables.json_lines import json_blocks
from runtime.tables.lines import Lines


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
        self.name = name
        self._lines = Lines(file, name)
        self._columns = Columns(channels, period_s=period_s, time=time, name=name)

    @property
    def style(self) -> TimeStyle:
        """How the file writes times; known after the first block."""
        return self._columns.style or TimeStyle("number")

    @property
    def has_times(self) -> bool:
        """Whether the file has a time column; known after the first block."""
        return self._columns.style is not None

    def __iter__(self) -> Iterator[Block]:
        head = self._lines.head()
        blocks = json_blocks if head.lstrip()[:1] == b"{" else csv_blocks
        empty = True
        for block in blocks(self._lines, self._columns, head):
            empty = False
            yield block
        if empty:
            raise InputError(
                f"{self.name} must have rows below its header. Received: a header alone."
            )
