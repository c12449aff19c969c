"""Impossible readings among training rows."""

import numpy as np

from kad.data.absurd import without_absurd
from runtime.clock.grid import Placed


def placed(values):
    values = np.asarray(values, float)[:, None]
    rows = np.arange(len(values))
    return Placed(rows * 10**9, values, rows == 0, rows)


def test_one_impossible_reading_is_missing():
    """It is named with its value and time; the rows that were given stay as they are."""
    values = 20 + np.sin(np.arange(400))
    values[17] = 1e7
    rows = placed(values)
    got, found = without_absurd(rows, ["flow"])
    assert np.flatnonzero(np.isnan(got.values[:, 0])).tolist() == [17]
    assert found == {"flow": {"count": 1, "values": [1e7], "times_ns": [17 * 10**9]}}
    assert rows.values[17, 0] == 1e7


def test_rare_and_large_is_not_impossible():
    """Bursts a hundred times as high, many of them, and a channel that mostly stands still stay."""
    noise = np.random.default_rng(0).normal(size=1000)
    bursts = np.where(np.arange(1000) % 100 == 0, 300.0, noise)
    often = np.where(np.arange(1000) % 20 == 0, 1e7, noise)
    still = np.where(np.arange(1000) == 5, 1e9, 0.0)
    for values in (bursts, often, still):
        got, found = without_absurd(placed(values), ["x"])
        assert found == {}
        assert not np.isnan(got.values).any()
