"""The grid that a detector's rows are placed on: of time, or of rows."""

from typing import Literal

from runtime.clock.counts import GridCounts
from runtime.clock.durations import nanoseconds
from runtime.clock.row_grid import RowGrid
from runtime.clock.rows import Placed
from runtime.clock.time_grid import LIVE_REMEMBER, TimeGrid

__all__ = [
    "FILE_REMEMBER",
    "FILE_REORDER",
    "LIVE_REMEMBER",
    "GridCounts",
    "GridKind",
    "Placed",
    "RowGrid",
    "TimeGrid",
    "make_grid",
]

GridKind = Literal["time", "rows"]
"""`time`: rows are placed on a regular time grid; `rows`: every row is one step."""

FILE_REORDER = 16
"""Rows of a file may arrive this many periods late, where nothing else was said in training."""
FILE_REMEMBER = 100_000
"""Rows that a file is known to repeat."""


def make_grid(
    kind: GridKind,
    *,
    period_s: float,
    channels: int,
    max_gap: int,
    reorder: int,
    remember: int = LIVE_REMEMBER,
    prompt: bool = False,
) -> TimeGrid | RowGrid:
    """Returns the grid that a detector's rows are placed on.

    Args:
        kind: `time` or `rows`.
        period_s: Sampling period in seconds.
        channels: Values per row.
        max_gap: A gap of more missing rows than this restarts the warm-up.
        reorder: Rows may arrive this many periods late.
        remember: So many rows are known again when they are repeated.
        prompt: See `TimeGrid`.
    """
    if kind == "rows":
        # It needs none of them; but what is wrong on one grid must not pass on the other.
        TimeGrid(1, channels, reorder=reorder, max_gap=max_gap, remember=remember)
        return RowGrid(channels)
    return TimeGrid(
        nanoseconds(period_s),
        channels,
        reorder=reorder,
        max_gap=max_gap,
        remember=remember,
        prompt=prompt,
    )
