import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.grid import GridCounts, Placed, RowGrid, TimeGrid, make_grid
from runtime.clock.remembered import checksums
from runtime.clock.timestamps import TimestampParser
from runtime.errors import InputError

MINUTE = 60 * 10**9
NAN = float("nan")


def place(grid, minutes, values=None):
    times = np.round(np.array(minutes, float) * MINUTE).astype(np.int64)
    if values is None:
        values = np.arange(len(times), dtype=float)
    return grid.place(times, np.array(values, float).reshape(len(times), -1))


def series(placed):
    return [(t / MINUTE, *row) for t, row in zip(placed.times_ns, placed.values, strict=True)]


def joined(parts):
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


class OneByOne:
    """The documented semantics, row by row, without any attention to speed."""

    def __init__(self, period, reorder, max_gap, remember, prompt):
        self.period, self.reorder, self.max_gap = period, reorder, max_gap
        self.prompt = prompt
        self.near, self.most = max(2, reorder), max(remember, reorder + 1)
        self.anchor = self.waiting = None
        self.known, self.same, self.other = [], 0, 0
        self.out = []
        self.count = dict.fromkeys(GridCounts.__slots__, 0)

    def start(self, time):
        self.anchor, self.next, self.high, self.held = time, 0, -1, {}

    def slot(self, time):
        return (time - self.anchor + self.period // 2) // self.period

    def row_of(self, slot, time):
        """Stamp and values that a slot has had, those of the same stamp first."""
        rows = [row for row in self.known[-self.most :] if self.slot(row[0]) == slot]
        return next((row for row in rows if row[0] == time), rows[0] if rows else None)

    def emit(self, end):
        for slot in range(self.next, end):
            row = self.held.pop(slot, None)
            self.count["missing"] += row is None
            self.out.append((self.anchor + slot * self.period, row, slot == 0))
        self.next = max(self.next, end)

    def emit_what_is_final(self):
        self.emit(self.high - self.reorder + 1)
        while self.prompt and self.next in self.held:
            self.emit(self.next + 1)

    def fill(self, slot, values):
        """Puts a row into an open slot, if nothing of it is lost."""
        if slot < self.next:
            return False
        first = self.held.setdefault(slot, values)
        pairs = list(zip(first, values, strict=True))
        if any(np.isfinite(b) and np.isfinite(a) and a != b for a, b in pairs):
            self.held[slot] = [b if not np.isfinite(a) else a for a, b in pairs]
            return False
        self.held[slot] = [b if not np.isfinite(a) and np.isfinite(b) else a for a, b in pairs]
        return True

    def put(self, time, slot, values):
        if slot > self.high:
            self.known.append((time, values))
            self.held[slot] = values
            self.high = slot
        else:
            stamp, had = self.row_of(slot, time)
            before = [*self.held.get(slot, [])]
            if bytes_of(had) == bytes_of(values):
                self.count["repeated"] += 1
            elif self.fill(slot, values):
                self.count["filled"] += 1
            else:
                self.count["duplicates"] += 1
                self.count["shared"] += stamp == time
                if before:
                    pairs = zip(before, values, strict=True)
                    self.held[slot] = [
                        b if not np.isfinite(a) and np.isfinite(b) else a for a, b in pairs
                    ]
        self.emit_what_is_final()

    def settle(self, time, values):
        (kind, then, before), self.waiting = self.waiting, None
        slot = self.slot(time)
        expected = self.anchor + (self.high + 1) * self.period
        follows = abs(time - (then + self.period)) < abs(time - expected)
        had = None
        if kind != "ahead":
            had = self.row_of(slot, time) if slot <= self.high else None
            follows = follows and time - then >= self.period // 2
        if kind == "late":
            follows = follows and slot < self.high
        if had and bytes_of(had[1]) == bytes_of(values):
            self.count["late" if kind == "late" else "conflicts"] += 1
            self.other += kind == "back"
        elif follows:
            self.believe(kind, then, before)
        else:
            self.count["late" if kind == "late" else "stray"] += 1

    def believe(self, kind, time, values):
        slot = self.slot(time)
        if kind != "ahead" or slot - self.high - 1 > self.max_gap:
            self.emit(self.high + 1)
            self.count["restarts"] += 1
            if kind != "ahead":
                self.count["backward"] += 1
                self.known = self.known[-self.most :]
                self.known = [row for row in self.known if row[0] < time - self.period // 2]
            self.start(time)
            slot = 0
        self.same = self.other = 0
        self.put(time, slot, values)

    def push(self, time, values):
        values = list(values)
        if self.anchor is None:
            self.start(time)
        if self.waiting:
            self.settle(time, values)
        self.count["received"] += 1
        slot = self.slot(time)
        ahead, back = slot - self.high, self.high - slot
        had = self.row_of(slot, time) if ahead <= 0 else None
        trusted = self.same >= 2 and self.other <= self.same + 10
        covered = bool(self.known) and self.known[-self.most :][0][0] <= time
        if ahead - 1 > min(self.near, self.max_gap):
            self.waiting = ("ahead", time, values)
        elif had and bytes_of(had[1]) == bytes_of(values):
            self.count["repeated"] += 1
            self.same += back > 0 or self.same > 0
        elif ahead > 0:
            self.same = self.other = 0
            self.put(time, slot, values)
        elif back == 0 and not trusted:
            self.put(time, slot, values)
        elif not had and slot >= self.next:
            self.held[slot] = values
            self.known = sorted([*self.known, (time, values)], key=lambda row: row[0])
            self.emit_what_is_final()
        elif not had and (back <= self.near or (self.same and covered)):
            self.count["late"] += 1
        elif not had:
            is_late = covered or back <= max(self.max_gap, self.near)
            self.waiting = ("late" if is_late else "back", time, values)
        elif self.complements(slot, values):
            self.fill(slot, values)
            self.count["filled"] += 1
            self.emit_what_is_final()
        elif trusted:
            self.count["conflicts"] += 1
            self.other += 1
        else:
            self.waiting = ("back", time, values)

    def complements(self, slot, values):
        pairs = zip(self.held.get(slot, []), values, strict=False)
        return slot >= self.next and all(
            a == b or not (np.isfinite(a) and np.isfinite(b)) for a, b in pairs
        )

    def flush(self):
        if self.waiting:
            waiting, self.waiting = self.waiting, None
            if waiting[0] == "late":
                self.count["late"] += 1
            else:
                self.believe(*waiting)
        self.emit(self.high + 1)


def bytes_of(values):
    return np.array(values, float).tobytes()


@st.composite
def arrivals(draw):
    """Rows of a clock that is set, jitters and errs; some come again, corrected or not."""
    steps = st.one_of(
        st.sampled_from([1.0, 1.0, 1.0, 1.0, 0.0, 2.0, 3.0, -1.0, -2.0, 0.4, 1.3]),
        st.sampled_from([4.0, 7.0, 30.0, -5.0, -7.0, -40.0]),
    )
    times = list(np.cumsum(draw(st.lists(steps, min_size=1, max_size=40))))
    cells = st.sampled_from([1.0, 2.0, 3.0, NAN, np.inf])
    size = 2 * len(times)
    values = draw(st.lists(cells, min_size=size, max_size=size))
    rows = list(zip(times, zip(values[::2], values[1::2], strict=True), strict=True))
    for _ in range(draw(st.integers(0, 2))):  # some come again, at once or later
        first = draw(st.integers(0, len(rows)))
        again = rows[first : first + draw(st.integers(0, 12))]
        if again and draw(st.booleans()):
            at = draw(st.integers(0, len(again) - 1))
            again[at] = (again[at][0], (9.0, 9.0))
        at = draw(st.integers(min(first + len(again), len(rows)), len(rows)))
        rows[at:at] = again
    cuts = draw(st.lists(st.integers(0, len(rows)), max_size=5))
    minutes, values = (np.array(column) for column in zip(*rows, strict=True))
    return minutes, values, sorted({0, len(rows), *cuts})


@settings(deadline=None, max_examples=400)
@given(
    rows=arrivals(),
    reorder=st.integers(0, 5),
    max_gap=st.integers(0, 12),
    remember=st.sampled_from([0, 1, 3, 8, 100]),
    prompt=st.booleans(),
)
def test_any_chunking_equals_the_row_by_row_semantics(rows, reorder, max_gap, remember, prompt):
    """Chunks of any size, with a snapshot in between, give what the documented rules give."""
    minutes, values, cuts = rows
    times = np.round(minutes * MINUTE).astype(np.int64)
    slow = OneByOne(MINUTE, reorder, max_gap, remember, prompt)
    for time, row in zip(times, values, strict=True):
        slow.push(int(time), row)
    slow.flush()

    options = {"reorder": reorder, "max_gap": max_gap, "remember": remember, "prompt": prompt}
    grid = TimeGrid(MINUTE, 2, **options)
    parts = []
    for start, end in pairwise(cuts):
        parts.append(grid.place(times[start:end], values[start:end]))
        other = TimeGrid(MINUTE, 2, **options)
        other.restore(grid.snapshot())
        grid = other
    parts.append(grid.flush())
    out_times, out_values, restart, out_rows = joined(parts)

    assert out_times.tolist() == [time for time, _, _ in slow.out]
    assert restart.tolist() == [first for _, _, first in slow.out]
    expected = [[NAN, NAN] if row is None else row for _, row, _ in slow.out]
    np.testing.assert_array_equal(out_values, np.array(expected))
    assert grid.counts == GridCounts(**slow.count)
    assert ((out_rows < 0) == [row is None for _, row, _ in slow.out]).all()
    filled = out_rows >= 0
    assert (np.abs(times[out_rows[filled]] - out_times[filled]) <= MINUTE // 2).all()
    assert (np.diff(out_times)[~restart[1:]] == MINUTE).all()
    counts = grid.counts
    assert filled.sum() == counts.received - counts.dropped - counts.repeated - counts.filled


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.floats(0, 12),
    lost=st.sampled_from([0.0, 0.02, 0.3]),
    odd=st.sampled_from([0.0, 0.01, 0.1]),
    reorder=st.integers(1, 8),
    chunk=st.integers(1, 300),
)
def test_long_runs_out_of_order_equal_the_row_by_row_semantics(
    seed, spread, lost, odd, reorder, chunk
):
    """Hundreds of rows, shuffled more or less than the window holds, some lost and some twice."""
    rng = np.random.default_rng(seed)
    order = np.argsort(np.arange(300) + rng.uniform(0, spread, 300), kind="stable")
    minutes = np.repeat(order[rng.uniform(size=300) >= lost], 1 + (rng.uniform() < odd))
    minutes = minutes + np.where(rng.uniform(size=len(minutes)) < odd, rng.integers(-20, 20), 0)
    times = minutes.astype(np.int64) * MINUTE
    values = rng.choice([1.0, 2.0, NAN], size=(len(times), 2))
    slow = OneByOne(MINUTE, reorder, 12, 50, prompt=False)
    for time, row in zip(times.tolist(), values, strict=True):
        slow.push(time, row)
    slow.flush()

    grid = TimeGrid(MINUTE, 2, reorder=reorder, max_gap=12, remember=50)
    starts = range(0, len(times), chunk)
    parts = [grid.place(times[i : i + chunk], values[i : i + chunk]) for i in starts]
    placed = Placed(*joined([*parts, grid.flush()]))

    assert placed.times_ns.tolist() == [time for time, _, _ in slow.out]
    expected = [[NAN, NAN] if row is None else row for _, row, _ in slow.out]
    np.testing.assert_array_equal(placed.values, np.array(expected))
    assert grid.counts == GridCounts(**slow.count)
    stamps, _ = grid._known.arrays()
    assert stamps.tolist() == [time for time, _ in slow.known[-50:]]


def test_rows_out_of_order_are_put_in_order_within_the_window():
    """With reorder=2 a slot waits until one two slots later has been seen."""
    grid = TimeGrid(MINUTE, 1, reorder=2, max_gap=5)
    assert series(place(grid, [0, 2, 1])) == [(0, 0)]
    assert series(place(grid, [3])) == [(1, 2)]
    assert series(grid.flush()) == [(2, 1), (3, 0)]
    assert grid.counts == GridCounts(received=4)


def test_a_prompt_grid_waits_only_for_what_is_missing():
    """What comes in order is emitted at once; behind a hole, rows wait as long as `reorder`."""
    grid = TimeGrid(MINUTE, 1, reorder=2, max_gap=5, prompt=True)
    assert series(place(grid, [0, 1])) == [(0, 0), (1, 1)]
    assert grid.due_ns == 2 * MINUTE
    assert series(place(grid, [3], [3])) == []
    assert grid.due_ns is None
    assert series(place(grid, [2], [2])) == [(2, 2), (3, 3)]
    assert [time for time, _ in series(place(grid, [5, 6], [5, 6]))] == [4, 5, 6]
    assert grid.counts == GridCounts(received=6, missing=1)


def test_first_row_of_a_slot_wins_but_its_missing_channels_are_filled():
    """A later row for a pending slot gives only the channels that are still missing."""
    grid = TimeGrid(MINUTE, 2, reorder=1, max_gap=5)
    place(grid, [0, 0, 0], [[1, NAN], [2, 5], [3, 6]])
    assert series(grid.flush()) == [(0, 1, 5)]
    assert (grid.counts.filled, grid.counts.duplicates) == (0, 2)


def test_a_late_row_is_dropped_and_counted():
    """What was emitted as missing stays missing; a second copy of a real row is a repetition."""
    grid = TimeGrid(MINUTE, 1, max_gap=5)
    place(grid, [0, 3])
    assert len(place(grid, [1, 0, 3], [5, 0, 2]).times_ns) == 0
    assert grid.counts == GridCounts(
        received=5, missing=2, late=1, repeated=1, duplicates=1, shared=1
    )


def test_a_gap_longer_than_max_gap_starts_a_new_segment():
    """The missing rows of a long gap are not emitted; the new anchor is off the old grid."""
    grid = TimeGrid(MINUTE, 1, max_gap=2)
    placed = place(grid, [0, 3, 7.25, 8.25])
    assert series(placed)[-2:] == [(7.25, 2), (8.25, 3)]
    assert placed.restart.tolist() == [True, False, False, False, True, False]
    assert grid.counts == GridCounts(received=4, missing=2, restarts=1)


@pytest.mark.parametrize("reorder", [0, 3])
@pytest.mark.parametrize("wrong", [9, 30, 525_600, -30, -525_600, -1])
def test_one_stamp_alone_moves_nothing(reorder, wrong):
    """Ahead or back, within `max_gap` or beyond: the rows after it go on as before."""
    grid = TimeGrid(MINUTE, 1, reorder=reorder, max_gap=10)
    times, _, restart, rows = joined([place(grid, [0, 1, 2, 3, wrong, 5, 6]), grid.flush()])
    assert (times / MINUTE).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert rows.tolist() == [0, 1, 2, 3, -1, 5, 6]
    assert not restart[1:].any()
    counts = grid.counts
    assert (counts.stray + counts.late, counts.dropped, counts.missing) == (1, 1, 1)
    assert counts.restarts == 0


def test_a_row_waits_for_the_next_one_alone():
    """After a gap a row comes with the next one, or at the end; short gaps wait for nothing."""
    grid = TimeGrid(MINUTE, 1, max_gap=10)
    place(grid, [0])
    assert len(place(grid, [4]).times_ns) == 0
    assert len(place(grid, [5]).times_ns) == 5
    assert len(place(grid, [8]).times_ns) == 3
    assert len(place(grid, [20]).times_ns) == 0
    assert series(grid.flush())[-1] == (20, 0)
    assert grid.counts == GridCounts(received=5, missing=3 + 2, restarts=1)


@pytest.mark.parametrize("reorder", [0, 16])
@pytest.mark.parametrize("back", [2, 8, 30])
def test_a_clock_set_back_restarts_and_loses_nothing(reorder, back):
    """Rows with other values are scored again from there on, as after any restart."""
    grid = TimeGrid(MINUTE, 1, reorder=reorder, max_gap=50)
    minutes = [*range(40), *range(40 - back, 60)]
    times, values, restart, _ = joined([place(grid, minutes), grid.flush()])
    assert (times / MINUTE).tolist() == minutes
    assert values[:, 0].tolist() == list(range(len(minutes)))
    assert np.flatnonzero(restart).tolist() == [0, 40]
    assert grid.counts == GridCounts(received=len(minutes), restarts=1, backward=1)


@pytest.mark.parametrize("reorder", [0, 16])
def test_exports_that_overlap_are_scored_once(reorder):
    """Equal rows are repetitions, others among them corrections: what came first stays."""
    grid = TimeGrid(MINUTE, 1, reorder=reorder, max_gap=5, remember=100)
    minutes = np.array([*range(40), *range(60, 80), *range(10, 40), *range(60, 100)])
    values = minutes + 0.5
    values[75:80] = -1.0
    times, placed, restart, _ = joined([place(grid, minutes, values), grid.flush()])
    assert (times / MINUTE).tolist() == [*range(40), *range(60, 100)]
    assert (placed[:, 0] == times / MINUTE + 0.5).all()
    assert restart.sum() == 2
    assert grid.counts == GridCounts(received=130, repeated=45, conflicts=5, restarts=1)


def test_an_overlap_that_begins_with_a_correction_is_one():
    """The row waits, and the next one is a repetition."""
    grid = TimeGrid(MINUTE, 1, max_gap=5)
    minutes = [*range(20), *range(10, 30)]
    values = np.array(minutes, float)
    values[20] = -1
    assert len(place(grid, minutes, values).times_ns) == 30
    assert grid.counts == GridCounts(received=40, repeated=9, conflicts=1)


def test_an_overlap_longer_than_what_is_remembered_restarts():
    """So much is said: times never go back inside a segment."""
    grid = TimeGrid(MINUTE, 1, max_gap=5, remember=10)
    minutes = [*range(40), *range(10, 50)]
    placed = place(grid, minutes, minutes)
    assert (placed.times_ns / MINUTE).tolist() == minutes
    assert grid.counts == GridCounts(received=80, restarts=1, backward=1)


def test_a_clock_that_falls_to_1970_and_back_restarts_twice():
    """A series of decades between is never emitted."""
    grid = TimeGrid(MINUTE, 1, max_gap=50)
    now = 28_000_000
    minutes = [*range(now, now + 30), *range(20), *range(now + 52, now + 80)]
    placed = place(grid, minutes)
    assert (placed.times_ns / MINUTE).tolist() == minutes
    assert np.flatnonzero(placed.restart).tolist() == [0, 30, 50]
    assert grid.counts == GridCounts(received=78, restarts=2, backward=1)


def test_rows_of_a_slot_that_fill_each_other_are_no_loss():
    """Two sensors, one row each: all of both is there, where the slot waits for it."""
    minutes = np.repeat(np.arange(10), 2) + np.tile([0, 0.1], 10)
    values = np.full((20, 2), NAN)
    values[::2, 0] = values[1::2, 1] = 1.0
    grid = TimeGrid(MINUTE, 2, reorder=1, max_gap=5)
    placed = joined([place(grid, minutes, values), grid.flush()])
    assert np.isfinite(placed[1]).all()
    assert grid.counts == GridCounts(received=20, filled=10)
    live = TimeGrid(MINUTE, 2, max_gap=5)
    place(live, minutes, values)
    assert live.counts == GridCounts(received=20, duplicates=10)


def test_jitter_is_rounded_to_the_grid():
    """Stamps within half a period of a slot belong to it."""
    grid = TimeGrid(MINUTE, 1, max_gap=5)
    assert series(place(grid, [0, 0.9, 2.2, 2.8])) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_due_rows_may_be_advanced_without_place():
    """`advance` leaves the grid as `place` would for a row that is just due."""
    grids = [TimeGrid(MINUTE, 1, max_gap=5) for _ in range(2)]
    for grid in grids:
        place(grid, [0])
    assert grids[0].due_ns == MINUTE
    values = np.array([[0.0], [1.0]])
    assert grids[0].advance(MINUTE, values[:1]) == 1
    assert grids[0].advance_many([2 * MINUTE], checksums(values[1:])) == 2
    place(grids[1], [1, 2])
    assert grids[0].snapshot().keys() == grids[1].snapshot().keys()
    np.testing.assert_equal(grids[0].snapshot(), grids[1].snapshot())
    assert TimeGrid(MINUTE, 1, reorder=1, max_gap=5).due_ns is None


def test_row_grid_carries_every_row_through():
    """In the rows grid nothing is dropped, added, or moved."""
    grid = RowGrid(1)
    parts = [place(grid, [0, 5, 5]), place(grid, [2]), grid.flush()]
    times, _, restart, rows = joined(parts)
    assert (times / MINUTE).tolist() == [0, 5, 5, 2]
    assert restart.tolist() == [True, False, False, False]
    assert rows.tolist() == [0, 1, 2, 3]
    assert grid.counts == GridCounts(received=4)
    other = RowGrid(1)
    other.restore(grid.snapshot())
    assert not place(other, [9]).restart.any()


@pytest.mark.parametrize(
    ("times", "values"),
    [
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2, np.int64), np.zeros((3, 1))),
        (np.zeros(2, np.int64), np.zeros((2, 2))),
        (np.zeros(2, np.int64), np.zeros((2, 1), np.float32)),
        (np.array([np.iinfo(np.int64).min]), np.zeros((1, 1))),
        (np.zeros(1, "M8[ns]"), np.zeros((1, 1))),
        ([0], np.zeros((1, 1))),
        (np.zeros(1, np.int64), [[1.0]]),
        (np.zeros(1, np.int64), np.ones((1, 1), bool)),
        (np.zeros(1, np.int64), np.array([["1"]])),
        (np.zeros(1, np.int64), np.ones((1, 1), complex)),
    ],
)
def test_unusable_rows_are_errors(times, values):
    """Wrong dtypes, shapes and times (NaT among them) are named, nothing is converted."""
    grid = TimeGrid(MINUTE, 1, max_gap=5)
    with pytest.raises(InputError, match=r"must .*Received: "):
        grid.place(times, values)
    assert grid.counts == GridCounts()


