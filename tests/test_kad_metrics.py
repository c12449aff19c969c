"""Metrics against counting by hand."""

import numpy as np
import pytest

from kad.metrics import adjust_points, best_f1, sequence_labels


def test_best_f1_by_hand():
    """Four rows, thresholds in between: the best one finds two of two with one false alarm."""
    score = np.array([0.0, 3.0, 2.0, 4.0])
    labels = np.array([False, False, True, True])
    best = best_f1(score, labels, thresholds=5)
    assert (best.precision, best.recall) == (pytest.approx(2 / 3), 1.0)
    assert best.f1 == pytest.approx(0.8)
    assert best.threshold == 1.0


def test_point_adjustment_finds_whole_regions():
    """One hit in a region counts for all of it; a region without a hit stays missed."""
    detected = np.array([False, True, False, False, False])
    adjusted = adjust_points(detected, [(0, 3), (3, 5)])
    np.testing.assert_array_equal(adjusted, [True, True, True, False, False])
    np.testing.assert_array_equal(detected, [False, True, False, False, False])


def test_point_adjustment_flatters_noise():
    """A random score looks good once adjusted: why the plain figure stands beside it."""
    labels = np.zeros(1000, bool)
    labels[300:600] = True
    noise = np.random.default_rng(0).random(1000)
    plain = best_f1(noise, labels).f1
    adjusted = best_f1(noise, labels, regions=[(300, 600)]).f1
    assert plain < 0.5
    assert adjusted > 0.9


def test_sequences_that_contain_a_point():
    """Sequence i covers rows i to i + length − 1."""
    labels, regions = sequence_labels([5], rows=10, length=3)
    np.testing.assert_array_equal(np.flatnonzero(labels), [3, 4, 5])
    assert regions == [(3, 6)]
    labels, regions = sequence_labels([0, 9], rows=10, length=3)
    np.testing.assert_array_equal(np.flatnonzero(labels), [0, 7])
    assert regions == [(0, 1), (7, 8)]
