"""Your own CSV, with optional labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from datasets.series import Series, median_period_s
from runtime.errors import InputError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["load"]

_TIME_NAMES = {"time", "timestamp", "datetime", "date", "t"}


def load(
    path: str | Path,
    *,
    labels: str | Path | None = None,
    time: str | None = None,
    train: tuple[int, int] | None = None,
    test: tuple[tuple[int, int], ...] | None = None,
) -> Series:
    """Reads a CSV with a header; every numeric column is a channel.

    Args:
        path: The file.
        labels: A CSV with columns `start` and `end` (both inside), in the data's time or as row
            numbers.
        time: The column with time stamps; by default one called time, timestamp, datetime, date
            or t, and if there is none, rows are numbered.
        train: Rows to train on, 0-based and half-open.
        test: Segments to test on; by default what follows `train`.

    Returns:
        The series, rows in the file's order; an empty cell or `nan` is a missing value.

    Raises:
        InputError: A file is missing, empty or broken, a cell is not a number (row and column are
            named), or a time stamp cannot be read.
    """
    path = Path(path)
    table = _read(path)
    time = time or next((str(c) for c in table if str(c).strip().lower() in _TIME_NAMES), None)
    if time is not None and time not in table:
        raise InputError(f"{path} has no column {time!r}; its columns: {', '.join(table.columns)}.")
    frame = pd.DataFrame(
        {str(c): _numbers(table[c], path) for c in table.columns if str(c) != time}
    )
    if not len(frame) or not len(frame.columns):
        raise InputError(f"{path} must have at least one row and one numeric column.")
    frame.index.name = "row"
    if time is not None:
        frame.index = pd.DatetimeIndex(_times(table[time], path), name="time")
    timed = isinstance(frame.index, pd.DatetimeIndex)
    windows = _windows(Path(labels), timed=timed) if labels is not None else ()
    if timed and any((stamp.tz is None) != (frame.index.tz is None) for stamp, _ in windows):
        raise InputError(f"{labels} and {path} must both have a time zone, or neither.")
    if test is None:
        test = ((train[1], len(frame)),) if train and train[1] < len(frame) else ()
    return Series(
        name=str(path),
        frame=frame,
        windows=windows,
        train=train,
        test=test,
        period_s=median_period_s(frame.index) if timed else None,
        source=str(path),
        licence="your own",
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty; a CSV with a header line is needed.") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable CSV: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path}: the rows have more cells than the header has names.")
    return table


def _numbers(column: pd.Series, path: Path) -> np.ndarray:
    # Python's own conversion: pandas' fast one may be off in the last bit.
    cells = column.fillna("nan").str.strip().replace("", "nan").to_numpy(dtype=object)
    try:
        return cells.astype(float)
    except ValueError:
        bad = next(row for row, cell in enumerate(cells) if not _is_number(cell))
        raise InputError(
            f"{path}, line {bad + 2}, column {column.name!r}: {cells[bad]!r} is not a number."
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _times(column: pd.Series, path: Path) -> pd.DatetimeIndex:
    try:
        times = pd.DatetimeIndex(pd.to_datetime(column, format="ISO8601"))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path}, column {column.name!r}: time stamps must be ISO 8601 such as 2025-01-31 "
            f"12:00:00, all with a time zone or none. {' '.join(str(error).split())}"
        ) from error
    if times.hasnans:
        line = int(np.flatnonzero(times.isna())[0]) + 2
        raise InputError(f"{path}, line {line}, column {column.name!r}: the time is missing.")
    return times


def _windows(path: Path, *, timed: bool) -> tuple[tuple[Any, Any], ...]:
    table = _read(path)
    if not {"start", "end"} <= set(table.columns):
        raise InputError(
            f"{path} must have columns start, end. Received: {', '.join(table.columns)}."
        )
    if timed:
        starts, ends = (list(_times(table[side], path)) for side in ("start", "end"))
    else:
        starts, ends = (
            _numbers(table[side], path).astype(int).tolist() for side in ("start", "end")
        )
    for line, (start, end) in enumerate(zip(starts, ends, strict=True), start=2):
        if end < start:
            raise InputError(f"{path}, line {line}: the window ends before it starts.")
    return tuple(zip(starts, ends, strict=True))
