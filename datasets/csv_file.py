"""Your own CSV, with optional labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from datasets.series import Series, median_period_s
from kad.data.frames import time_index
from kad.data.labels import read_labels
from kad.data.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load"]


def load(
    path: str | Path,
    *,
    labels: str | Path | None = None,
    time: str | None = None,
    train: tuple[int, int] | None = None,
    test: tuple[tuple[int, int], ...] | None = None,
) -> Series:
    """Reads a table as `kad train` does; every numeric column is a channel.

    Args:
        path: CSV with a header, or JSON lines.
        labels: A CSV with columns `start` and `end` (both inside), in the data's time, or as row
            numbers where the data have none.
        time: The time column, see `kad.data.tables.read_table`; where there is none, rows are
            numbered.
        train: Rows to train on, 0-based and half-open.
        test: Segments to test on; by default what follows `train`.

    Returns:
        The series, rows in the file's order; an empty cell or `nan` is a missing value.

    Raises:
        InputError: A file is missing, empty or broken, a cell is not a number (row and column are
            named), a time stamp cannot be read, or the labels' times are of another kind.
    """
    table = read_table(path, time=time)
    frame, style = table.frame, table.style
    timed = not isinstance(frame.index, pd.RangeIndex)
    ends_ns = read_labels(labels, style=style) if labels is not None else []
    starts, ends = (
        time_index(side, frame.index).tolist()
        for side in np.array(ends_ns, "int64").reshape(-1, 2).T
    )
    if test is None:
        test = ((train[1], len(frame)),) if train and train[1] < len(frame) else ()
    return Series(
        name=str(path),
        frame=frame,
        windows=tuple(zip(starts, ends, strict=True)),
        train=train,
        test=test,
        period_s=median_period_s(frame) if timed else None,
        source=str(path),
        licence="your own",
    )
