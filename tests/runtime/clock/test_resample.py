"""Means of each period: of any chunking, of what is finite, in constant memory."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.resample import Resampler
from runtime.clock.time_grid import TimeGrid
from runtime.errors import InputError

MINUTE = 60 * 10**9


def whole(resampler, times, values, cuts=()):
    edges = sorted({0, len(times), *cuts})
    parts = [resampler.place(times[a:b], values[a:b]) for a, b in pairwise(edges)]
    return [np.concatenate(column) for column in zip(*parts, resampler.flush(), strict=True)]


def test_the_mean_of_each_period_is_that_of_its_finite_readings():
    """A period is centred at its time; where a channel has no reading it is missing."""
    times = np.array([0, 0.4, 0.6, 1.2, 3.0, 3.1]) * MINUTE
    values = np.array([[1, 9], [3, np.nan], [5, np.inf], [7, np.nan], [1, 2], [2, 4.0]])
    got = whole(Resampler(MINUTE, 2), times.astype(np.int64), values)
    assert (got[0] / MINUTE).tolist() == [0, 1, 3]
    np.testing.assert_array_equal(got[1], [[2, 9], [6, np.nan], [1.5, 3]])


@settings(deadline=None, max_examples=100)
@given(
    steps=st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 7.0, -0.4, -3.0]), min_size=1),
    cuts=st.lists(st.integers(0, 20), max_size=5),
    seed=st.integers(0, 9),
)
def test_any_chunking_gives_the_same_means(steps, cuts, seed):
    """To the last bit, and as row after row gives them."""
    rng = np.random.default_rng(seed)
    times = np.round(np.cumsum(steps) * MINUTE).astype(np.int64)
    values = rng.normal(1e3, 1, (len(times), 2))
    values[rng.random(values.shape) < 0.3] = np.nan
    got = whole(Resampler(MINUTE, 2), times, values, [cut for cut in cuts if cut < len(times)])
    slots = (times - times[0] + MINUTE // 2) // MINUTE
    runs = np.split(np.arange(len(times)), np.flatnonzero(np.diff(slots)) + 1)
    assert got[0].tolist() == [times[0] + slots[run[0]] * MINUTE for run in runs]
    for mean, run in zip(got[1], runs, strict=True):
        for channel in range(2):
            cells = [cell for cell in values[run, channel].tolist() if np.isfinite(cell)]
            total = 0.0
            for cell in cells:
                total += cell
            np.testing.assert_array_equal(mean[channel], total / len(cells) if cells else np.nan)


def test_faster_data_fill_a_detectors_grid():
    """Every slot has its mean, and none is dropped."""
    times, values = np.arange(50) * 12 * 10**9, np.arange(50.0)[:, None]
    grid = TimeGrid(MINUTE, 1, max_gap=5)
    placed = grid.place(*whole(Resampler(MINUTE, 1), times, values))
    assert len(placed.times_ns) == 11
    assert placed.values[1:-1, 0].tolist() == [5.0 * slot for slot in range(1, 10)]
    assert (grid.counts.dropped, grid.counts.missing) == (0, 0)


def test_buffers_and_arguments_are_checked():
    """What the caller changes afterwards does not matter; what is no period is named."""
    resampler, values = Resampler(MINUTE, 1), np.ones((1, 1))
    resampler.place(np.zeros(1, np.int64), values)
    values[:] = 9
    assert resampler.flush()[1].tolist() == [[1.0]]
    assert len(resampler.flush()[0]) == len(Resampler(MINUTE, 1).flush()[0]) == 0
    for arguments in ((0, 1), (MINUTE, 0), (1.5, 1)):
        with pytest.raises(InputError, match="Resampling needs"):
            Resampler(*arguments)
    with pytest.raises(InputError, match="must be float64"):
        resampler.place(np.zeros(1, np.int64), np.ones((1, 2)))
