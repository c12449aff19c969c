"""Ranges of rows, and the figures of Tatbul et al. on them."""

import numpy as np
import pytest

from kad.metrics import (
    range_based,
    to_mask,
    to_ranges,
)
from toys.labels import LABELS, ROWS


def test_ranges_and_masks_are_the_same():
    assert to_ranges(np.array([1, 1, 0, 1], bool)) == [(0, 2), (3, 4)]
    assert to_ranges(np.zeros(3, bool)) == []
    assert to_ranges(to_mask(LABELS, ROWS)) == LABELS


@pytest.mark.parametrize(
    ("bias", "recall"),
    [
        ("flat", 0.19271345029239767),
        ("front", 0.19196352014837254),
        ("middle", 0.20517513810877658),
        ("back", 0.1934633804364228),
    ],
)
def test_range_based_figures_are_those_of_prts(score, bias, recall):
    """`prts` 1.0.0.3: ts_recall(alpha=0.2, cardinality="reciprocal"), ts_precision(…, "flat")."""
    figures = range_based(to_ranges(score > 0.9), LABELS, existence=0.2, bias=bias)
    assert figures.recall == pytest.approx(recall, rel=1e-12)
    assert figures.precision == pytest.approx(0.32407407407407407, rel=1e-12)


def test_range_based_by_hand():
    """Two fragments that cover half of one range of two; one of three detections is right."""
    detected = [(2, 4), (6, 9), (50, 60)]
    labels = [(0, 10), (20, 30)]
    assert range_based(detected, labels) == pytest.approx((2 / 3, 0.125))
    assert range_based(detected, labels, fragments="one") == pytest.approx((2 / 3, 0.25))
    assert range_based(detected, labels, existence=1.0).recall == 0.5
    nothing = range_based([], labels)
    assert (np.isnan(nothing.precision), nothing.recall, nothing.f1) == (True, 0, 0)
    assert np.isnan(range_based(detected, []).f1)
