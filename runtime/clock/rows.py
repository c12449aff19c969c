"""Rows as they are given to a grid, and as it holds them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError

__all__ = ["Rows", "Times", "Values", "check_rows"]

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

# Differences of two such times fit int64: 1823 to 2116.
_TIME_LIMIT = 2**62


def check_rows(times_ns: Times, values: Values, channels: int) -> None:
    """Raises InputError unless `place` can take these rows."""
    if times_ns.dtype != np.int64 or times_ns.ndim != 1:
        raise InputError(
            f"`times_ns` must be int64 (rows,). Received: {times_ns.dtype} {times_ns.shape}. "
            "Give nanoseconds since 1970-01-01."
        )
    if values.dtype != np.float64 or values.shape != (len(times_ns), channels):
        raise InputError(
            f"`values` must be float64 ({len(times_ns)}, {channels}). "
            f"Received: {values.dtype} {values.shape}. Give one column per channel."
        )
    if len(times_ns) and not -_TIME_LIMIT < times_ns.min() <= times_ns.max() < _TIME_LIMIT:
        wrong = int(np.flatnonzero((times_ns <= -_TIME_LIMIT) | (times_ns >= _TIME_LIMIT))[0])
        raise InputError(
            "Times must lie between 1823 and 2116, in nanoseconds since 1970-01-01. "
            f"Received: {times_ns[wrong]} in row {wrong}."
        )


class Rows(NamedTuple):
    """Rows by the slot that they belong to."""

    slots: Times
    values: Values
    rows: Times

    @classmethod
    def none(cls, channels: int) -> "Rows":
        """Returns no row."""
        return cls(np.empty(0, np.int64), np.empty((0, channels)), np.empty(0, np.int64))

    def where(self, index: slice | npt.NDArray[np.bool_]) -> "Rows":
        """Returns some of the rows."""
        return Rows(self.slots[index], self.values[index], self.rows[index])

    def joined(self, other: "Rows") -> "Rows":
        """Returns these rows, then others."""
        if not len(self.slots):
            return other
        return Rows(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def merged(self) -> "Rows":
        """Sorts by slot; rows of one slot become one, the first that has a channel gives it."""
        order = np.argsort(self.slots, kind="stable")
        slots, values = self.slots[order], self.values[order]
        is_first = np.concatenate([[True], slots[1:] != slots[:-1]])
        group = np.cumsum(is_first) - 1
        merged = values[is_first]
        for channel in np.flatnonzero(~np.isfinite(merged).all(axis=0)):
            known = np.flatnonzero(np.isfinite(values[:, channel]))
            groups, first = np.unique(group[known], return_index=True)
            merged[groups, channel] = values[known[first], channel]
        return Rows(slots[is_first], merged, self.rows[order][is_first])
