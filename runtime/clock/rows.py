"""Rows as they are given to a grid, and as it holds them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError

__all__ = [
    "TIME_LIMIT",
    "Placed",
    "Rows",
    "Times",
    "Values",
    "check_arrays",
    "check_rows",
    "check_times",
    "copied",
    "is_count",
    "joined",
]

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

TIME_LIMIT = 2**62
"""Differences of two times below it fit int64: 1823 to 2116."""

_MOST = 2**31


class Placed(NamedTuple):
    """Slots that have become final, in order of time within each segment."""

    times_ns: Times
    """Nanoseconds since 1970-01-01, of the grid: int64 (steps,)."""
    values: Values
    """NaN where nothing came: float64 (steps, channels)."""
    restart: npt.NDArray[np.bool_]
    """True at the first slot of each segment, where state starts from zeros: (steps,)."""
    rows: Times
    """Number of the row that filled the slot, counted from 0 over all calls; −1: none (steps,)."""


def check_rows(times_ns: Times, values: Values, channels: int) -> None:
    """Raises InputError unless `place` can take these rows."""
    check_arrays(times_ns, values, channels)
    check_times(times_ns)


def check_arrays(times_ns: Times, values: Values, channels: int) -> None:
    """Raises InputError unless dtypes and shapes are right."""
    if not isinstance(times_ns, np.ndarray) or times_ns.dtype != np.int64 or times_ns.ndim != 1:
        raise InputError(
            f"`times_ns` must be int64 (rows,). Received: {_described(times_ns)}. "
            "Give nanoseconds since 1970-01-01."
        )
    wanted = (len(times_ns), channels)
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != wanted:
        raise InputError(
            f"`values` must be float64 ({len(times_ns)}, {channels}). "
            f"Received: {_described(values)}. Give one column per channel."
        )


def check_times(times_ns: Times) -> None:
    """Raises InputError unless all times lie between 1823 and 2116."""
    if len(times_ns) and not -TIME_LIMIT < times_ns.min() <= times_ns.max() < TIME_LIMIT:
        wrong = int(np.flatnonzero((times_ns <= -TIME_LIMIT) | (times_ns >= TIME_LIMIT))[0])
        raise InputError(
            "Times must lie between 1823 and 2116, in nanoseconds since 1970-01-01. "
            f"Received: {times_ns[wrong]} in row {wrong}."
        )


def copied(values: Values) -> Values:
    """Returns values that stay as they are when the caller fills the buffer anew.

    What a masked array masks is missing.
    """
    if isinstance(values, np.ma.MaskedArray):
        return np.array(values.filled(np.nan))
    return np.array(values)


def joined(parts: list[Placed], channels: int) -> Placed:
    """Returns slots that were emitted in parts."""
    parts = [part for part in parts if len(part.times_ns)]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none = np.empty(0, np.int64)
        return Placed(none, np.empty((0, channels)), np.empty(0, np.bool_), none)
    return Placed(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def is_count(value: object, least: int = 0, most: int = _MOST) -> bool:
    """Whether a value is a whole number in a range, no bool and no duration."""
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, int | np.integer):
        return False
    return least <= int(value) <= most


def _described(array: object) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.dtype} {array.shape}"
    return f"a {type(array).__name__}"


class Rows(NamedTuple):
    """Rows by the slot that they belong to."""

    slots: Times
    values: Values
    rows: Times

    @classmethod
    def none(cls, channels: int) -> "Rows":
        """Returns no row."""
        return cls(np.empty(0, np.int64), np.empty((0, channels)), np.empty(0, np.int64))

    def where(self, index: slice | npt.NDArray[np.bool_] | Times) -> "Rows":
        """Returns some of the rows."""
        return Rows(self.slots[index], self.values[index], self.rows[index])

    def joined(self, other: "Rows") -> "Rows":
        """Returns these rows, then others."""
        if not len(self.slots):
            return other
        return Rows(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def merged(self) -> tuple["Rows", npt.NDArray[np.bool_]]:
        """Sorts by slot; rows of one slot become one, the first that has a channel gives it.

        Returns:
            The rows, and which of these rows as they are now have no value that is lost (rows,).
        """
        order = np.argsort(self.slots, kind="stable")
        slots, values = self.slots[order], self.values[order]
        is_first = np.concatenate([[True], slots[1:] != slots[:-1]])
        group = np.cumsum(is_first) - 1
        merged = values[is_first]
        for channel in np.flatnonzero(~np.isfinite(merged).all(axis=0)):
            known = np.flatnonzero(np.isfinite(values[:, channel]))
            groups, first = np.unique(group[known], return_index=True)
            merged[groups, channel] = values[known[first], channel]
        kept = np.empty(len(order), np.bool_)
        kept[order] = (~np.isfinite(values) | (values == merged[group])).all(axis=1)
        return Rows(slots[is_first], merged, self.rows[order][is_first]), kept
