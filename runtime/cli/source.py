"""The rows that `score` reads: a file or stdin, and what is said of them."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from runtime.cli.say import say
from runtime.clock.resample import Resampler
from runtime.clock.rows import Times, Values
from runtime.counted import counted
from runtime.errors import InputError
from runtime.files import check_file
from runtime.model.detector import Detector
from runtime.tables.columns import Block
from runtime.tables.notes import cell_notes, notes_of, read_lines
from runtime.tables.opened import open_table
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading, learnt_reading

__all__ = ["Rows", "open_rows"]

_MINUTE = 60.0
_SILENT = 20
"""Rows of a stream after which a channel that never came is said."""


@contextmanager
def open_rows(args: argparse.Namespace, detector: Detector) -> Iterator[TableReader]:
    """Opens the table of a command line, read as the training rows were.

    Raises:
        InputError: It cannot be opened.
    """
    live = args.data == "-"
    if live and sys.stdin is None:
        raise InputError("stdin must be open. Received: a closed one. Name a file.")
    meta = detector.metadata
    said = Reading(
        time=args.time,
        time_format=args.time_format,
        time_unit=args.time_unit,
        timezone=args.timezone,
        decimal=args.decimal,
        missing=tuple(args.missing or ()),
        resample=args.resample,
    )
    with ExitStack() as stack:
        if not live:
            check_file(args.data, name="The data")
        yield TableReader(
            sys.stdin.buffer if live else stack.enter_context(open_table(args.data)),
            detector.channels,
            period_s=meta.period_s,
            reading=said,
            learnt=learnt_reading(meta.training),
            name="stdin" if live else args.data,
            live=live,
            numbered=meta.grid == "rows",
        )


class Rows:
    """The rows of a table for a detector; what a live stream is, and what it loses, is said.

    Args:
        reader: The table.
        detector: It scores them.
    """

    def __init__(self, reader: TableReader, detector: Detector) -> None:
        self._reader = reader
        self._resampler = None
        if reader.reading.resample is not None:
            self._resampler = Resampler(detector.metadata.period_ns, len(detector.channels))
        self._means = 0
        self.span: tuple[int, int, int] | None = None
        """How many rows came, their first and last time in nanoseconds; `None`: none."""
        self._lost, self._said_s = 0, -_MINUTE
        self._is_silence_said = False

    def __iter__(self) -> Iterator[Block]:
        """Yields them as they come, or the means of each period."""
        for block in self._reader:
            if len(block.times_ns):
                self._take_note(block)
            if self._reader.live:
                self._say_losses()
                self._say_silence()
            yield block if self._resampler is None else self._mean(*self._resampler.place(*block))
        if self._resampler is not None:
            yield self._mean(*self._resampler.flush())

    def say_read(self) -> None:
        """Says, at the end, how the table was read, and what of it was no row and no number."""
        reader = self._reader
        if not reader.live:
            for line in read_lines(reader, self.span):
                say(line)
        if self._resampler is not None:
            rows = counted(self._resampler.received, "row")
            say(f"note: {rows} became the means of {counted(self._means, 'period')}.")
        for note in notes_of(reader):
            say(f"note: {note}.")
        for cells in reader.cells:
            for note in cell_notes(cells):
                say(f"note: {cells.name}: {note}.")

    def _mean(self, times_ns: Times, values: Values) -> Block:
        self._means += len(times_ns)
        return Block(times_ns, values)

    def _take_note(self, block: Block) -> None:
        first, last = int(block.times_ns.min()), int(block.times_ns.max())
        if self.span is not None:
            self.span = (
                self.span[0] + len(block.times_ns),
                min(first, self.span[1]),
                max(last, self.span[2]),
            )
            return
        self.span = (len(block.times_ns), first, last)
        if self._reader.live:
            # It may never end.
            for line in read_lines(self._reader):
                say(line)

    def _say_losses(self) -> None:
        """Says once a minute what could not be read."""
        reader, now_s = self._reader, time.monotonic()
        bad = reader.suspects.count + sum(cells.bad_cells for cells in reader.cells)
        lost = bad - self._lost
        if lost and now_s - self._said_s >= _MINUTE:
            some = counted(lost, "cell or row", "cells or rows")
            say(f"warning: {some} could not be read{_first_bad(reader)}")
            self._lost, self._said_s = bad, now_s

    def _say_silence(self) -> None:
        """Says once which channels have not come at all."""
        if self._is_silence_said or self.span is None or self.span[0] < _SILENT:
            return
        self._is_silence_said = True
        silent = [cells.name for cells in self._reader.cells if not cells.counts.numbers]
        if silent and not self._reader.is_long:
            say(
                f"warning: no reading of {', '.join(silent)} in the first "
                f"{counted(self.span[0], 'row')}: what never comes cannot alarm"
            )


def _first_bad(reader: TableReader) -> str:
    firsts = [(cells.bad[1], f"{cells.bad[0][:60]!r} of {cells.name}")
              for cells in reader.cells if cells.bad is not None]  # fmt: skip
    firsts += [(row, repr(text[:60])) for row, text in reader.suspects.texts[:1]]
    if not firsts:
        return ""
    row, text = min(firsts)
    return f", the first {text} in row {row}"
