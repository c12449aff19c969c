"""Labelled windows."""

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd

from kad.data.frames import times_ns
from kad.data.tables import ROWS
from runtime.clock.forms import TimeForm
from runtime.clock.timestamps import TimestampParser, TimeStyle
from runtime.errors import InputError
from runtime.files import check_file

_KINDS = {
    "naive": "times without a time zone",
    "aware": "times with a time zone",
    "number": "numbers",
}


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
        InputError: The file cannot be read, has no window, lacks a column, has a time that cannot
            be read or is of another kind, or a window ends before it starts.
    """
    check_file(path, name="The labels")
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The labels {path} cannot be read: {error}.") from error
    if not rows:
        raise InputError(
            f"The labels {path} must have at least one window. Received: no rows below the header. "
            "Leave them out, or add a row with start and end."
        )
    if not {"start", "end"} <= rows[0].keys():
        raise InputError(
            f"{path} must have the columns start and end. Received: {', '.join(rows[0])}."
        )
    parser = TimestampParser(_counted(rows))
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


def _counted(rows: list[dict[str, str]]) -> TimeForm | None:
    """Returns the form of row numbers: those of Excel's days could be either."""
    cells = [(row[side] or "").strip() for row in rows for side in ("start", "end")]
    whole = all(cell.isdigit() and len(cell) < 8 for cell in cells)
    return TimeForm("elapsed") if cells and whole else None


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
