"""Frames and tables: what users bring, and what is said when it cannot be used."""

import numpy as np
import pandas as pd
import pytest

from kad.data.frames import time_index, times_ns, to_grid, to_segments
from kad.data.period import infer_period
from runtime.clock.grid import GridCounts, make_grid
from runtime.errors import InputError
from toys.series import wave

GRID = {"period_s": 60.0, "channels": 2, "max_gap": 5, "reorder": 16}

MINUTE = 60 * 10**9


def test_period_is_the_median_step():
    """Gaps and duplicates do not move it; mixed sampling periods are refused."""
    times = times_ns(wave(100))
    assert infer_period(np.r_[times, times[-1], times[-1] + 50 * MINUTE]) == 60.0
    mixed = np.r_[times, times[-1] + np.arange(1, 100) * 25 * 10**9]
    with pytest.raises(InputError, match="mixes sampling periods"):
        infer_period(mixed)
    with pytest.raises(InputError, match="at least two rows"):
        infer_period(times[:1])


def test_segments_are_what_the_gateway_sees():
    """Short gaps become missing rows, long ones separate segments, copies are counted."""
    frame = wave(60)
    frame = pd.concat([frame.iloc[:10], frame.iloc[9:10], frame.iloc[12:30], frame.iloc[50:]])
    placed, counts = to_grid(frame, make_grid("time", **GRID))
    segments = to_segments(placed)
    assert [len(s.values) for s in segments] == [30, 10]
    assert np.isnan(segments[0].values[10:12]).all()
    assert counts == GridCounts(received=39, repeated=1, missing=2, restarts=1)
    assert (np.diff(segments[0].times_ns) == MINUTE).all()


def test_rows_grid_takes_every_row():
    """With grid `rows` nothing is placed, dropped or filled."""
    frame = pd.concat([wave(10), wave(10)])
    placed, _ = to_grid(frame, make_grid("rows", **GRID))
    np.testing.assert_array_equal(placed.values, frame.to_numpy())
    assert len(to_segments(placed)) == 1


def test_index_kinds_survive():
    """Scores come back with the kind of index that went in."""
    for index in (
        pd.date_range("2025-01-01", periods=3, freq="s"),
        pd.date_range("2025-01-01", periods=3, freq="s", tz="Europe/Berlin"),
        pd.RangeIndex(3),
        pd.Index([0.25, 0.5, 0.75]),
    ):
        frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index)
        again = time_index(times_ns(frame), frame.index)
        assert list(again) == list(index)
    with pytest.raises(InputError, match="timestamps or numbers"):
        times_ns(pd.DataFrame({"a": [1.0]}, index=["x"]))
