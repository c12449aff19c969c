"""The slots of one segment: rows are put in, and leave in order once they are final."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import TIME_LIMIT, Placed, Rows, Times, Values, joined

__all__ = ["Slots", "increase"]


class Slots:
    """Slots of a regular grid from an anchor on; the first row of a slot wins.

    Args:
        period: Width of a slot in nanoseconds.
        channels: Number of columns.
        reorder: A slot is held until one that is this many slots later has had a row.
        prompt: A slot is held only while one before it has had no row.
    """

    def __init__(self, period: int, channels: int, reorder: int, *, prompt: bool = False) -> None:
        self.period, self.half = period, period // 2
        self.channels, self.reorder, self.prompt = channels, reorder, prompt
        self.anchor: int | None = None
        self.next = 0  # the first slot not yet emitted
        self.high = -1  # the latest slot that has had a row
        self.missing = 0  # slots emitted without a row, over all segments
        self.pending = Rows.none(channels)

    def start(self, anchor: int) -> None:
        """Begins a segment; what is held must have been emitted."""
        self.anchor, self.next, self.high = anchor, 0, -1
        self.pending = Rows.none(self.channels)

    def of(self, time: int) -> int:
        """Returns the slot of a time: the nearest."""
        return (time - (self.anchor or 0) + self.half) // self.period

    def time(self, slot: int) -> int:
        """Returns the time of a slot."""
        return (self.anchor or 0) + slot * self.period

    def put(self, rows: Rows) -> tuple[Placed, npt.NDArray[np.bool_]]:
        """Takes rows for slots that never decrease, none before the latest.

        Returns:
            The slots that became final, and which of the rows lost no value: the first of their
            slots, and those that filled what was missing (rows,).
        """
        if self.prompt and not self._go_on(rows):
            # Which row finds its slot open depends on those before it.
            each = [self._put(rows.where(slice(i, i + 1))) for i in range(len(rows.slots))]
            placed, kept = zip(*each, strict=True)
            return joined(list(placed), self.channels), np.concatenate(kept)
        return self._put(rows)

    def _go_on(self, rows: Rows) -> bool:
        """Whether each row is for the slot after the latest, and none is held."""
        count = len(rows.slots)
        ahead = rows.slots - np.arange(count)
        return self.next == self.high + 1 and bool((ahead == self.next).all())

    def _put(self, rows: Rows) -> tuple[Placed, npt.NDArray[np.bool_]]:
        before = np.concatenate([[self.high], rows.slots[:-1]])
        is_open = rows.slots >= np.maximum(self.next, before - self.reorder + 1)
        kept = is_open.copy()
        arrived = rows if is_open.all() else rows.where(is_open)
        held = self.pending.joined(arrived)
        if (np.diff(held.slots) <= 0).any():
            held, all_kept = held.merged()
            kept[is_open] = all_kept[len(self.pending.slots) :]
        self.high = int(rows.slots[-1])
        return self.emit(held, self._end(held)), kept

    @property
    def is_prompt(self) -> bool:
        """Whether a row for the next slot would be emitted at once."""
        return not self.reorder or (self.prompt and self.next == self.high + 1)

    def settled(self) -> Placed:
        """Emits what is held no longer after `fill`."""
        return self.emit(self.pending, self._end(self.pending))

    def _end(self, held: Rows) -> int:
        """Returns the first slot that stays held."""
        end = max(self.next, self.high - self.reorder + 1)
        if self.prompt:
            follow = held.slots[int(np.searchsorted(held.slots, end)) :]
            end += int((follow == end + np.arange(len(follow))).sum())
        return end

    def put_new(self, rows: Rows) -> Placed:
        """Takes rows for open slots that hold none, in any order; returns what became final."""
        held = self.pending.joined(rows)
        self.high = max(self.high, int(rows.slots.max()))
        held = held.where(np.argsort(held.slots, kind="stable"))
        return self.emit(held, max(self.next, self.high - self.reorder + 1))

    def fill(self, row: Rows) -> bool:
        """Takes one row for a slot before the latest, if it can be had without losing a value."""
        if row.slots[0] < self.next:
            return False
        at = int(np.searchsorted(self.pending.slots, row.slots[0]))
        before, after = self.pending.where(slice(0, at)), self.pending.where(slice(at, None))
        if not len(after.slots) or after.slots[0] != row.slots[0]:
            parts = zip(before, row, after, strict=True)
            self.pending = Rows(*(np.concatenate(part) for part in parts))
            return True
        held, kept = self.pending.joined(row).merged()
        if not kept[-1]:
            return False
        self.pending = held
        return True

    def emit(self, held: Rows, end: int) -> Placed:
        """Emits the slots up to `end`, keeps the later ones of those held."""
        cut = int(np.searchsorted(held.slots, end))
        final = held.where(slice(0, cut))
        self.pending = held.where(slice(cut, None))
        slots = np.arange(self.next, end)
        if len(slots) > cut:
            filled = np.full((len(slots), self.channels), np.nan)
            rows = np.full(len(slots), -1)
            at = final.slots - self.next
            filled[at] = final.values
            rows[at] = final.rows
            self.missing += len(slots) - cut
            final = Rows(slots, filled, rows)
        self.next = end
        return Placed(self.time(0) + slots * self.period, final.values, slots == 0, final.rows)

    def flush(self) -> Placed:
        """Emits all that is held."""
        return self.emit(self.pending, self.high + 1)

    def snapshot(self) -> dict[str, Any]:
        """Returns numbers and arrays."""
        return {
            "started": int(self.anchor is not None),
            "anchor": self.anchor or 0,
            "next": self.next,
            "high": self.high,
            "pending_slots": self.pending.slots.copy(),
            "pending_values": self.pending.values.copy(),
            "pending_rows": self.pending.rows.copy(),
        }

    def restore(self, snapshot: Mapping[str, Any], *, received: int, missing: int) -> bool:
        """Takes what `snapshot` returned; returns False, and changes nothing, if that cannot be.

        Args:
            snapshot: What `snapshot` returned.
            received: Rows received so far.
            missing: Slots emitted without a row so far.
        """
        pending = Rows(*(np.array(snapshot[f"pending_{name}"]) for name in Rows._fields))
        anchor, after, high = (int(snapshot[name]) for name in ("anchor", "next", "high"))
        started = bool(snapshot["started"])
        sound = (
            abs(anchor) < TIME_LIMIT
            and abs(anchor + high * self.period) <= TIME_LIMIT + self.half
            and max(0, high - self.reorder + 1) <= after <= high + 1
            and (high >= -1 if started else (high, anchor) == (-1, 0))
            and increase(pending.slots, after, high)
            and (not len(pending.slots) or pending.slots[-1] == high)
            and len(pending.rows) == len(pending.values) == len(pending.slots)
            and all(0 <= row < received for row in pending.rows.tolist())
        )
        if sound:
            self.anchor = anchor if started else None
            self.next, self.high, self.missing, self.pending = after, high, missing, pending
        return sound


def increase(numbers: Times | Values, least: int, most: int) -> bool:
    """Whether numbers increase and lie in a range."""
    if not len(numbers):
        return True
    return bool(least <= numbers[0] and numbers[-1] <= most and (numbers[1:] > numbers[:-1]).all())
