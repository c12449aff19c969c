"""Puts rows on a detector's time grid: late, duplicate, disordered and missing rows, gaps.

Training and the runtime use this one implementation. Any chunking of the same rows gives exactly
the same slots, values and counts.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

import numpy as np

from runtime.clock.counts import GridCounts
from runtime.clock.durations import nanoseconds
from runtime.clock.row_grid import RowGrid
from runtime.clock.rows import (
    TIME_LIMIT,
    Placed,
    Rows,
    Times,
    Values,
    check_rows,
    copied,
    is_count,
    joined,
)
from runtime.errors import InputError, shown

__all__ = ["FILE_REORDER", "GridCounts", "GridKind", "Placed", "RowGrid", "TimeGrid", "make_grid"]

GridKind = Literal["time", "rows"]
"""`time`: rows are placed on a regular time grid; `rows`: every row is one step."""

FILE_REORDER = 16
"""Rows of a file may arrive this many periods late, where nothing else was said in training."""

_FIRST_WINDOW = 64
_LONGEST_PERIOD = 2**58


class TimeGrid:
    """A regular grid, anchored at the first row of each segment.

    The slot of a row is its time since the anchor in periods, rounded. Slots are emitted in
    order, as NaN where no row came. The first row of a slot wins; a later one fills channels that
    are still missing, as long as the slot has not been emitted.

    A forward gap of more than `max_gap` missing slots, and a jump back by more than `max_gap`
    (and `reorder`) slots, such as a corrected clock, start a new segment with a new anchor: one
    stamp from the future cannot block the stream.

    Args:
        period_ns: Width of a slot in nanoseconds.
        channels: Number of columns.
        reorder: A slot is held until one that is this many slots later has been seen, so that
            rows in between may come in any order. 0: emit at once.
        max_gap: Longest gap that is filled with missing slots.
    """

    def __init__(self, period_ns: int, channels: int, *, reorder: int = 0, max_gap: int) -> None:
        wrong = (
            not is_count(period_ns, 1, _LONGEST_PERIOD)
            or not is_count(channels, 1)
            or not is_count(reorder)
            or not is_count(max_gap)
        )
        if wrong:
            raise InputError(
                "A time grid needs a period of at least 1 ns and at most 9 years, at least 1 "
                "channel, and `reorder` and `max_gap` from 0 to 2^31, whole numbers. "
                f"Received: {shown(period_ns)} ns, {shown(channels)} channels, "
                f"reorder={shown(reorder)}, max_gap={shown(max_gap)}."
            )
        self._period = int(period_ns)
        self._half = self._period // 2
        self._reorder = int(reorder)
        self._max_gap = int(max_gap)
        self._reach = max(self._max_gap, self._reorder)
        self._channels = channels
        self._counts = dict.fromkeys((f.name for f in fields(GridCounts)), 0)
        self._anchor: int | None = None
        self._next = 0  # the first slot not yet emitted
        self._high = -1  # the latest slot seen
        self._pending = Rows.none(channels)
        self._missed = np.empty(0, np.int64)  # slots emitted without a row, within reach

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows so far."""
        return GridCounts(**self._counts)

    @property
    def due_ns(self) -> int | None:
        """Time of the slot after the latest; None where a row would not be emitted at once."""
        if self._anchor is None or self._reorder:
            return None
        return self._anchor + (self._high + 1) * self._period

    def slot_ns(self, time_ns: int) -> int | None:
        """Returns the time of the slot of a row that is just due; None where it is not.

        Args:
            time_ns: Time of the row, within the years of `place`.
        """
        if self._anchor is None or self._reorder:
            return None
        due = self._anchor + (self._high + 1) * self._period
        return due if 0 <= time_ns - due + self._half < self._period else None

    def advance(self, rows: int = 1) -> int:
        """Takes note of rows that came just when due and were emitted; see `due_ns`.

        Returns:
            The number of the first of them.
        """
        first = self._counts["received"]
        self._high += rows
        self._next += rows
        self._counts["received"] = first + rows
        return first

    def place(self, times_ns: Times, values: Values) -> Placed:
        """Takes rows and returns the slots that have become final.

        Args:
            times_ns: Nanoseconds since 1970-01-01, int64 (rows,), in order of arrival.
            values: float64 (rows, channels); NaN or infinity is missing. Neither array is kept or
                returned.

        Raises:
            InputError: Wrong shapes, or a time outside 1823 to 2116.
        """
        check_rows(times_ns, values, self._channels)
        values = copied(values)
        parts: list[Placed] = []
        done, size = 0, _FIRST_WINDOW
        while done < len(times_ns):
            end = min(done + size, len(times_ns))
            done += self._place_run(times_ns[done:end], values[done:end], parts)
            # Windows grow, so that neither long runs nor many restarts cost quadratic time.
            size = 2 * size if done == end else _FIRST_WINDOW
        return joined(parts, self._channels)

    def flush(self) -> Placed:
        """Emits the slots that are held for late rows; use it at the end of the data."""
        return joined([self._emit(self._pending, self._high + 1)], self._channels)

    def snapshot(self) -> dict[str, Any]:
        """Returns the whole state as numbers and numpy arrays."""
        return {
            **self._counts,
            "started": int(self._anchor is not None),
            "anchor": self._anchor or 0,
            "next": self._next,
            "high": self._high,
            "missed": self._missed.copy(),
            "pending_slots": self._pending.slots.copy(),
            "pending_values": self._pending.values.copy(),
            "pending_rows": self._pending.rows.copy(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Takes the state that `snapshot` returned, of a grid with the same parameters.

        Raises:
            InputError: Numbers that no such grid comes to.
        """
        pending = Rows(*(np.array(snapshot[f"pending_{name}"]) for name in Rows._fields))
        missed, started = np.array(snapshot["missed"]), bool(snapshot["started"])
        numbers = {name: int(snapshot[name]) for name in ("anchor", "next", "high", *self._counts)}
        counts = {name: numbers[name] for name in self._counts}
        after, high = numbers["next"], numbers["high"]
        sound = (
            abs(numbers["anchor"]) < TIME_LIMIT
            and abs(numbers["anchor"] + high * self._period) <= TIME_LIMIT + self._half
            and min(counts.values()) >= 0
            and max(counts.values()) < TIME_LIMIT
            and max(0, high - self._reorder + 1) <= after <= high + 1
            and (started or (high, numbers["anchor"], *counts.values()) == (-1, *[0] * 7))
            and _increase(missed, 0, after - 1)
            and _increase(pending.slots, after, high)
            and (not len(pending.slots) or pending.slots[-1] == high)
            and len(pending.rows) == len(pending.values) == len(pending.slots)
            and all(0 <= row < counts["received"] for row in pending.rows.tolist())
        )
        if not sound:
            raise InputError("A time grid must continue from what `snapshot` returned.")
        self._counts = counts
        self._anchor = numbers["anchor"] if started else None
        self._next, self._high = after, high
        self._missed, self._pending = missed, pending

    def _place_run(self, times: Times, values: Values, parts: list[Placed]) -> int:
        """Takes rows up to the next restart; returns how many."""
        if self._anchor is None:
            self._start(int(times[0]))
        slots = (times - (self._anchor or 0) + self._half) // self._period
        seen = np.maximum.accumulate(np.concatenate([[self._high], slots[:-1]]))
        back = seen - slots > self._reach
        jump = back | (slots - seen - 1 > self._max_gap)
        count = int(jump.argmax()) if jump.any() else len(times)
        if count == 0:
            parts.append(self._emit(self._pending, self._high + 1))
            self._counts["restarts"] += 1
            self._counts["backward"] += int(back[0])
            self._start(int(times[0]))
            return 0
        parts.append(self._place_slots(slots[:count], seen[:count], values[:count]))
        return count

    def _start(self, anchor: int) -> None:
        self._anchor = anchor
        self._next = 0
        self._high = -1
        self._pending = Rows.none(self._channels)
        self._missed = np.empty(0, np.int64)

    def _place_slots(self, slots: Times, seen: Times, values: Values) -> Placed:
        first_row = self._counts["received"]
        self._counts["received"] += len(slots)
        arrived = Rows(slots, values, np.arange(first_row, first_row + len(slots)))
        is_open = slots >= np.maximum(self._next, seen - self._reorder + 1)
        held = self._pending.joined(arrived if is_open.all() else arrived.where(is_open))
        if (np.diff(held.slots) <= 0).any():
            merged = held.merged()
            self._counts["duplicates"] += len(held.slots) - len(merged.slots)
            held = merged
        closed = slots[~is_open]
        if len(closed):
            had_row = np.isin(closed, held.slots)
            had_row |= (closed >= 0) & (closed < self._next) & ~np.isin(closed, self._missed)
            self._counts["duplicates"] += int(had_row.sum())
            self._counts["late"] += int((~had_row).sum())
        self._high = max(self._high, int(slots.max()))
        return self._emit(held, max(self._next, self._high - self._reorder + 1))

    def _emit(self, held: Rows, end: int) -> Placed:
        """Emits the slots up to `end`, keeps the later ones."""
        cut = int(np.searchsorted(held.slots, end))
        final = held.where(slice(0, cut))
        self._pending = held.where(slice(cut, None))
        slots = np.arange(self._next, end)
        if len(slots) > cut:
            filled = np.full((len(slots), self._channels), np.nan)
            rows = np.full(len(slots), -1)
            at = final.slots - self._next
            filled[at] = final.values
            rows[at] = final.rows
            missed = slots[rows < 0]
            self._counts["missing"] += len(missed)
            kept = np.concatenate([self._missed, missed])
            self._missed = kept[kept >= self._high - self._reach]
            final = Rows(slots, filled, rows)
        self._next = end
        times = (self._anchor or 0) + slots * self._period
        return Placed(times, final.values, slots == 0, final.rows)


def make_grid(
    kind: GridKind, *, period_s: float, channels: int, max_gap: int, reorder: int
) -> TimeGrid | RowGrid:
    """Returns the grid that a detector's rows are placed on.

    Args:
        kind: `time` or `rows`.
        period_s: Sampling period in seconds.
        channels: Values per row.
        max_gap: A gap of more missing rows than this restarts the warm-up.
        reorder: Rows may arrive this many periods late.
    """
    if kind == "rows":
        # It needs neither; but what is wrong on one grid must not pass on the other.
        TimeGrid(1, channels, reorder=reorder, max_gap=max_gap)
        return RowGrid(channels)
    return TimeGrid(nanoseconds(period_s), channels, reorder=reorder, max_gap=max_gap)


def _increase(slots: Times, least: int, most: int) -> bool:
    """Whether slots increase and lie in a range."""
    if not len(slots):
        return True
    return bool(least <= slots[0] and slots[-1] <= most and (slots[1:] > slots[:-1]).all())
