"""Simple scores: causal, and the same as computed by hand."""

import numpy as np
import pytest

from benchmarks.detection import anchors
from benchmarks.detection.anchors import held, left_profile, newest_mean, pca_error


def test_the_newest_difference_and_mean():
    assert anchors.newest_difference(np.array([1.0, 3.0, 2.0])).tolist() == [0.0, 2.0, 1.0]
    assert newest_mean(np.array([4.0, 2.0, 6.0, 8.0]), 3).tolist() == pytest.approx(
        [4.0, 3.0, 4.0, 16 / 3]
    )


def test_a_missing_value_is_the_last_known_one():
    values = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [5.0, 4.0]])
    assert held(values).tolist() == [[0.0, 1.0], [2.0, 1.0], [2.0, 1.0], [5.0, 4.0]]


def test_pca_reconstructs_the_training_rows_correlation():
    """Two channels that are one: the error is what leaves their line, over six rows."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=200)
    values = np.stack([one, 3 * one, np.zeros(200)], axis=1)
    values[150] = [1.0, -3.0, 0.0]
    error = pca_error(values, 100)
    assert error[:150] == pytest.approx(np.zeros(150), abs=1e-12)
    z = (values[150] - values[:100].mean(axis=0)) / [*values[:100, :2].std(axis=0), 1.0]
    off_line = (z[0] - z[1]) ** 2 / 2
    assert error[150:156] == pytest.approx(np.full(6, off_line / 6))
    assert error[156:] == pytest.approx(np.zeros(44), abs=1e-12)


def test_constant_training_rows_are_no_error():
    values = np.ones((20, 2))
    values[15] = 3.0
    assert pca_error(values, 10)[:15].tolist() == [0.0] * 15
    assert pca_error(values, 10)[15] > 0


def by_hand(channel, window):
    """The left matrix profile by two loops; stumpy leaves out a quarter window around each."""
    windows = np.lib.stride_tricks.sliding_window_view(channel, window)
    z = [(w - w.mean()) / w.std() if np.ptp(w) else np.zeros(window) for w in windows]
    gap = int(np.ceil(window / 4))
    found = np.zeros(len(windows))
    for row in range(gap + 1, len(windows)):
        found[row] = min(np.linalg.norm(z[row] - z[other]) for other in range(row - gap))
    return found


def test_the_left_profile_is_that_of_two_loops():
    """At the end of each window, averaged over 20 rows; of two channels the mean."""
    pytest.importorskip("stumpy")
    rng = np.random.default_rng(1)
    values = np.sin(np.arange(160) / 5)[:, None] + 0.2 * rng.normal(size=(160, 2))
    values[60:90, 0] = 0.5
    expected = np.mean([by_hand(channel, 16) for channel in values.T], axis=0)
    expected = newest_mean(np.concatenate([np.zeros(15), expected]), anchors.NEWEST)
    assert left_profile(values, 16) == pytest.approx(expected, abs=1e-6)


def test_the_left_profile_is_causal():
    pytest.importorskip("stumpy")
    values = np.random.default_rng(2).normal(size=200)
    whole, part = left_profile(values, 16), left_profile(values[:120], 16)
    assert whole[:120] == pytest.approx(part, abs=1e-6)
