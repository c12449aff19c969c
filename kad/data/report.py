"""What was read of a table, and what was not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kad.data.survey import Column
from runtime.clock.forms import TimeStyle
from runtime.clock.timestamps import format_times
from runtime.counted import counted
from runtime.tables.notes import cell_notes, dialect_of, notes_of, time_line
from runtime.tables.reader import TableReader

__all__ = ["ReadReport", "report_of"]


@dataclass
class ReadReport:
    """What was read of a table."""

    file: str = ""
    rows: int = 0
    first: str = ""
    """Time of the first row; empty where rows are numbered."""
    last: str = ""
    dialect: str = ""
    """How the table is written."""
    time: str = "no time column: rows are numbered"
    """The time column, how it was found and how it is written."""
    period: str = ""
    """The sampling period and how it was found, where that was asked for."""
    columns: list[Column] = field(default_factory=list)
    """All columns beside the times."""
    notes: list[str] = field(default_factory=list)
    """What of the file was no row, and what was guessed."""

    @property
    def channels(self) -> list[str]:
        """Columns that were taken."""
        return [column.name for column in self.columns if column.why is None]

    @property
    def left_out(self) -> dict[str, str]:
        """Columns that were not, and why."""
        return {c.name: c.why for c in self.columns if c.why is not None}

    @property
    def units(self) -> dict[str, str]:
        """Units of the channels, where the table states them."""
        return {c.name: c.unit for c in self.columns if c.why is None and c.unit}

    def lines(self) -> list[str]:
        """Returns it in words, a line each."""
        span = f", {self.first} to {self.last}" if self.first else ""
        lines = [
            f"Read {self.file}: {counted(self.rows, 'row')}{span}; {self.time}.",
            f"Channels: {', '.join(map(_named, (c for c in self.columns if c.why is None)))}.",
        ]
        if self.period:
            lines.append(f"Period: {self.period}.")
        if self.left_out:
            left = "; ".join(f"{name} ({why})" for name, why in self.left_out.items())
            lines.append(f"Left out: {left}.")
        lines += [f"{note}." for note in self.notes]
        for column in self.columns:
            lines += [f"{column.name}: {note}." for note in column.notes]
            if column.why is None and column.missing and not column.notes:
                share = column.missing / max(self.rows, 1)
                lines.append(
                    f"{column.name}: {column.missing} of {self.rows} missing ({share:.1%})."
                )
        return [" ".join(line.split()) for line in lines]

    def to_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {
            "file": self.file,
            "rows": self.rows,
            "first": self.first,
            "last": self.last,
            "time": self.time,
            "period": self.period,
            "channels": self.channels,
            "left_out": self.left_out,
            "missing": {c.name: c.missing for c in self.columns if c.why is None and c.missing},
            "notes": [
                *self.notes,
                *(f"{c.name}: {note}" for c in self.columns for note in c.notes),
            ],
        }


def _named(column: Column) -> str:
    return f"{column.name} ({column.unit})" if column.unit else column.name


def report_of(
    file: str,
    times_ns: np.ndarray,
    style: TimeStyle,
    reader: TableReader,
    columns: Sequence[Column],
) -> ReadReport:
    """Returns what a reader came to."""
    report = ReadReport(file=file, rows=len(times_ns), columns=list(columns))
    if reader.time is not None:
        ends = np.array([times_ns.min(), times_ns.max()])
        report.first, report.last = format_times(ends, style)
    report.dialect = dialect_of(reader)
    report.time = time_line(reader)
    report.notes = notes_of(reader)
    if reader.is_long:
        report.notes += [f"{one.name}: {note}" for one in reader.cells for note in cell_notes(one)]
    return report
