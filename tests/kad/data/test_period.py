"""The sampling period of stamps that are rounded, early, late, shared or of two rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kad.data.period import find_period, infer_period
from runtime.clock.timestamps import TimestampParser
from runtime.errors import InputError
from toys.cases import columns

START = 1_709_510_400 * 10**9
SECOND = 10**9


def stamps(period_s, rows, resolution_s=1e-9):
    whole = np.rint(np.arange(rows) * period_s / resolution_s)
    return START + np.rint(whole * resolution_s * 1e9).astype(np.int64)


@settings(deadline=None, max_examples=12)
@given(
    hertz=st.sampled_from([24, 30, 60, 75, 90, 120, 128, 144, 240, 400]),
    rows=st.integers(2000, 5000),
    lost=st.integers(0, 4),
)
def test_rates_in_whole_milliseconds_are_found(hertz, rows, lost):
    """To the last digit, so that no row is dropped and the grid does not drift."""
    times = stamps(1 / hertz, rows, 1e-3)
    kept = np.delete(times, np.linspace(5, rows - 5, lost).astype(int))
    assert infer_period(kept) == 1 / hertz


@settings(deadline=None, max_examples=12)
@given(
    period=st.sampled_from([0.001, 0.02, 0.1, 0.25, 1, 2, 5, 10, 60, 300, 600, 900, 3600, 86_400]),
    rows=st.integers(2, 500),
    seed=st.integers(0, 99),
)
def test_exact_stamps_have_their_step(period, rows, seed):
    """Gaps, duplicates and order do not move it."""
    rng = np.random.default_rng(seed)
    times = stamps(period, rows)
    times = times[np.sort(np.r_[0, 1, np.flatnonzero(rng.random(rows) > 0.1)])]
    found = find_period(rng.permutation(np.r_[times, times[: rows // 50]]))
    assert found.seconds == float(period)
    assert found.changes == ()


@pytest.mark.parametrize("jitter", [2, 30, 120])
def test_early_and_late_rows_have_the_period_of_the_whole(jitter):
    """Errors of single stamps do not add up."""
    moves = np.random.default_rng(3).integers(-jitter, jitter + 1, 600) * SECOND
    found = find_period(stamps(300, 600) + moves)
    assert found.seconds == 300.0
    assert "early or late" in found.how


def read(name):
    header, rows = columns(name)
    assert header[0] == "time"
    return TimestampParser().parse([row[0] for row in rows], 2)


def test_collected_cases_have_their_period():
    """Rounded to milliseconds, and two minutes early or late."""
    assert infer_period(read("sixty_hertz.csv")) == 1 / 60
    assert infer_period(read("jitter.csv")) == 300.0
    with pytest.raises(InputError, match="at the same time"):
        infer_period(read("cut_to_seconds.csv"))
    with pytest.raises(InputError, match="a row is written when a value changes"):
        infer_period(read("on_change.csv"))


def test_stamps_cut_to_seconds_are_seen_for_what_they_are():
    """With the rate that it likely is, and what to say; on a grid of rows that is the period."""
    times = stamps(0.1, 805) // SECOND * SECOND
    with pytest.raises(InputError, match=r"about 10 rows at the same time.*period = 0\.1,"):
        infer_period(times)
    assert infer_period(times, mixed=True) == 0.1


def test_two_exports_that_overlap_are_no_shared_times():
    """Some stamps come twice, not all."""
    times = stamps(300, 400)
    assert infer_period(np.r_[times[:240], times[180:]]) == 300.0


def test_a_change_of_rate_is_named_with_its_time():
    """Where all steps fit the shorter one, the change is told; else it is an error."""
    first = stamps(60, 340)
    found = find_period(np.r_[first, first[-1] + np.arange(1, 80) * 300 * SECOND])
    assert found.seconds == 60.0
    assert [(c.time_ns, c.before_s, c.after_s) for c in found.changes] == [(first[-1], 60.0, 300.0)]
    with pytest.raises(InputError, match="60 s up to 2024-03-04 05:39:00, then 25 s"):
        infer_period(np.r_[first, first[-1] + np.arange(1, 300) * 25 * SECOND])
