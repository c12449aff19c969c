"""Counts in sentences, and what is too much."""

import re

import numpy as np
import pytest

from runtime.clock.counts import GridCounts
from runtime.clock.said import describe, judge
from runtime.clock.time_grid import TimeGrid

SECOND = 10**9
DAY = 1_709_596_800  # 2024-03-05


def placed(seconds, *, period=300.0, values=None, reorder=16):
    times = np.round((np.array(seconds, float) + DAY) * SECOND).astype(np.int64)
    values = np.arange(len(times), dtype=float) if values is None else np.array(values, float)
    grid = TimeGrid(round(period * SECOND), 1, reorder=reorder, max_gap=47, remember=1000)
    grid.place(times, values[:, None])
    grid.flush()
    return grid


def verdict(seconds, *, period=300.0, **options):
    return judge(placed(seconds, period=period, **options).counts, period_s=period, name="x.csv")


REGULAR = np.arange(200) * 300


def test_nothing_happened_is_not_said():
    """Regular rows need no sentence."""
    grid = placed(REGULAR)
    assert describe(grid.counts, grid.incidents) == []
    assert judge(grid.counts, period_s=300) is None


def test_a_clock_set_back_is_named_with_its_times():
    """From where to where."""
    grid = placed([*REGULAR, *REGULAR[150:]])
    (said,) = describe(grid.counts, grid.incidents)
    assert "set back once (from 2024-03-05 16:35:00 to 2024-03-05 12:30:00)" in said
    assert describe(grid.counts)[0].startswith("The clock was set back once, as")


def test_corrections_and_repetitions_are_told_apart():
    """With the times of the first and last correction."""
    again = np.arange(150.0, 200)
    again[20:30] = -1
    grid = placed([*REGULAR, *REGULAR[150:]], values=[*range(200), *again])
    first, second = describe(grid.counts, grid.incidents)
    assert first.startswith("10 rows came again with other values (2024-03-05 14:10:00 to ")
    assert second.startswith("40 rows left out that came again with the same values")
    assert judge(grid.counts, period_s=300) is None


def test_each_count_has_its_sentence():
    """One row or period is one."""
    for name in GridCounts.__slots__:
        counts = GridCounts(**{name: 1})
        expected = 0 if name in ("received", "shared") else 1
        if name == "backward":
            counts = GridCounts(backward=1, restarts=1)
        said = describe(counts)
        assert len(said) == expected
        assert not any("1 rows" in line or "1 gaps" in line for line in said)


def test_many_jumps_are_cut_short():
    """Five stand for all."""
    seconds = np.concatenate([REGULAR[:20] - 3000 * k for k in range(7)])
    grid = placed(seconds)
    (said,) = describe(grid.counts, grid.incidents)
    assert said.count("from 2024") == 5
    assert "6 times" in said
    assert ", …)" in said


@pytest.mark.parametrize(
    ("seconds", "period", "cause"),
    [
        (np.arange(300) * 60, 300.0, "faster than that, with a row about every 60 s"),
        (np.arange(3000) * 0.1, 1.0, "a row about every 0.1 s. Take the mean"),
        (np.arange(3000) // 10, 1.0, "cut to whole seconds (about 10 rows share one, so the per"),
        (np.arange(3000) // 10, 0.1, "cut to whole seconds (about 10 rows share one, so the per"),
        (np.repeat(REGULAR, 3), 300.0, "different times.* several sensors in one file"),
        (np.repeat(REGULAR, 2), 300.0, "joined exports that do not agree (give one of them)"),
        (np.arange(300) * 250, 300.0, "their times jitter, or their period is a little shorter"),
        (REGULAR[::-1], 300.0, "in order of time.*the newest row seems to come first"),
        (np.random.default_rng(0).permutation(REGULAR), 300.0, "in order of time.* not sorted"),
    ],
)
def test_too_many_dropped_rows_have_a_likely_cause(seconds, period, cause):
    """Named with what to do, in one line."""
    said = verdict(seconds, period=period)
    assert re.search(re.escape(cause).replace(r"\.\*", ".*"), said)
    assert "x.csv must" in said
    assert f"Received: {len(seconds)} rows" in said
    assert "\n" not in said


def test_two_exports_that_disagree_are_named():
    """Many corrections are no corrections."""
    again = np.arange(200.0)
    again[2::3] = -1
    said = verdict([*REGULAR, *REGULAR], values=[*range(200), *again])
    assert "two exports that do not agree" in said


@pytest.mark.parametrize(
    ("received", "late", "duplicates", "refused"),
    [
        (100, 10, 0, False),
        (100, 11, 0, True),
        (100, 0, 11, True),
        (1000, 30, 20, False),
        (1000, 30, 21, True),
    ],
)
def test_both_bounds_must_be_passed(received, late, duplicates, refused):
    """Over 10 rows, and over 5 % of all; what was repeated or filled is no loss."""
    counts = GridCounts(
        received=received, late=late, duplicates=duplicates, repeated=90, filled=90, missing=900
    )
    assert (judge(counts, period_s=60) is not None) == refused
