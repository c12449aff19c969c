"""What of a table was no row, and what was guessed, in sentences."""

import numpy as np

from runtime.clock.forms import KINDS
from runtime.clock.timestamps import format_times
from runtime.counted import counted, noun
from runtime.tables.cells import ColumnCells
from runtime.tables.csv_rows import CsvRows
from runtime.tables.json_rows import JsonRows
from runtime.tables.reader import TableReader

__all__ = ["cell_notes", "dialect_of", "notes_of", "read_lines", "time_line"]

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
_MUCH = 0.05
"""Share of missing readings from which on it is said."""


def time_line(reader: TableReader) -> str:
    """Says where the times of a table are, how they were found and how they are written."""
    if reader.time is None:
        return "no time column: rows are numbered"
    form = reader.parser.form if reader.parser else None
    written = f", {KINDS[form.kind]}" if form is not None else ""
    return f"times from {reader.time.name!r}, found {reader.time.how}{written}"


def dialect_of(reader: TableReader) -> str:
    """Says how a table is written: CSV or JSON, delimiter, header, decimal mark, encoding."""
    encoding = reader.lines.encoding.upper()
    if not isinstance(reader.rows, CsvRows):
        return f"JSON, {encoding}"
    layout = reader.rows.layout
    header = f"names and all above the rows in {counted(layout.first, 'line')}"
    commas = [cells.name for cells in reader.cells if cells.style.decimal == ","]
    parts = [
        f"CSV, cells parted by {_DELIMITERS.get(layout.delimiter, repr(layout.delimiter))}",
        header if layout.has_header else "no header",
        f"decimal commas in {', '.join(commas)}" if commas else "decimal points",
        encoding,
    ]
    return ", ".join(parts)


def read_lines(reader: TableReader, span: tuple[int, int, int] | None = None) -> list[str]:
    """Says how a table was read: rows, times, channels, columns that were not read.

    Args:
        reader: It has begun.
        span: How many rows came, the first and the last time in nanoseconds; `None`: not known yet.
    """
    channels = reader.wanted
    rows = ""
    if span is not None:
        rows = f"{counted(span[0], 'row')}"
        if reader.has_times:
            rows += ", " + " to ".join(format_times(np.array(span[1:]), reader.style))
        rows += "; "
    lines = [f"read {reader.name}: {rows}{time_line(reader)}; channels {', '.join(channels)}"]
    times = reader.time.places if reader.time else ()
    others = [
        name
        for place, name in enumerate(reader.names)
        if place not in times and name not in channels and name
    ]
    if others and not reader.is_long:
        more = f" and {len(others) - 20} more" if len(others) > 20 else ""
        lines.append(f"not read: {', '.join(others[:20])}{more}")
    return [" ".join(line.split()) for line in lines]


def cell_notes(cells: ColumnCells) -> list[str]:
    """Says what the cells of a channel were beside numbers."""
    counts = cells.counts
    notes = []
    if counts.cells and not counts.numbers:
        notes.append("no reading in any row: it cannot alarm")
    elif counts.missing > _MUCH * counts.cells:
        share = counts.missing / counts.cells
        notes.append(
            f"{counts.missing} of {counted(counts.cells, 'reading')} missing ({share:.0%})"
        )
    if counts.worded:
        most = ", ".join(
            f"{word!r} {counted(n, 'time')}" for word, n in counts.words.most_common(5)
        )
        share = counts.worded / max(counts.cells, 1)
        some = counted(counts.worded, "cell is a word", "cells are words")
        notes.append(f"{some} ({share:.0%}), taken as missing: {most}")
    if counts.limits:
        some = counted(counts.limits, "cell is a limit", "cells are limits")
        notes.append(f"{some} such as <0.05, taken as that number")
    if cells.bad is not None:
        some = counted(cells.bad_cells, "cell was no number", "cells were no numbers")
        text, row = cells.bad
        notes.append(f"{some}, taken as missing: the first {text[:60]!r} in row {row}")
    return notes


def notes_of(reader: TableReader) -> list[str]:
    """Says what of a file was no row, and what was guessed."""
    notes = []
    rows = reader.rows
    if reader.lines.encoding not in ("utf-8",):
        notes.append(f"The text is {reader.lines.encoding}")
    if reader.lines.zeros:
        some = counted(reader.lines.zeros, "zero byte was", "zero bytes were")
        notes.append(f"{some} taken away")
    if isinstance(rows, CsvRows):
        notes += _csv_notes(rows)
    if isinstance(rows, JsonRows) and rows.late_names:
        named = ", ".join(f"{name} (row {row})" for name, row in list(rows.late_names.items())[:10])
        notes.append(f"Keys that came too late to be columns were left out: {named}")
    if isinstance(rows, JsonRows) and rows.titles:
        shown = ", ".join(repr(title[:40]) for title in rows.titles[:3])
        some = counted(len(rows.titles), "line")
        notes.append(f"{some} before the first object left out: {shown}")
    if isinstance(rows, JsonRows) and rows.others:
        shown = ", ".join(list(rows.other_names)[:10])
        some = counted(rows.others, "object")
        notes.append(f"{some} with none of the columns left out; there {shown} came")
    suspects = reader.suspects
    if suspects.count:
        shown = ", ".join(f"{text[:40]!r} in row {row}" for row, text in suspects.texts[:5])
        is_torn = not reader.lines.is_whole and suspects.count == 1
        what = "half a row" if is_torn else noun(suspects.count, "no row")
        some = counted(suspects.count, "line")
        notes.append(f"{some} at the end left out, {what}: {shown}")
    if suspects.titles:
        shown = ", ".join(f"{text[:40]!r} in row {row}" for row, text in suspects.titles[:5])
        some = counted(suspects.title_count, "line")
        notes.append(f"{some} between joined reports left out: {shown}")
    if reader.parser is not None and (first := reader.parser.repeats.first) is not None:
        notes.append(
            f"The clock goes back by about an hour at {first[1]!r} in row {first[0]}, as local "
            "clocks do in autumn, or where exports overlap: say timezone, such as "
            "'Europe/Berlin', in [data] (--timezone)"
        )
    return notes


def _csv_notes(rows: CsvRows) -> list[str]:
    notes = []
    layout = rows.layout
    if not layout.has_header:
        notes.append("There is no header: the columns are called column_1, column_2 and so on")
    if layout.above:
        shown = ", ".join(repr(title[:40]) for title in layout.above[:3])
        some = counted(
            len(layout.above),
            "line above the header is a title",
            "lines above the header are titles",
        )
        notes.append(f"{some}: {shown}")
    if layout.below:
        shown = ", ".join(repr(note[:40]) for note in layout.below[:3])
        notes.append(f"Between the header and the rows stands beside units: {shown}")
    if rows.repeated_headers:
        some = noun(rows.repeated_headers, "once more", f"{rows.repeated_headers} more times")
        notes.append(f"The header stands {some} among the rows")
    if rows.comments:
        some = counted(rows.comments, "comment")
        notes.append(f"{some} among the rows left out")
    if rows.stray_quotes:
        notes.append(
            f"A quotation mark that does not close is a character, in row {rows.stray_quotes[0]}"
        )
    return notes
