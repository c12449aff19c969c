"""Grids that go on behind another one of the same stream: no step comes a second time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.grid import RowGrid, TimeGrid

MINUTE = 60 * 10**9


def grid_of(period=1, **options):
    return TimeGrid(period * MINUTE, 1, **{"max_gap": 3, "prompt": True, **options})


def place(grid, minutes):
    times = np.round(np.array(minutes, float) * MINUTE).astype(np.int64)
    return grid.place(times, np.array(minutes, float)[:, None])


def minutes_of(placed):
    return (placed.times_ns / MINUTE).tolist()


def followed(before, grid):
    """The grid, once more from its snapshot."""
    grid.follow(before)
    again = grid_of(grid._period // MINUTE, reorder=grid._slots.reorder)
    again.restore(grid.snapshot())
    assert again.due_ns == grid.due_ns
    return again


def test_a_new_grid_knows_what_has_come_out_and_begins_a_segment():
    """At the first new row, in the phase of the other one or, after a gap, its own."""
    before = grid_of()
    place(before, [0, 1, 2])
    grid = followed(before, grid_of(reorder=2))
    assert grid.due_ns is None
    assert minutes_of(place(grid, [2, 1, 2])) == []
    placed = place(grid, [3.2, 4])
    assert minutes_of(placed) == [3, 4]
    assert placed.restart.tolist() == [True, False]
    assert placed.rows.tolist() == [6, 7]
    assert (grid.counts.received, grid.counts.repeated, grid.counts.restarts) == (8, 3, 0)
    late = followed(before, grid_of())
    placed = place(late, [500.3, 501.3])
    assert minutes_of(placed) == [500.3, 501.3]
    assert placed.restart.tolist() == [True, False]


def test_a_grid_that_has_rows_goes_on_where_the_other_one_is_without_a_restart():
    before, grid = grid_of(), grid_of(max_gap=0)
    place(before, [0, 1, 3, 4])
    place(grid, [0, 1, 3])
    grid = followed(before, grid)
    placed = place(grid, [4, 3, 5])
    assert minutes_of(placed) == [5]
    assert not placed.restart.any()


def test_what_the_other_one_holds_is_not_known():
    """It did not come out there: where it comes again, it does so here."""
    before = grid_of(reorder=2)
    assert minutes_of(place(before, [0, 1, 3])) == [0, 1]
    assert minutes_of(place(followed(before, grid_of()), [3, 1, 4])) == [3, 4]


@pytest.mark.parametrize(("period", "expected"), [(2, [12, 14]), (10, [20])])
def test_another_period_goes_on_behind_the_last_row(period, expected):
    before = grid_of()
    place(before, range(11))
    assert minutes_of(place(followed(before, grid_of(period)), [9, 10, *expected])) == expected


def test_where_nothing_came_out_or_rows_are_steps_nothing_changes():
    for before in (grid_of(), RowGrid(1)):
        grid = grid_of()
        grid.follow(before)
        assert minutes_of(place(grid, [0, 1])) == [0, 1]
    rows, before = RowGrid(1), grid_of()
    place(before, [0])
    rows.follow(before)
    assert minutes_of(place(rows, [0])) == [0]


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    cuts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=3),
    repeats=st.integers(0, 3),
)
def test_whichever_grids_follow_each_other_no_slot_comes_twice_and_no_row_is_lost(
    steps, cuts, repeats
):
    """The last rows come again behind each change, and the old grid is flushed at it."""
    minutes = np.cumsum(steps).tolist()
    grid, out = grid_of(reorder=1), []
    changes = dict(cuts)
    for at, minute in enumerate(minutes):
        out += minutes_of(place(grid, [minute]))
        if at in changes:
            out += minutes_of(grid.flush())
            grid = followed(grid, grid_of(reorder=changes[at]))
            out += minutes_of(place(grid, minutes[max(0, at + 1 - repeats) : at + 1]))
    out += minutes_of(grid.flush())
    assert out == sorted(set(out))
    assert set(minutes) <= set(out)
