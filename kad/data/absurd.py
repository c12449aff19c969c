"""Impossible readings among the training rows: one must not blind its channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kad.data.survey import IMPOSSIBLE
from runtime.clock.grid import Placed

__all__ = ["without_absurd"]

_SHARE = 0.03
_SHOWN = 5


def without_absurd(placed: Placed, names: Sequence[str]) -> tuple[Placed, dict[str, Any]]:
    """Takes impossible readings for missing ones.

    A reading is impossible that lies more than a thousand times the range of the middle nine
    tenths of its channel away, where such are at most three in a hundred. Registers without
    a value give such numbers (65535, 2147483647, -9999 beside 0.02 bar).

    Args:
        placed: Training rows on the grid.
        names: Of the channels.

    Returns:
        The rows, and per channel how many readings went, and the first ones.
    """
    values = placed.values
    found: dict[str, Any] = {}
    for place, name in enumerate(names):
        column = values[:, place]
        known = column[np.isfinite(column)]
        if len(known) < 20:
            continue
        low, high = np.quantile(known, [0.05, 0.95])
        if high <= low:
            continue
        far = IMPOSSIBLE * (high - low)
        absurd = np.isfinite(column) & ((column > high + far) | (column < low - far))
        count = int(absurd.sum())
        if not count or count > max(1, _SHARE * len(known)):
            continue
        if values is placed.values:
            values = values.copy()
        values[absurd, place] = np.nan
        found[name] = {
            "count": count,
            "values": [float(value) for value in column[absurd][:_SHOWN]],
            "times_ns": placed.times_ns[absurd][:_SHOWN].tolist(),
        }
    return placed._replace(values=values), found