@pytest.mark.parametrize(
    ("received", "late", "backward", "unsorted"),
    [
        (100, 10, 0, False),
        (100, 10, 1, True),
        (100, 0, 11, True),
        (1000, 30, 20, False),
        (1000, 30, 21, True),
    ],
)
def test_rows_count_as_unsorted_beyond_10_and_5_percent(received, late, backward, unsorted):
    """Late rows and clocks set back count together; both bounds must be passed."""
    counts = GridCounts(received=received, late=late, backward=backward, duplicates=99, restarts=99)
    assert counts.unsorted == late + backward
    assert counts.is_unsorted == unsorted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period_ns": 0}, "Received: 0 ns"),
        ({"period_ns": 10**400}, "Received: 10000"),
        ({"period_ns": 1e9}, "Received: 1000000000.0 ns"),
        ({"channels": 0}, "0 channels"),
        ({"reorder": 1.5}, "reorder=1.5"),
        ({"reorder": True}, "reorder=True"),
        ({"reorder": "2"}, "reorder='2'"),
        ({"reorder": np.timedelta64(2)}, "reorder=np.timedelta64"),
        ({"max_gap": -1}, "max_gap=-1"),
        ({"max_gap": NAN}, "max_gap=nan"),
        ({"max_gap": None}, "max_gap=None"),
        ({"max_gap": 10**9999}, "max_gap=int"),
    ],
)
def test_unusable_arguments_are_errors(options, message):
    """What is no whole number in the range is named, and nothing is rounded."""
    good = {"period_ns": MINUTE, "channels": 1, "reorder": 0, "max_gap": 5}
    with pytest.raises(InputError, match=message):
        TimeGrid(**{**good, **options})
    with pytest.raises(InputError, match="at least 1 channel"):
        RowGrid(0)
    TimeGrid(np.int64(MINUTE), 1, reorder=np.int32(1), max_gap=np.uint8(5))


