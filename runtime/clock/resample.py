"""Means of what falls into each period, for data that come faster than a detector's period."""

import numpy as np

from runtime.clock.rows import Times, Values, check_rows, copied, is_count
from runtime.errors import InputError, shown

__all__ = ["Resampler"]


class Resampler:
    """Takes the mean of the finite readings of each period, per channel.

    Periods are those of a detector's grid that is anchored at the first row: each is centred at
    the first row's time plus a whole number of periods, and a row belongs to the nearest. A mean
    leaves when a row of another period comes, later or earlier: rows that go back in time are
    put together as they come, and the grid judges them. Periods without a row give none.

    Any chunking of the same rows gives the same means; the memory is one row.

    Args:
        period_ns: The detector's period in nanoseconds.
        channels: Number of columns.

    Raises:
        InputError: A period or a number of channels below 1.
    """

    def __init__(self, period_ns: int, channels: int) -> None:
        if not is_count(period_ns, 1, 2**58) or not is_count(channels, 1):
            raise InputError(
                "Resampling needs a period of at least 1 ns and at most 9 years, and at least 1 "
                f"channel. Received: {shown(period_ns)} ns, {shown(channels)} channels."
            )
        self._period, self._half = int(period_ns), int(period_ns) // 2
        self._channels = int(channels)
        self._anchor: int | None = None
        self._slot: int | None = None  # of the rows that are being put together
        self._sum = np.zeros(channels)
        self._count = np.zeros(channels)
        self.received = 0
        """Rows taken so far."""

    def place(self, times_ns: Times, values: Values) -> tuple[Times, Values]:
        """Takes rows and returns the means of the periods that are over.

        Args:
            times_ns: Nanoseconds since 1970-01-01, int64 (rows,), in order of arrival.
            values: float64 (rows, channels); NaN or infinity is missing.

        Returns:
            Times of the periods, int64 (periods,), and float64 (periods, channels), NaN where a
            channel had no finite reading.

        Raises:
            InputError: Wrong shapes, or a time outside 1823 to 2116.
        """
        check_rows(times_ns, values, self._channels)
        if not len(times_ns):
            return np.empty(0, np.int64), np.empty((0, self._channels))
        values = copied(values)
        self.received += len(times_ns)
        if self._anchor is None:
            self._anchor = int(times_ns[0])
        slots = (times_ns - self._anchor + self._half) // self._period
        before = slots[0] if self._slot is None else self._slot
        # 0 is the period that was begun by earlier rows.
        group = np.cumsum(np.diff(slots, prepend=before) != 0)
        is_known = np.isfinite(values)
        known = np.where(is_known, values, 0.0)
        sums = np.zeros((int(group[-1]) + 1, self._channels))
        counts = np.zeros_like(sums)
        sums[0], counts[0] = self._sum, self._count
        # Row after row, as over several calls: the same sums to the last bit.
        np.add.at(sums, group, known)
        np.add.at(counts, group, is_known)
        self._slot = int(slots[-1])
        self._sum, self._count = sums[-1].copy(), counts[-1].copy()
        each = np.concatenate([[before], slots[np.flatnonzero(np.diff(group, prepend=0))]])
        return self._means(each[:-1], sums[:-1], counts[:-1])

    def flush(self) -> tuple[Times, Values]:
        """Returns the mean of the last period; use it at the end of the data."""
        if self._slot is None:
            return np.empty(0, np.int64), np.empty((0, self._channels))
        slots = np.array([self._slot])
        means = self._means(slots, self._sum[None], self._count[None])
        self._slot = None
        self._sum, self._count = np.zeros(self._channels), np.zeros(self._channels)
        return means

    def _means(self, slots: Times, sums: Values, counts: Values) -> tuple[Times, Values]:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(counts > 0, sums / counts, np.nan)
        return (self._anchor or 0) + slots * self._period, means
