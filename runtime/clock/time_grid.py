"""Puts rows on a detector's time grid: clocks set back, repetitions, strays, disorder, gaps.

Training and the runtime use this one implementation. Any chunking of the same rows gives exactly
the same slots, values and counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from zlib import crc32

import numpy as np

from runtime.clock.counts import GridCounts
from runtime.clock.incidents import Incidents
from runtime.clock.remembered import Remembered, checksums
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
from runtime.clock.runs import in_order, new_slots, steps_from
from runtime.clock.slots import Slots, increase
from runtime.clock.waiting import AHEAD, BACK, LATE, Waiting
from runtime.errors import InputError, shown

__all__ = ["LIVE_REMEMBER", "TimeGrid"]

LIVE_REMEMBER = 256
"""Rows that a live stream is known to repeat: the last ones, 16 bytes each."""
_FIRST_WINDOW = 64
_LONGEST_PERIOD = 2**58
_SKIPPED = 2
"""So many missing slots at least are taken for what they are, without waiting for a row."""
_TRUSTED, _CORRECTIONS = 2, 10
"""From so many repeated rows on, others among them are corrections: at most as many and so many."""
_UNUSED = (-1, 0, *[0] * len(fields(GridCounts)))


class TimeGrid:
    """A regular grid, anchored at the first row of each segment.

    The slot of a row is its time since the anchor in periods, rounded. Slots are emitted in
    order, as NaN where no row came. The first row of a slot wins; a later one fills channels that
    are still missing, as long as the slot has not been emitted.

    A forward gap of more than `max_gap` missing slots starts a new segment with a new anchor, and
    so does a clock that was set back: a row earlier than the latest slot, for a slot that had a
    row with other values. A row that comes again with the values that its slot had is a
    repetition and is dropped; among repetitions, a row with other values is a correction, and the
    first one stays.

    One stamp alone moves nothing: a row that would leave more than 2 (and more than `reorder`)
    slots missing or start a segment waits for the next one. It counts if that one is nearer to
    what would follow it than to what would follow the latest slot; else its stamp was wrong and
    it is dropped.

    Args:
        period_ns: Width of a slot in nanoseconds.
        channels: Number of columns.
        reorder: A slot is held until one that is this many slots later has been seen, so that
            rows in between may come in any order. 0: emit at once.
        max_gap: Longest gap that is filled with missing slots.
        remember: So many rows are known again when they are repeated (and at least those within
            `reorder`).
        prompt: Hold a slot for `reorder` only while one before it has had no row: what comes in
            order is emitted at once, and of a slot with a row nothing is waited for.
    """

    def __init__(
        self,
        period_ns: int,
        channels: int,
        *,
        reorder: int = 0,
        max_gap: int,
        remember: int = LIVE_REMEMBER,
        prompt: bool = False,
    ) -> None:
        wrong = (
            not is_count(period_ns, 1, _LONGEST_PERIOD)
            or not is_count(channels, 1)
            or not is_count(reorder)
            or not is_count(max_gap)
            or not is_count(remember)
        )
        if wrong:
            raise InputError(
                "A time grid needs a period of at least 1 ns and at most 9 years, at least 1 "
                "channel, and `reorder`, `max_gap` and `remember` from 0 to 2^31, whole numbers. "
                f"Received: {shown(period_ns)} ns, {shown(channels)} channels, "
                f"reorder={shown(reorder)}, max_gap={shown(max_gap)}, "
                f"remember={shown(remember)}."
            )
        self._slots = Slots(int(period_ns), channels, int(reorder), prompt=bool(prompt))
        self._period, self._half = self._slots.period, self._slots.half
        self._max_gap = int(max_gap)
        self._near = max(_SKIPPED, int(reorder))
        self._furthest = min(self._near, self._max_gap) + 1
        self._counts = dict.fromkeys((f.name for f in fields(GridCounts)), 0)
        self._known = Remembered(max(int(remember), int(reorder) + 1))
        self._waiting: Waiting | None = None
        self._same = self._other = 0  # of the rows that are being repeated
        self._due: int | None = None
        self._window = _FIRST_WINDOW
        self.incidents = Incidents()

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows so far."""
        return GridCounts(**{**self._counts, "missing": self._slots.missing})

    @property
    def due_ns(self) -> int | None:
        """Time of the slot after the latest; None where a row would not be emitted at once."""
        return self._due

    def slot_ns(self, time_ns: int) -> int | None:
        """Returns the time of the slot of a row that is just due; None where it is not.

        Args:
            time_ns: Time of the row, within the years of `place`.
        """
        due = self._due
        if due is not None and 0 <= time_ns - due + self._half < self._period:
            return due
        return None

    def advance(self, time_ns: int, values: Values) -> int:
        """Takes note of a row that came just when due and is emitted; see `slot_ns`.

        Args:
            time_ns: Time of the row.
            values: float64 (1, channels).

        Returns:
            Its number.
        """
        counts, slots = self._counts, self._slots
        number: int = counts["received"]
        counts["received"] = number + 1
        slots.high += 1
        slots.next += 1
        self._due += self._period  # type: ignore[operator]
        self._known.add(time_ns, crc32(values))  # type: ignore[arg-type]
        return number

    def advance_many(self, times_ns: Sequence[int], sums: Sequence[int]) -> int:
        """Takes note of rows that came just when due and were emitted; see `due_ns`.

        Args:
            times_ns: Times of the rows.
            sums: CRC-32 of the values of each.

        Returns:
            The number of the first of them.
        """
        first, rows = self._counts["received"], len(times_ns)
        self._slots.high += rows
        self._slots.next += rows
        self._due = (self._due or 0) + rows * self._period
        self._counts["received"] = first + rows
        self._known.extend(times_ns, sums)
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
        check_rows(times_ns, values, self._slots.channels)
        values = copied(values)
        sums = checksums(values)
        parts: list[Placed] = []
        done = 0
        while done < len(times_ns):
            size = self._window
            end = min(done + size, len(times_ns))
            count = self._place_run(times_ns[done:end], values[done:end], sums[done:end], parts)
            # Windows grow, so that neither long runs nor many breaks cost quadratic time.
            self._window = 2 * size if count == end - done else _FIRST_WINDOW
            done += count
            if not count:
                self._take(int(times_ns[done]), values[done : done + 1], sums[done], parts)
                done += 1
        self._learn_due()
        return joined(parts, self._slots.channels)

    def flush(self) -> Placed:
        """Emits the slots that are held, and a row that waits; use it at the end of the data."""
        parts: list[Placed] = []
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            if waiting.kind == LATE:
                self._drop("late", waiting.time)
            else:
                self._believe(waiting, parts)
        parts.append(self._slots.flush())
        self._learn_due()
        return joined(parts, self._slots.channels)

    def resume(self, time_ns: int) -> Placed:
        """Lets the segment go on at a time, however late: what lay between was no gap.

        The next slot is at this time, neither missing slots nor a restart before it. Where that
        slot is not later than the next one as it was, nothing changes but what is held.

        Args:
            time_ns: Time of the next row, within the years of `place`.

        Returns:
            The slots that were held, as `flush` does.
        """
        held = self.flush()
        slots = self._slots
        if slots.anchor is not None and slots.of(time_ns) > slots.high + 1:
            slots.anchor = time_ns - (slots.high + 1) * self._period
            self._same = self._other = 0
            self._learn_due()
        return held

    def follow(self, before: object) -> None:
        """Goes on behind another grid of the same stream: no step that it emitted comes again.

        Its rows are known here and its counts go on. The next slot is a period behind its last
        one; where this grid has had no row, the first new one begins a segment. What the other one
        still holds stays with it: flush it before.

        Args:
            before: It may have another `period_ns`, `reorder` or `max_gap`; where it has had no
                row or is no grid of time, nothing changes.
        """
        if not isinstance(before, TimeGrid) or before._slots.anchor is None:
            return
        known = Remembered(self._known.most)
        known.replace(before._known.stamps, before._known.sums)
        last = before._slots.time(before._slots.next - 1)
        known.cut(last - before._half + before._period)
        if not known.stamps:
            return
        if before._period != self._period:
            last = max(last, known.stamps[-1])
        slots, is_new = self._slots, self._slots.anchor is None
        if is_new:
            slots.start(last + self._period)
        else:
            slots.start(last)
            slots.high, slots.next = 0, 1
        self._known, self._counts = known, dict(before._counts)
        slots.missing = before._slots.missing
        self._waiting, self._same, self._other = None, 0, 0
        self._learn_due()

    def snapshot(self) -> dict[str, Any]:
        """Returns the whole state as numbers and numpy arrays."""
        stamps, sums = self._known.arrays()
        waiting = self._waiting or Waiting(-1, 0, 0, np.empty((0, self._slots.channels)), 0)
        return {
            **self._counts,
            "missing": self._slots.missing,
            "same": self._same,
            "other": self._other,
            "waiting": waiting.kind,
            "waiting_time": waiting.time,
            "waiting_row": waiting.row,
            "waiting_values": waiting.values.copy(),
            "stamps": stamps,
            "sums": sums,
            **self._slots.snapshot(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Takes the state that `snapshot` returned, of a grid with the same parameters.

        Raises:
            InputError: Numbers that no such grid comes to.
        """
        counts = {name: int(snapshot[name]) for name in self._counts}
        same, other = int(snapshot["same"]), int(snapshot["other"])
        kind, time, row = (int(snapshot[f"waiting{of}"]) for of in ("", "_time", "_row"))
        values = np.array(snapshot["waiting_values"])
        stamps, sums = np.array(snapshot["stamps"]), np.array(snapshot["sums"])
        received, high = counts["received"], int(snapshot["high"])
        sound = (
            min(*counts.values(), same, other) >= 0
            and max(*counts.values(), same, other) < TIME_LIMIT
            and -1 <= kind <= LATE
            and len(values) == (kind >= 0)
            and (0 <= row < received if kind >= 0 else (time, row) == (0, 0))
            and abs(time) < TIME_LIMIT
            and (bool(snapshot["started"]) or (kind, len(stamps), *counts.values()) == _UNUSED)
            and len(stamps) == len(sums) <= self._known.most
            and increase(stamps, 1 - TIME_LIMIT, TIME_LIMIT - 1)
            and (not len(sums) or 0 <= sums.min() <= sums.max() < 2**32)
            and (len(stamps) > 0 or not snapshot["started"])
            and (not len(stamps) or self._is_by(high, int(stamps[-1]), int(snapshot["anchor"])))
            and self._slots.restore(snapshot, received=received, missing=counts["missing"])
        )
        if not sound:
            raise InputError("A time grid must continue from what `snapshot` returned.")
        self._counts = {**counts, "missing": 0}
        self._same, self._other = same, other
        self._known.replace(stamps.tolist(), sums.tolist())
        self._waiting = None
        if kind >= 0:
            self._waiting = Waiting(kind, time, row, values, *checksums(values))
        self._learn_due()

    def _is_by(self, slot: int, time: int, anchor: int) -> bool:
        """Whether a time lies in a slot; or before it, where a segment has just been resumed."""
        return (time - anchor + self._half) // self._period <= slot

    def _learn_due(self) -> None:
        self._due = None
        if self._is_plain and self._slots.is_prompt:
            self._due = self._slots.time(self._slots.high + 1)

    @property
    def _is_plain(self) -> bool:
        """Whether rows go on in a segment, none waits and none is being repeated."""
        begun = self._slots.anchor is not None and self._slots.high >= 0
        return begun and not (self._waiting or self._same or self._other)

    @property
    def _is_trusted(self) -> bool:
        """Whether so many rows were repeated that others among them are corrections."""
        return self._same >= _TRUSTED and self._other <= self._same + _CORRECTIONS

    def _numbered(self, rows: int) -> int:
        """Returns the number of the first of some rows that are now received."""
        first = self._counts["received"]
        self._counts["received"] = first + rows
        return first

    def _drop(self, name: str, time: int) -> None:
        """Counts a dropped row."""
        self._counts[name] += 1
        self.incidents.note(name, time)

    def _row_of(self, slot: int, time: int) -> tuple[int, int] | None:
        """Returns stamp and checksum of the row that a slot has had."""
        first = self._slots.time(slot) - self._half
        return self._known.find(first, first + self._period - 1, time)

    def _place_run(self, times: Times, values: Values, sums: list[int], parts: list[Placed]) -> int:
        """Takes rows as long as they go on as they should; returns how many."""
        if not self._is_plain:
            return 0
        held, furthest = self._slots, self._furthest
        slots = (times - (held.time(0) - self._half)) // self._period
        count, put = in_order(slots, high=held.high, furthest=furthest), self._put
        if count < len(times) and held.reorder and not held.prompt:
            new = new_slots(
                slots,
                held.pending.slots,
                first=held.next,
                high=held.high,
                reorder=held.reorder,
                furthest=furthest,
            )
            if new > count:
                count, put = new, self._put_new
        if count:
            first = self._numbered(count)
            rows = Rows(slots[:count], values[:count], np.arange(first, first + count))
            parts.append(put(times[:count], sums[:count], rows))
        return count

    def _put_new(self, times: Times, sums: list[int], rows: Rows) -> Placed:
        """Puts rows into open slots that had none, in any order."""
        self._known.merge(times.tolist(), sums)
        return self._slots.put_new(rows)

    def _put(self, times: Times, sums: list[int], rows: Rows) -> Placed:
        """Puts rows into slots that never decrease, and counts those that had one."""
        steps = steps_from(self._slots.high, rows.slots)
        placed, kept = self._slots.put(rows)
        new = steps > 0
        if new.all():
            self._known.extend(times.tolist(), sums)
            return placed
        all_sums = np.array(sums)
        had = (0, 0) if new[0] else (self._known.stamps[-1], self._known.sums[-1])
        group = np.cumsum(new)
        stamp = np.concatenate([[had[0]], times[new]])[group]
        same = ~new & (np.concatenate([[had[1]], all_sums[new]])[group] == all_sums)
        lost = ~new & ~same & ~kept
        self._counts["repeated"] += int(same.sum())
        self._counts["filled"] += int((~new & ~same & kept).sum())
        self._counts["duplicates"] += int(lost.sum())
        self._counts["shared"] += int((lost & (stamp == times)).sum())
        if lost.any():
            dropped = times[lost]
            self.incidents.note("duplicates", int(dropped[0]), int(dropped[-1]))
        self._known.extend(times[new].tolist(), all_sums[new].tolist())
        return placed

    def _take(self, time: int, values: Values, checksum: int, parts: list[Placed]) -> None:
        """Takes one row, whatever it is."""
        if self._slots.anchor is None:
            self._slots.start(time)
        if self._waiting is not None:
            self._settle(time, checksum, parts)
        if self._slots.high < 0 < self._slots.of(time):
            self._slots.start(time)  # after `follow`: the first new row, however late
        number = self._numbered(1)
        slot = self._slots.of(time)
        step = slot - self._slots.high
        row = Rows(np.array([slot]), values, np.array([number]))
        had = self._row_of(slot, time) if step <= 0 else None
        if step > self._furthest:
            self._waiting = Waiting(AHEAD, time, number, values, checksum)
        elif had is not None and had[1] == checksum:
            self._counts["repeated"] += 1
            self._same += step < 0 or self._same > 0
        elif step > 0 or (step == 0 and not self._is_trusted):
            self._same, self._other = (0, 0) if step > 0 else (self._same, self._other)
            parts.append(self._put(np.array([time]), [checksum], row))
        elif had is None:
            self._take_unknown(row, Waiting(LATE, time, number, values, checksum), parts)
        elif self._slots.fill(row):
            self._counts["filled"] += 1
            parts.append(self._slots.settled())
        elif self._is_trusted:
            self._drop("conflicts", time)
            self._other += 1
        else:
            self._waiting = Waiting(BACK, time, number, values, checksum)

    def _take_unknown(self, row: Rows, waiting: Waiting, parts: list[Placed]) -> None:
        """Takes a row before the latest, for a slot of which no row is known."""
        back = self._slots.high - int(row.slots[0])
        is_known = self._known.covers(waiting.time)
        if self._slots.fill(row):
            self._known.insert(waiting.time, waiting.checksum)
            parts.append(self._slots.settled())
        elif back <= self._near or (is_known and self._same):
            self._drop("late", waiting.time)
        elif is_known or back <= max(self._max_gap, self._near):
            self._waiting = waiting
        else:
            self._waiting = waiting._replace(kind=BACK)

    def _settle(self, time: int, checksum: int, parts: list[Placed]) -> None:
        """Decides on the row that waits, now that the next one is there."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        slot, high = self._slots.of(time), self._slots.high
        goes_on = abs(time - self._slots.time(high + 1))
        follows = abs(time - waiting.time - self._period) < goes_on
        had = None
        if waiting.kind != AHEAD:
            had = self._row_of(slot, time) if slot <= high else None
            follows &= time - waiting.time >= self._half
            follows &= waiting.kind != LATE or slot < high
        if had is not None and had[1] == checksum:
            self._drop("late" if waiting.kind == LATE else "conflicts", waiting.time)
            self._other += waiting.kind == BACK
        elif follows:
            self._believe(waiting, parts)
        else:
            self._drop("late" if waiting.kind == LATE else "stray", waiting.time)

    def _believe(self, waiting: Waiting, parts: list[Placed]) -> None:
        """Takes the row that waited for what it says."""
        time, slot = waiting.time, self._slots.of(waiting.time)
        if waiting.kind != AHEAD or slot - self._slots.high - 1 > self._max_gap:
            parts.append(self._slots.flush())
            self._counts["restarts"] += 1
            if waiting.kind != AHEAD:
                self._counts["backward"] += 1
                self.incidents.jump(self._slots.time(self._slots.high), time)
                self._known.cut(time - self._half)
            self._slots.start(time)
            slot = 0
        self._same = self._other = 0
        rows = Rows(np.array([slot]), waiting.values, np.array([waiting.row]))
        parts.append(self._put(np.array([time]), [waiting.checksum], rows))
