"""Metrics against counting by hand, other people's packages, and published figures."""

import numpy as np
import pytest

from kad.metrics import (
    NABSeries,
    adjust_points,
    affiliation,
    average_precision,
    best_f1,
    event_figures,
    nab_scores,
    precision_recall,
    roc_auc,
    sequence_labels,
    to_mask,
    volume_under_surface,
)
from runtime.errors import InputError
from toys.labels import LABELS, ROWS


def test_best_f1_by_hand():
    """Four rows, thresholds in between: the best one finds two of two with one false alarm."""
    score = np.array([0.0, 3.0, 2.0, 4.0])
    labels = np.array([False, False, True, True])
    best = best_f1(score, labels, thresholds=5)
    assert (best.precision, best.recall) == (pytest.approx(2 / 3), 1.0)
    assert best.f1 == pytest.approx(0.8)
    assert best.threshold == 1.0


@pytest.mark.parametrize("regions", [None, LABELS, [(290, 350), (340, 400), (980, 1000)]])
def test_best_f1_is_the_best_of_a_loop_over_thresholds(score, regions):
    """Adjusting every threshold's detections one by one gives the same figures."""
    labels = to_mask(regions or LABELS, ROWS)
    figures = []
    for threshold in np.linspace(score.min(), score.max(), 50):
        detected = score >= threshold
        if regions:
            detected = adjust_points(detected, regions)
        pair = precision_recall(detected, labels)
        figures.append((pair.f1, threshold, pair.precision, pair.recall))
    f1, *others = max(figures, key=lambda figure: figure[0])
    best = best_f1(score, labels, thresholds=50, regions=regions)
    np.testing.assert_allclose([best.f1, *best[:3]], [f1, *others])
    assert best_f1(score, labels, thresholds=None, regions=regions).f1 >= best.f1


def test_areas_by_counting_pairs(score):
    """ROC AUC is the share of pairs in order; average precision steps over the hits."""
    labels = to_mask(LABELS, ROWS)
    assert roc_auc(score, labels) == pytest.approx(
        np.mean(score[labels][:, None] > score[~labels][None])
    )
    ranked = labels[np.argsort(-score)]
    precision = np.cumsum(ranked) / np.arange(1, ROWS + 1)
    assert average_precision(score, labels) == pytest.approx(precision[ranked].mean())
    assert np.isnan(average_precision(score, np.zeros(ROWS, bool)))
    assert np.isnan(roc_auc(score, np.ones(ROWS, bool)))


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


@pytest.mark.parametrize(
    "windows", [[(5, 5)], [(7, 5)], [(5, 9), (8, 12)], [(990, 1001)], [(-1, 4)]]
)
def test_ranges_that_are_none_are_refused(score, windows):
    """Empty, reversed, overlapping and outside ranges are errors, not figures."""
    with pytest.raises(InputError, match="half-open"):
        nab_scores([NABSeries(score, windows)])
    with pytest.raises(InputError, match="half-open"):
        volume_under_surface(score, windows)
    with pytest.raises(InputError, match="half-open"):
        affiliation(LABELS, windows, rows=ROWS)
    with pytest.raises(InputError, match="half-open"):
        event_figures(windows, LABELS, rows=ROWS)


def test_nan_scores_are_refused(score):
    broken = score.copy()
    broken[3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        nab_scores([NABSeries(broken, LABELS)])
