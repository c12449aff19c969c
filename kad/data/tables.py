"""Reading a user's CSV or JSON lines into a frame, by the reader that the gateway uses."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from runtime.clock.timestamps import TimestampParser, TimeStyle
from runtime.errors import InputError
from runtime.files import check_file
from runtime.tables.columns import TIME_COLUMNS
from runtime.tables.csv_rows import find_delimiter
from runtime.tables.formulas import from_text
from runtime.tables.reader import TableReader

ROWS = "row"
"""Name of the index of a table without times."""

_PROBED_ROWS = 1000


class Table(NamedTuple):
    """A file's rows."""

    frame: pd.DataFrame
    """One float64 column per channel, in file order. Index `time`: timestamps, or seconds where
    the file has numbers; `row`: row numbers, or the seconds of a given period, where it has no time
    column."""
    style: TimeStyle
    """How the file writes times."""


def read_table(
    path: str | os.PathLike[str],
    *,
    time: str | None = None,
    channels: Sequence[str] | None = None,
    period_s: float | None = None,
) -> Table:
    """Reads a CSV or JSON-lines file.

    Args:
        path: The file. CSV needs a header; the delimiter is found there.
        time: The time column; `time`, `timestamp`, `date`, `datetime` or `ts` where not given.
        channels: Columns to read; all numeric ones where not given. A column is numeric when most
            of its first cells are numbers.
        period_s: Seconds between the rows of a file without a time column; 1 where not given.

    Raises:
        InputError: A file, header, column, cell or timestamp that cannot be read; the message
            names the row and the column.
    """
    path = Path(path)
    check_file(path, name="The data", pipes=False)
    columns = _first_cells(path)
    if time is None:
        _check_time_column(path, columns)
    if channels is None:
        channels = _numeric_columns(path, columns, time)
    try:
        with path.open("rb") as file:
            reader = TableReader(
                file, channels, period_s=period_s or 1.0, time=time, name=str(path)
            )
            blocks = list(reader)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    times = np.concatenate([block.times_ns for block in blocks])
    values = np.concatenate([block.values for block in blocks])
    style = reader.style
    index: pd.Index
    if not reader.has_times and period_s in (None, 1.0):
        index = pd.RangeIndex(len(times), name=ROWS)
    elif style.kind == "number":
        index = pd.Index(times / 1e9, name="time" if reader.has_times else ROWS)
    else:
        index = pd.DatetimeIndex(times.view("M8[ns]"), name="time")
        index = index.tz_localize("UTC") if style.kind == "aware" else index
    return Table(pd.DataFrame(values, index=index, columns=list(channels)), style)


def _first_cells(path: Path) -> dict[str, list[str]]:
    """Returns the first cells of every column."""
    try:
        with path.open("rb") as file:
            head = [line.decode("utf-8-sig") for line in islice(file, _PROBED_ROWS)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} must be UTF-8. Save it as CSV with UTF-8.") from error
    lines = [line for line in head if line.strip()]
    if not lines:
        raise InputError(
            f"{path} must be CSV with a header, or JSON lines. Received: an empty file."
        )
    if lines[0].lstrip().startswith("{"):
        return _json_columns(lines)
    rows = list(csv.reader(io.StringIO("".join(lines)), delimiter=find_delimiter(lines[0])))
    header = [from_text(cell.strip()) for cell in rows[0]]
    return {name: [row[i] for row in rows[1:] if i < len(row)] for i, name in enumerate(header)}


def _time_column(columns: Iterable[str]) -> str | None:
    return next((c for name in TIME_COLUMNS for c in columns if c.lower() == name), None)


def _check_time_column(path: Path, columns: dict[str, list[str]]) -> None:
    """Refuses a file whose times would be ignored because of their column's name."""
    if _time_column(columns) is not None:
        return
    for name, cells in columns.items():
        stated = [cell for cell in cells if cell.strip()][:3]
        if not stated or _is_numeric(stated):
            continue
        try:
            TimestampParser().parse(stated, 2)
        except InputError:
            continue
        raise InputError(
            f"{path} has no column called {', '.join(TIME_COLUMNS)}, but {name!r} looks like "
            f"times. Say --time {name!r}, or rename the column."
        )


def _numeric_columns(path: Path, columns: dict[str, list[str]], time: str | None) -> list[str]:
    time = time or _time_column(columns)
    numeric = [
        name for name, cells in columns.items() if name and name != time and _is_numeric(cells)
    ]
    if not numeric:
        raise InputError(
            f"{path} must have at least one numeric column besides the time. "
            f"Received: {', '.join(columns)}."
        )
    return numeric


def _json_columns(lines: list[str]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        for name, value in row.items() if isinstance(row, dict) else ():
            columns.setdefault(name, []).append("" if value is None else str(value))
    return columns


def _is_numeric(cells: list[str]) -> bool:
    stated = [cell for cell in cells if cell.strip().lower() not in ("", "null", "none", "na")]
    numbers = sum(_is_number(cell) for cell in stated)
    return not stated or numbers > len(stated) / 2


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
