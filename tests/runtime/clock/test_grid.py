import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.grid import GridCounts, RowGrid, TimeGrid, make_grid
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

    def __init__(self, period, reorder, max_gap):
        self.period, self.reorder, self.max_gap = period, reorder, max_gap
        self.anchor = None
        self.out = []
        self.count = dict.fromkeys(GridCounts.__slots__, 0)

    def start(self, time):
        self.anchor, self.next, self.high = time, 0, -1
        self.held, self.missed = {}, set()

    def emit(self, end):
        for slot in range(self.next, end):
            row = self.held.pop(slot, None)
            if row is None:
                self.missed.add(slot)
                self.count["missing"] += 1
            self.out.append((self.anchor + slot * self.period, row, slot == 0))
        self.next = max(self.next, end)

    def push(self, time, values):
        if self.anchor is None:
            self.start(time)
        slot = (time - self.anchor + self.period // 2) // self.period
        back = self.high - slot > max(self.max_gap, self.reorder)
        if back or slot - self.high - 1 > self.max_gap:
            self.emit(self.high + 1)
            self.count["restarts"] += 1
            self.count["backward"] += back
            self.start(time)
            slot = 0
        self.count["received"] += 1
        if slot < self.next:
            self.count["late" if slot < 0 or slot in self.missed else "duplicates"] += 1
        elif slot in self.held:
            self.count["duplicates"] += 1
            first = self.held[slot]
            self.held[slot] = [
                b if not np.isfinite(a) and np.isfinite(b) else a
                for a, b in zip(first, values, strict=True)
            ]
        else:
            self.held[slot] = list(values)
        self.high = max(self.high, slot)
        self.emit(self.high - self.reorder + 1)


@st.composite
def arrivals(draw):
    steps = st.one_of(
        st.sampled_from([1.0, 1.0, 1.0, 1.0, 0.0, 2.0, 3.0, -1.0, -2.0, 0.4, 1.3]),
        st.sampled_from([4.0, 7.0, 30.0, -5.0, -40.0]),
    )
    times = np.cumsum(draw(st.lists(steps, min_size=1, max_size=60)))
    cells = st.sampled_from([1.0, 2.0, 3.0, NAN, np.inf])
    size = 2 * len(times)
    values = draw(st.lists(cells, min_size=size, max_size=size))
    cuts = draw(st.lists(st.integers(0, len(times)), max_size=5))
    return times, np.array(values).reshape(-1, 2), sorted({0, len(times), *cuts})


@settings(deadline=None, max_examples=300)
@given(rows=arrivals(), reorder=st.integers(0, 5), max_gap=st.integers(0, 6))
def test_any_chunking_equals_the_row_by_row_semantics(rows, reorder, max_gap):
    """Chunks of any size, with a snapshot in between, give what the documented rules give."""
    minutes, values, cuts = rows
    times = np.round(minutes * MINUTE).astype(np.int64)
    slow = OneByOne(MINUTE, reorder, max_gap)
    for time, row in zip(times, values, strict=True):
        slow.push(int(time), row)
    slow.emit(slow.high + 1)

    grid = TimeGrid(MINUTE, 2, reorder=reorder, max_gap=max_gap)
    parts = []
    for start, end in pairwise(cuts):
        parts.append(grid.place(times[start:end], values[start:end]))
        other = TimeGrid(MINUTE, 2, reorder=reorder, max_gap=max_gap)
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


def test_rows_out_of_order_are_put_in_order_within_the_window():
    """With reorder=2 a slot waits until one two slots later has been seen."""
    grid = TimeGrid(MINUTE, 1, reorder=2, max_gap=5)
    assert series(place(grid, [0, 2, 1])) == [(0, 0)]
    assert series(place(grid, [3])) == [(1, 2)]
    assert series(grid.flush()) == [(2, 1), (3, 0)]
    assert grid.counts == GridCounts(received=4)


def test_first_row_of_a_slot_wins_but_its_missing_channels_are_filled():
    """A later row for a pending slot gives only the channels that are still missing."""
    grid = TimeGrid(MINUTE, 2, reorder=1, max_gap=5)
    place(grid, [0, 0, 0], [[1, NAN], [2, 5], [3, 6]])
    assert series(grid.flush()) == [(0, 1, 5)]
    assert grid.counts.duplicates == 2


def test_a_late_row_is_dropped_and_counted():
    """What was emitted as missing stays missing; a second copy of a real row is a duplicate."""
    grid = TimeGrid(MINUTE, 1, max_gap=5)
    place(grid, [0, 3])
    assert len(place(grid, [1, 0, 3]).times_ns) == 0
    assert grid.counts == GridCounts(received=5, missing=2, late=1, duplicates=2)


def test_a_gap_longer_than_max_gap_starts_a_new_segment():
    """The missing rows of a long gap are not emitted; the new anchor is off the old grid."""
    grid = TimeGrid(MINUTE, 1, max_gap=2)
    placed = place(grid, [0, 3, 7.25])
    assert series(placed)[-1] == (7.25, 2)
    assert placed.restart.tolist() == [True, False, False, False, True]
    assert grid.counts == GridCounts(received=3, missing=2, restarts=1)


def test_one_stamp_from_the_future_does_not_block_the_stream():
    """After a bad stamp a year ahead the next good row starts a segment of its own."""
    grid = TimeGrid(MINUTE, 1, reorder=3, max_gap=10)
    parts = [place(grid, [0, 1, 525_600, 2, 3]), grid.flush()]
    assert joined(parts)[0].tolist() == [m * MINUTE for m in (0, 1, 525_600, 2, 3)]
    assert grid.counts == GridCounts(received=5, restarts=2, backward=1)


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
    grids[0].advance(2)
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
        {"missed": np.array([3, 3])},
        {"missed": np.array([9])},
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
        ("machine_temperature_system_failure", 5, GridCounts(received=22695, duplicates=12)),
        # Eleven copies, and the row at 03:01, whose slot 03:00 rounds into.
        (
            "ec2_request_latency_system_failure",
            5,
            GridCounts(received=4032, duplicates=12, missing=13),
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
    assert (rows >= 0).sum() == len(times) - grid.counts.duplicates - grid.counts.late
    assert np.isnan(out_values).sum() == grid.counts.missing
    assert restart.sum() == grid.counts.restarts + 1
    gaps = np.diff(out_times)[~restart[1:]]
    assert (gaps == period * MINUTE).all()
