"""From frames to segments on the detector's time grid."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from runtime.clock.grid import GridCounts, Placed, RowGrid, TimeGrid
from runtime.clock.names import time_name_rank
from runtime.errors import InputError


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows without a gap that would restart the warm-up."""

    times_ns: np.ndarray
    """int64 `(rows,)`: nanoseconds since the epoch, one period apart."""
    values: np.ndarray
    """float64 `(rows, channels)` in raw units; NaN where missing."""


def pandas_frame(data: Any) -> pd.DataFrame:
    """Returns a frame of Polars, PyArrow or pandas as one of pandas.

    Args:
        data: A frame of pandas stays as it is. Of any other that narwhals knows, the first
            column of timestamps, or else the one that is called a time, becomes the index; rows
            are numbered where there is none.

    Raises:
        InputError: It is no frame.
    """
    if isinstance(data, pd.DataFrame):
        return data
    try:
        frame = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise InputError(
            "Rows must be a frame of pandas, Polars or PyArrow, or the path of a table. "
            f"Received: {type(data).__name__}."
        ) from error
    schema = frame.schema
    stamped = [name for name, kind in schema.items() if kind.is_temporal()]
    ranks = {n: rank for n in frame.columns if (rank := time_name_rank(n)) is not None}
    time = stamped[0] if stamped else min(ranks, key=lambda name: ranks[name], default=None)
    table: pd.DataFrame = frame.to_pandas()
    return table if time is None else table.set_index(time)


def times_ns(frame: pd.DataFrame) -> np.ndarray:
    """Returns the frame's index as int64 nanoseconds `(rows,)`.

    A `DatetimeIndex` without time zone counts as UTC; a number index counts seconds.

    Raises:
        InputError: The index is neither, or has missing entries.
    """
    index = frame.index
    if isinstance(index, pd.DatetimeIndex):
        if index.hasnans:
            row = int(np.flatnonzero(index.isna())[0])
            raise InputError(f"Row {row} has no timestamp. Remove the row, or fill the time in.")
        if index.tz is not None:
            index = index.tz_convert("UTC").tz_localize(None)
        return index.as_unit("ns").asi8
    if pd.api.types.is_numeric_dtype(index):
        return np.rint(np.asarray(index, "float64") * 1e9).astype("int64")
    raise InputError(
        "The index of a frame must hold timestamps or numbers. "
        f"Received: {index.dtype}. Use frame.set_index(...) with pandas.to_datetime."
    )


def to_grid(frame: pd.DataFrame, grid: TimeGrid | RowGrid) -> tuple[Placed, GridCounts]:
    """Places a frame's rows on a grid, by the code that the gateway runs.

    Args:
        frame: One float column per channel, indexed by time.
        grid: A new one.

    Returns:
        The steps in order, and what happened to the rows.
    """
    parts = [grid.place(times_ns(frame), frame.to_numpy("float64")), grid.flush()]
    placed = Placed(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return placed, grid.counts


def to_segments(placed: Placed) -> list[Segment]:
    """Splits steps where the warm-up restarts."""
    starts = np.flatnonzero(placed.restart)
    bounds = sorted({0, *starts.tolist(), len(placed.times_ns)})
    return [Segment(placed.times_ns[a:b], placed.values[a:b]) for a, b in pairwise(bounds)]


def time_index(times: Iterable[int] | np.ndarray, like: pd.Index) -> pd.Index:
    """Returns nanoseconds as an index of the same kind as `like`."""
    times = np.asarray(times, "int64")
    if isinstance(like, pd.DatetimeIndex):
        index = pd.DatetimeIndex(times.view("M8[ns]"), name=like.name)
        if like.tz is None:
            return index
        local: pd.DatetimeIndex = index.tz_localize("UTC").tz_convert(like.tz)
        return local
    if pd.api.types.is_integer_dtype(like) and not (times % 1_000_000_000).any():
        whole: pd.Index = pd.Index(times // 1_000_000_000, name=like.name)
        return whole
    return pd.Index(times / 1e9, name=like.name)
