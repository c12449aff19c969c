"""The rows that `score` reads: a file or stdin, and what is said of them."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from runtime.cli.say import say
from runtime.clock.resample import Resampler
from runtime.counted import counted
from runtime.errors import InputError
from runtime.files import check_file
from runtime.model.detector import Detector
from runtime.tables.columns import Block
from runtime.tables.notes import cell_notes, notes_of, read_lines
from runtime.tables.opened import open_table
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading, learnt_reading

__all__ = ["blocks_of", "open_rows", "say_read"]

_MINUTE = 60.0


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


def blocks_of(reader: TableReader, detector: Detector) -> Iterator[Block]:
    """Yields the rows, or the means of each period; what a live stream loses is said."""
    resampler = None
    if reader.reading.resample is not None:
        resampler = Resampler(detector.metadata.period_ns, len(detector.channels))
    lost, said = 0, -_MINUTE
    for block in reader:
        now = time.monotonic()
        bad = reader.suspects.count + sum(cells.bad_cells for cells in reader.cells)
        if reader.live and bad > lost and now - said >= _MINUTE:
            say(
                f"warning: {counted(bad - lost, 'cell or row', 'cells or rows')} could not be read"
                f"{_first_bad(reader)}"
            )
            lost, said = bad, now
        yield block if resampler is None else Block(*resampler.place(*block))
    if resampler is not None:
        yield Block(*resampler.flush())


def say_read(reader: TableReader) -> None:
    """Says how a table was read, and what of it was no row and no number."""
    for line in read_lines(reader):
        say(line)
    for note in notes_of(reader):
        say(f"note: {note}.")
    for cells in reader.cells:
        for note in cell_notes(cells):
            say(f"note: {cells.name}: {note}.")


def _first_bad(reader: TableReader) -> str:
    firsts = [(cells.bad[1], f"{cells.bad[0][:60]!r} of {cells.name}")
              for cells in reader.cells if cells.bad is not None]  # fmt: skip
    firsts += [(row, repr(text[:60])) for row, text in reader.suspects.texts[:1]]
    if not firsts:
        return ""
    row, text = min(firsts)
    return f", the first {text} in row {row}"
