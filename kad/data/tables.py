"""Reading a user's CSV or JSON lines into a frame, by the reader that the gateway uses."""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kad.data.frames import times_ns
from runtime.clock.timestamps import TimestampParser, TimeStyle
from runtime.errors import InputError
from runtime.tables.reader import TIME_COLUMNS, TableReader, find_delimiter

ROWS = "row"
"""Name of the index of a table without times."""
_PROBED_ROWS = 1000
_KINDS = {
    "naive": "times without a time zone",
    "aware": "times with a time zone",
    "number": "numbers",
}
_ROWS = re.compile(r"(-?\d*):(-?\d*)")


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


def read_labels(
    path: str | os.PathLike[str], *, style: TimeStyle | None = None
) -> list[tuple[int, int]]:
    """Reads labelled windows from a CSV with the columns `start` and `end`.

    Args:
        path: The file. Row numbers of a table without times count as seconds.
        style: The data's, where labels with times of another kind are refused: dates for numbers,
            or a time zone for none.

    Returns:
        Both ends of each window, inside, in nanoseconds since the epoch.

    Raises:
        InputError: The file cannot be read, lacks a column, has a time that cannot be read or is
            of another kind, or a window ends before it starts.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The labels {path} cannot be read: {error}.") from error
    if rows and not {"start", "end"} <= rows[0].keys():
        raise InputError(
            f"{path} must have the columns start and end. Received: {', '.join(rows[0])}."
        )
    parser = TimestampParser()
    try:
        starts, ends = (
            parser.parse([row[side] or "" for row in rows], 2) for side in ("start", "end")
        )
    except InputError as error:
        raise InputError(f"The labels {path} cannot be read: {error}") from error
    if style and parser.style and parser.style.kind != style.kind:
        raise InputError(
            f"The labels {path} must be {_KINDS[style.kind]}, as the data. "
            f"Received: {rows[0]['start']!r}."
        )
    for row, (start, end) in enumerate(zip(starts, ends, strict=True), start=2):
        if end < start:
            raise InputError(f"Row {row} of {path} ends before it starts.")
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def labels_in_time(windows: list[tuple[int, int]], frame: pd.DataFrame) -> list[tuple[int, int]]:
    """Returns labelled windows in the times of a table: `read_labels` took row numbers as seconds.

    Args:
        windows: From `read_labels`.
        frame: From `read_table`.
    """
    if frame.index.name != ROWS or len(frame) < 2:
        return windows
    step = int(np.diff(times_ns(frame)[:2])[0])
    return [(start // 10**9 * step, end // 10**9 * step) for start, end in windows]


def select_rows(frame: pd.DataFrame, rows: str | None, *, option: str = "--train") -> pd.DataFrame:
    """Returns the rows `START:END`, half-open, as row numbers or as timestamps.

    Args:
        frame: Rows indexed by time.
        rows: Such as `0:5000`, `2014-07-01:2014-10-01`, `:2014-10-01 12:00:00`; `None` for all.
        option: What the user wrote them after, for messages.

    Raises:
        InputError: Neither, or no row lies inside.
    """
    if rows is None:
        return frame
    if match := _ROWS.fullmatch(rows.strip()):
        start, end = (int(text) if text else None for text in match.groups())
        chosen = frame.iloc[start:end]
        numbers = [number for number in (start, end) if number is not None]
        if chosen.empty and numbers and min(numbers) >= len(frame) and _is_seconds(frame.index):
            low, high = (start if start is not None else -np.inf), (end or np.inf)
            chosen = frame[(frame.index >= low) & (frame.index < high)]
    else:
        start_ns, end_ns = _time_range(rows, option)
        times = times_ns(frame)
        inside = np.ones(len(times), bool)
        if start_ns is not None:
            inside &= times >= start_ns
        if end_ns is not None:
            inside &= times < end_ns
        chosen = frame[inside]
    if chosen.empty:
        first, last = frame.index[0], frame.index[-1]
        raise InputError(
            f"{option} {rows} holds no row. The series has {len(frame)} rows, {first} to {last}."
        )
    return chosen


def _is_seconds(index: pd.Index) -> bool:
    return pd.api.types.is_numeric_dtype(index)


def _time_range(text: str, option: str) -> tuple[int | None, int | None]:
    for match in re.finditer(":", text):
        sides = text[: match.start()].strip(), text[match.end() :].strip()
        try:
            start, end = (
                int(TimestampParser().parse([side])[0]) if side else None for side in sides
            )
        except InputError:
            continue
        if any(not re.search(r"\d-\d|\d{5}", side) for side in sides if side):
            continue
        return start, end
    raise InputError(
        f"{option} takes START:END as row numbers or timestamps, such as 0:5000 or "
        f"2014-07-01:2014-10-01. Received: {text!r}."
    )


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
    header = [cell.strip() for cell in rows[0]]
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
