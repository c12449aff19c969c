"""Tables: a CSV or JSON file, or a pipe, as blocks of rows."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from runtime.clock.forms import TimeStyle
from runtime.clock.timestamps import TimestampParser
from runtime.errors import InputError
from runtime.tables.cells import ColumnCells
from runtime.tables.columns import Block, Channels, Clock
from runtime.tables.csv_rows import CsvRows
from runtime.tables.json_rows import JsonRows, is_json, text_of
from runtime.tables.lines import Lines
from runtime.tables.long import long_blocks
from runtime.tables.reading import Reading
from runtime.tables.settle import settle
from runtime.tables.suspects import Suspects
from runtime.tables.time_column import JOINED, TimeColumn, find_time, form_of

__all__ = ["TableReader"]

_Cells = tuple[Sequence[Sequence[object]], Sequence[int]]
"""Columns, and the numbers of their rows in the file."""


class TableReader:
    """Iterates over the rows of a CSV or JSON file as blocks.

    A file gives large blocks; a pipe gives what has arrived. How the file is laid out and how its
    cells are written is found from its first lines (docs/reading.md); `reading` decides what they
    leave open.

    Args:
        file: The open file or pipe, binary.
        channels: Columns to read, in the order wanted. `None`: all but the times; a cell that is
            no number is then missing and counted, see `cells`.
        period_s: Step of the times 0, 1, 2 … × period where the file has no time column.
        reading: How it is read, as far as that is said.
        learnt: How the rows of the training were read: it decides what is left open.
        text: A column that is read as text, see `texts`.
        name: What to call the file in messages.
        lenient: A cell that is no number is missing and counted. Default: where `channels` is
            `None`, and live.
        live: Rows are handed on as they arrive, and none ends the job: one that cannot be read is
            left out and counted, a cell that is no number is missing.
        numbered: A table without times is meant: what looks like times is no error.

    Raises:
        InputError: An empty file, a missing column, a cell that is no number or no time, rows of
            different length, text in no known encoding. The message names the file, the row (the
            header is row 1) and the column. On `open`, which iterating calls, or on iteration.
    """

    def __init__(
        self,
        file: BinaryIO,
        channels: Sequence[str] | None,
        *,
        period_s: float,
        reading: Reading | None = None,
        learnt: Reading | None = None,
        text: str | None = None,
        name: str = "the table",
        live: bool = False,
        lenient: bool = False,
        numbered: bool = False,
    ) -> None:
        self.name = name
        self._said = reading or Reading()
        self._learnt = learnt or Reading()
        self.reading = self._said.over(self._learnt)
        """How it is read, as far as that is said or known."""
        self.texts: list[str] = []
        """The column that is read as text, of the block before."""
        self.live = live
        self.lines = Lines(file, name, live=live)
        self.suspects = Suspects(name, live=live)
        """Rows that were none."""
        self.channels: tuple[str, ...] | None = None if channels is None else tuple(channels)
        """Columns that are read; known once it is open."""
        self.time: TimeColumn | None = None
        """Where the times are; `None`: rows are numbered."""
        self.cells: list[ColumnCells] = []
        """What the cells of each channel were."""
        self.parser: TimestampParser | None = None
        """Reads the times."""
        self.rows: CsvRows | JsonRows | None = None
        """The rows, once it is open."""
        self._text = text
        self._wide: tuple[str, ...] | None = None
        self._lenient = lenient or live or channels is None
        self._places: list[int] = []
        self._period_s = period_s
        self._numbered = numbered

    @property
    def style(self) -> TimeStyle:
        """How the file writes times; known after the first block."""
        style = None if self.parser is None else self.parser.style
        return style or TimeStyle("number")

    @property
    def has_times(self) -> bool:
        """Whether the file has a time column; known once it is open."""
        return self.time is not None

    @property
    def names(self) -> tuple[str, ...]:
        """All columns; known once it is open."""
        return () if self.rows is None else tuple(self.rows.names)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The channels that its rows have; known once it is open."""
        return self._wide or self.channels or ()

    @property
    def is_long(self) -> bool:
        """Whether a row is one reading of one channel; known once it is open."""
        return self._text is not None

    @property
    def units(self) -> list[str | None]:
        """Units of the channels, from a row below the header; known once it is open."""
        return [] if self.rows is None else [self.rows.units[place] for place in self._places]

    def open(self) -> None:
        """Reads the first lines, and settles how the rest is read."""
        if self.rows is not None:
            return
        known = self.reading
        wanted = list(filter(None, (*(self.channels or ()), self._text)))
        head = self.lines.head(() if known.id and not self._text else wanted)
        rows: CsvRows | JsonRows
        if is_json(head):
            # The first object of a pipe may be another message than a row.
            asked = [name for name in (known.time,) if name and wanted and self.live]
            rows = JsonRows(self.lines, head, self.suspects, [*wanted, *asked])
        else:
            rows = CsvRows(self.lines, head, self.suspects, wanted)
        names, sample = list(rows.names), rows.sample()
        if self.channels and known.id and known.value and not self._text:
            self._choose_long(names, known.id, known.value)
            wanted = list(filter(None, (*(self.channels or ()), self._text)))
        _check_columns(self.name, wanted, names)
        self.time = find_time(
            names,
            sample,
            table=self.name,
            channels=wanted,
            asked=self._asked(names),
            why="as it was said" if self._said.time else "as in training",
            reading=known,
            numbered=self._numbered,
        )
        if self.time is None and known.time is not None:
            raise InputError(
                f"{self.name} must have times, as the rows of the training had in column "
                f"{known.time}. Received: {', '.join(names)[:500]}. Name the column with --time."
            )
        taken = {*(self.time.places if self.time else ())}
        if self._text is not None:
            taken.add(names.index(self._text))
        if self.channels is None:
            places = [i for i in range(len(names)) if i not in taken]
            if isinstance(rows, JsonRows) and self.time is not None:
                beside = rows.beside([names[i] for i in self.time.places])
                places = [i for i in places if names[i] in beside]
            self.channels = tuple(names[i] for i in places)
        else:
            places = [names.index(name) for name in self.channels]
        styles = settle(
            {str(i): sample[i] for i in places},
            table=self.name,
            decimal=known.decimal,
            units={str(i): known.units[names[i]] for i in places if names[i] in known.units},
            switches=[str(i) for i in places if names[i] in known.switches],
            names={str(i): names[i] for i in places},
            strict=not self.live,
        )
        self._places = places
        self.rows = rows
        self.cells = [
            ColumnCells(
                names[i],
                self.name,
                style=styles[str(i)],
                missing=(*known.missing, *known.registers.get(names[i], ())),
                lenient=self._lenient,
            )
            for i in places
        ]
        if self.time is not None and self.time.form is not None:
            self.parser = TimestampParser(self.time.form, timezone=known.timezone)

    def _choose_long(self, names: Sequence[str], tag: str, value: str) -> None:
        """Reads a row as one reading, where the table has no column per channel."""
        if not set(self.channels or ()) <= set(names):
            self._wide, self.channels, self._text = self.channels, (value,), tag

    def __iter__(self) -> Iterator[Block]:
        self.open()
        if self._wide is None:
            yield from self._blocks()
            return
        yield from long_blocks(
            ((block.times_ns, self.texts, block.values[:, 0]) for block in self._blocks()),
            self._wide,
            period_s=self._period_s,
            live=self.live,
            column=self._text or "",
            table=self.name,
        )

    def _blocks(self) -> Iterator[Block]:
        """Yields the rows; they are held until the times of a file have one reading."""
        empty = True
        for block in self._parsed():
            empty = empty and not len(block.times_ns)
            yield block
        self.suspects.finish()
        self._check_seen()
        if empty:
            if self.suspects.first_error is not None:
                raise self.suspects.first_error
            raise InputError(
                f"{self.name} must have rows below its header. Received: a header alone."
            )

    def _check_seen(self) -> None:
        """Refuses a JSON file of which no object has one of the channels."""
        if not isinstance(self.rows, JsonRows) or self.live:
            return
        seen, wanted = self.rows.seen, [cells.name for cells in self.cells]
        never = [name for name in wanted if name not in seen]
        if never:
            raise InputError(
                f"The objects of {self.name} must have the keys {', '.join(wanted)}. "
                f"Received: {', '.join(sorted(seen))[:500]}; {', '.join(never)} never came. "
                "Rename the keys, or use a detector made for these."
            )

    def _parsed(self) -> Iterator[Block]:
        held: list[_Cells] = []
        channels = Channels(self.cells, is_text=isinstance(self.rows, CsvRows))
        clock: Clock | None = None
        due = 1
        for cells in self._cells():
            held.append(cells)
            if clock is None and self.time is not None and self.parser is None:
                # All held rows are looked at: each time that they have doubled.
                if len(held) >= due or self.live:
                    due = 2 * len(held)
                    self._settle_times(held, final=False)
                if self.parser is None:
                    continue
            clock = clock or self._clock()
            for columns, rows in held:
                yield self._block(clock, channels, columns, rows)
            held = []
        if held:
            self._settle_times(held, final=True)
            clock = self._clock()
            for columns, rows in held:
                yield self._block(clock, channels, columns, rows)

    def _cells(self) -> Iterator[_Cells]:
        """Yields the columns that are read: times, channels, text."""
        source = self.rows
        if source is not None:
            times = self.time.places if self.time else ()
            texts = [] if self._text is None else [self.names.index(self._text)]
            yield from source.columns([*times, *self._places, *texts])

    def _clock(self) -> Clock:
        return Clock(self.parser, period_s=self._period_s, suspects=self.suspects)

    def _asked(self, names: Sequence[str]) -> str | None:
        """Returns the time column that was said, or that of the training where it is there."""
        if self._said.time is not None:
            return self._said.time
        learnt = self._learnt.time
        return learnt if learnt and all(n in names for n in learnt.split(JOINED)) else None

    def _settle_times(self, held: Sequence[_Cells], *, final: bool) -> None:
        """Finds how times are written from more rows, where they tell."""
        if self.time is None:
            return
        width = len(self.time.places)
        cells = [cell for columns, _ in held for cell in self.time.cells(columns[:width])]
        stated = [cell for cell in cells if cell.strip()]
        if not stated:
            return
        form = form_of(
            stated,
            header=self.time.name,
            reading=self.reading,
            table=self.name,
            final=final or self.live,
        )
        if form is not None:
            self.parser = TimestampParser(form, timezone=self.reading.timezone)

    def _block(
        self,
        clock: Clock,
        channels: Channels,
        columns: Sequence[Sequence[object]],
        rows: Sequence[int],
    ) -> Block:
        width = len(self.time.places) if self.time else 0
        cells = self.time.cells(columns[:width]) if self.time else None
        times, good = clock.read(cells, rows)
        values = list(columns[width:])
        if good is not None:
            rows = [rows[i] for i in good.tolist()]
            values = [[column[i] for i in good.tolist()] for column in values]
        if self._text is not None:
            *values, texts = values
            self.texts = list(map(text_of, texts))
        if not len(times):
            return Block(times, np.empty((0, len(channels.cells))))
        return Block(times, channels.read(values, rows))


def _check_columns(table: str, wanted: Sequence[str], names: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputError(
            f"{table} must have the columns {', '.join(wanted)}. "
            f"Received: {', '.join(names)[:500]}; {', '.join(missing)} missing. "
            "Rename the columns, or use a detector made for these."
        )
    double = [name for name in wanted if names.count(name) > 1]
    if double:
        raise InputError(
            f"{table} must have each column once. Received: {double[0]} "
            f"{names.count(double[0])} times. Rename one of them."
        )