@pytest.mark.parametrize("reorder", [0, 2])
@pytest.mark.parametrize("kind", ["time", "rows"])
def test_buffers_of_the_caller_are_neither_kept_nor_returned(kind, reorder):
    """A program may fill one buffer again and again, and change what it was given."""
    times, values = np.arange(6) * MINUTE, np.arange(6.0).reshape(-1, 1)
    options = {"period_s": 60, "channels": 1, "max_gap": 5, "reorder": reorder}
    whole = make_grid(kind, **options)
    expected = joined([whole.place(times, values), whole.flush()])
    grid, parts = make_grid(kind, **options), []
    for rows in (slice(0, 3), slice(3, 4), slice(4, 6)):
        time, value = times[rows].copy(), values[rows].copy()
        parts.append(grid.place(time, value))
        time[:], value[:] = -1, -1.0
    for got, wanted in zip(joined([*parts, grid.flush()]), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_masked_values_are_missing():
    """The number under a mask means nothing."""
    values = np.ma.masked_greater(np.array([[1.0], [9999.0]]), 100.0)
    placed = TimeGrid(MINUTE, 1, max_gap=5).place(np.arange(2) * MINUTE, values)
    np.testing.assert_array_equal(placed.values, [[1.0], [NAN]])
    assert type(placed.values) is np.ndarray


@pytest.mark.parametrize(
    "change",
    [
        {"anchor": 2**62},
        {"high": 2**61},
        {"high": -3},
        {"next": 4},
        {"next": 0},
        {"received": -1},
        {"received": 2**62},
        {"started": 0},
        {"same": -1},
        {"waiting": 3},
        {"waiting": 1},
        {"waiting_time": 5},
        {"waiting_values": np.zeros((1, 1))},
        {"stamps": np.array([0, 6, 5, 4]) * MINUTE},
        {"stamps": np.array([0, 4, 5, 7]) * MINUTE},
        {"stamps": np.empty(0, np.int64), "sums": np.empty(0, np.int64)},
        {"sums": np.array([0, 1, 2, 2**32])},
        {"sums": np.array([0, 1, 2])},
        {"pending_slots": np.array([6, 5])},
        {"pending_slots": np.array([5, 7])},
        {"pending_rows": np.array([0, 99])},
        {"pending_rows": np.array([0])},
    ],
)
def test_a_grid_continues_only_from_a_snapshot(change):
    """Numbers that no grid comes to are refused, and change nothing."""
    grid = TimeGrid(MINUTE, 1, reorder=2, max_gap=5)
    place(grid, [0, 4, 5, 6])
    other = TimeGrid(MINUTE, 1, reorder=2, max_gap=5)
    with pytest.raises(InputError, match="what `snapshot` returned"):
        other.restore({**grid.snapshot(), **change})
    assert other.counts == GridCounts()
    other.restore(grid.snapshot())
    assert series(other.flush()) == [(5, 2), (6, 3)]
    with pytest.raises(InputError, match="what `snapshot` returned"):
        RowGrid(1).restore({"received": -1})


def nab(name):
    folder = os.environ.get("KAD_DATA_DIR")
    if not folder:
        pytest.skip("KAD_DATA_DIR is not set")
    rows = (Path(folder) / f"nab/data/realKnownCause/{name}.csv").read_text().splitlines()[1:]
    times, values = zip(*(row.split(",") for row in rows), strict=True)
    return TimestampParser().parse(times), np.array(values, float)[:, None]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "period", "counts"),
    [
        (
            "machine_temperature_system_failure",
            5,
            GridCounts(received=22695, restarts=1, backward=1),
        ),
        # Eleven copies, and the row at 03:01, whose slot 03:00 rounds into.
        (
            "ec2_request_latency_system_failure",
            5,
            GridCounts(received=4032, duplicates=12, shared=11, missing=13),
        ),
        (
            "ambient_temperature_system_failure",
            60,
            GridCounts(received=7267, missing=17, restarts=7),
        ),
    ],
)
@pytest.mark.parametrize("reorder", [0, 16])
def test_real_traps(name, period, counts, reorder):
    """A daylight-saving repeat, twelve rows of one stamp, gaps of days: all pass and count."""
    times, values = nab(name)
    grid = TimeGrid(period * MINUTE, 1, reorder=reorder, max_gap=24)
    placed = [grid.place(times, values), grid.flush()]
    out_times, out_values, restart, rows = joined(placed)
    assert grid.counts == counts
    assert (rows >= 0).sum() == len(times) - grid.counts.dropped
    assert np.isnan(out_values).sum() == grid.counts.missing
    assert restart.sum() == grid.counts.restarts + 1
    gaps = np.diff(out_times)[~restart[1:]]
    assert (gaps == period * MINUTE).all()
