"""What of a table was no row, and what was guessed, in sentences."""

from runtime.clock.forms import KINDS
from runtime.tables.cells import CellCounts
from runtime.tables.csv_rows import CsvRows
from runtime.tables.json_rows import JsonRows
from runtime.tables.reader import TableReader

__all__ = ["cell_notes", "notes_of", "read_lines", "time_line"]

_MUCH = 0.05
"""Share of missing readings from which on it is said."""


def time_line(reader: TableReader) -> str:
    """Says where the times of a table are, how they were found and how they are written."""
    if reader.time is None:
        return "no time column: rows are numbered"
    form = reader.parser.form if reader.parser else None
    written = f", {KINDS[form.kind]}" if form is not None else ""
    return f"times from {reader.time.name!r}, found {reader.time.how}{written}"


def read_lines(reader: TableReader) -> list[str]:
    """Says how a table was read: times, channels, columns that were not read."""
    channels = reader.wanted
    lines = [f"read {reader.name}: {time_line(reader)}; channels {', '.join(channels)}"]
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


def cell_notes(counts: CellCounts, bad: tuple[str, int] | None, bad_cells: int) -> list[str]:
    """Says what the cells of a channel were beside numbers.

    Args:
        counts: What they were.
        bad: The first cell that could not be read, and its row.
        bad_cells: How many there were.
    """
    notes = []
    if counts.cells and not counts.numbers:
        notes.append("no reading in any row: it cannot alarm")
    elif counts.missing > _MUCH * counts.cells:
        share = counts.missing / counts.cells
        notes.append(f"{counts.missing} of {counts.cells} readings are missing ({share:.0%})")
    if counts.worded:
        most = ", ".join(f"{word!r} {n} times" for word, n in counts.words.most_common(5))
        share = counts.worded / max(counts.cells, 1)
        notes.append(f"{counts.worded} cells ({share:.0%}) are words, taken as missing: {most}")
    if counts.limits:
        notes.append(f"{counts.limits} cells are limits such as <0.05, taken as that number")
    if bad is not None:
        notes.append(
            f"{bad_cells} cells were no numbers, taken as missing: the first "
            f"{bad[0][:60]!r} in row {bad[1]}"
        )
    return notes


def notes_of(reader: TableReader) -> list[str]:
    """Says what of a file was no row, and what was guessed."""
    notes = []
    rows = reader.rows
    if reader.lines.encoding not in ("utf-8",):
        notes.append(f"The text is {reader.lines.encoding}")
    if reader.lines.zeros:
        notes.append(f"{reader.lines.zeros} zero bytes were taken away")
    if isinstance(rows, CsvRows):
        notes += _csv_notes(rows)
    if isinstance(rows, JsonRows) and rows.late_names:
        named = ", ".join(f"{name} (row {row})" for name, row in list(rows.late_names.items())[:10])
        notes.append(f"Keys that came too late to be columns were left out: {named}")
    if isinstance(rows, JsonRows) and rows.titles:
        shown = ", ".join(repr(title[:40]) for title in rows.titles[:3])
        notes.append(f"{len(rows.titles)} lines before the first object were left out: {shown}")
    if isinstance(rows, JsonRows) and rows.others:
        shown = ", ".join(list(rows.other_names)[:10])
        notes.append(
            f"{rows.others} objects with none of the columns were left out; they have {shown}"
        )
    suspects = reader.suspects
    if suspects.count:
        shown = ", ".join(f"{text[:40]!r} in row {row}" for row, text in suspects.texts[:5])
        what = "half a row" if not reader.lines.is_whole and suspects.count == 1 else "no rows"
        notes.append(f"{suspects.count} lines at the end were {what} and left out: {shown}")
    if suspects.titles:
        shown = ", ".join(f"{text[:40]!r} in row {row}" for row, text in suspects.titles[:5])
        notes.append(f"{suspects.title_count} lines between joined reports were left out: {shown}")
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
        notes.append(f"{len(layout.above)} lines above the header are titles: {shown}")
    if layout.below:
        shown = ", ".join(repr(note[:40]) for note in layout.below[:3])
        notes.append(f"Between the header and the rows stands beside units: {shown}")
    if rows.repeated_headers:
        notes.append(f"The header stands {rows.repeated_headers} more times among the rows")
    if rows.comments:
        notes.append(f"{rows.comments} comments among the rows were left out")
    if rows.stray_quotes:
        notes.append(
            f"A quotation mark that does not close is a character, in row {rows.stray_quotes[0]}"
        )
    return notes
