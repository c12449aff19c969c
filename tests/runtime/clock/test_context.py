"""Context columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.clock.context import CONTEXT_COLUMNS, ContextColumns, context_columns


def test_context_columns_follow_the_clock():
    """Phase 0 at midnight and on Monday 00:00, before 1970 too."""
    names = ("time_of_day_sin", "time_of_day_cos", "day_of_week_sin", "day_of_week_cos")
    times = np.array(["2024-01-01T00:00", "2024-01-01T06:00", "2024-01-04T12:00", "1969-12-29"])
    columns = context_columns(names, times.astype("datetime64[ns]").astype(np.int64))
    quarter = np.pi / 14
    expected = [
        [0, 1, 0, 1],
        [1, 0, np.sin(quarter), np.cos(quarter)],
        [0, -1, 0, -1],
        [0, 1, 0, 1],
    ]
    np.testing.assert_allclose(columns, expected, atol=1e-7)
    assert columns.dtype == np.float32


@settings(deadline=None)
@given(
    times=st.lists(st.integers(-(2**62) + 1, 2**62 - 1), min_size=1, max_size=9),
    names=st.permutations(CONTEXT_COLUMNS),
)
def test_one_time_gives_what_many_give(times, names):
    """To the last bit, so that a live stream scores as a file does."""
    many = context_columns(names, np.array(times))
    one = np.empty_like(many)
    columns = ContextColumns(names)
    for row, time in enumerate(times):
        columns.at(time, one[row])
    np.testing.assert_array_equal(one, many)
