"""Grids whose machine stood still: the segment goes on at another time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.grid import RowGrid, TimeGrid
from runtime.errors import InputError

MINUTE = 60 * 10**9


def place(grid, minutes):
    times = np.round(np.array(minutes, float) * MINUTE).astype(np.int64)
    return grid.place(times, np.arange(float(len(times)))[:, None])


def minutes_of(placed):
    return (placed.times_ns / MINUTE).tolist()


def test_slots_go_on_at_the_time_that_is_said():
    """In a new phase, with what was held before, and no restart."""
    grid = TimeGrid(MINUTE, 1, reorder=2, max_gap=3)
    place(grid, [0, 1, 2, 3])
    assert minutes_of(grid.resume(round(500.3 * MINUTE))) == [2, 3]
    placed = place(grid, [500.3, 501.4, 502.2, 504.3])
    assert minutes_of(placed) == [500.3, 501.3, 502.3]
    assert not placed.restart.any()
    assert minutes_of(grid.flush()) == [503.3, 504.3]
    assert (grid.counts.missing, grid.counts.restarts) == (1, 0)


def test_a_row_that_waits_is_believed_when_the_machine_stops():
    """As at the end of the data."""
    grid = TimeGrid(MINUTE, 1, max_gap=9)
    assert minutes_of(place(grid, [0, 5])) == [0]
    assert minutes_of(grid.resume(90 * MINUTE)) == [1, 2, 3, 4, 5]
    assert minutes_of(place(grid, [90])) == [90]


def test_a_grid_that_has_just_been_resumed_is_restored():
    """And one with a stamp behind its latest slot still is not."""
    grid, other = (TimeGrid(MINUTE, 1, max_gap=3) for _ in range(2))
    place(grid, [0, 1])
    grid.resume(700 * MINUTE)
    state = grid.snapshot()
    other.restore(state)
    assert other.due_ns == grid.due_ns == 700 * MINUTE
    assert minutes_of(place(other, [700, 701])) == [700, 701]
    state["stamps"] = state["stamps"] + 800 * MINUTE
    with pytest.raises(InputError, match="must continue"):
        other.restore(state)


@settings(deadline=None, max_examples=40)
@given(
    runs=st.lists(st.tuples(st.integers(1, 6), st.integers(2, 10**4)), min_size=1, max_size=6),
    reorder=st.integers(0, 3),
)
def test_resumed_grids_have_the_slots_of_one_that_never_stopped(runs, reorder):
    """As many, with the same values, at the times of the rows."""
    grid, plain = (TimeGrid(MINUTE, 1, reorder=reorder, max_gap=3) for _ in range(2))
    now, number, times, values = 0, 0, [], []
    for length, stop in runs:
        now += stop
        if times:
            held = grid.resume(now * MINUTE)
            values += held.values[:, 0].tolist()
        minutes = list(range(now, now + length))
        row_values = np.arange(number, number + length, dtype=float)[:, None]
        placed = grid.place(np.array(minutes, np.int64) * MINUTE, row_values)
        values += placed.values[:, 0].tolist()
        times += minutes
        now, number = minutes[-1], number + length
    values += grid.flush().values[:, 0].tolist()
    parts = [place(plain, list(range(number))), plain.flush()]
    assert values == np.concatenate([part.values[:, 0] for part in parts]).tolist()
    assert grid.counts == plain.counts


def test_a_grid_of_rows_has_no_gaps():
    """Nor holds anything."""
    grid = RowGrid(1)
    place(grid, [0, 1])
    assert len(grid.resume(500 * MINUTE).times_ns) == 0
    assert not place(grid, [500]).restart.any()
