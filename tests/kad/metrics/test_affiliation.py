"""Affiliation: distances to labels as shares of random ones."""

from itertools import pairwise

import numpy as np
import pytest

from kad.metrics import (
    affiliation,
    to_mask,
    to_ranges,
)
from toys.labels import LABELS, ROWS


def test_affiliation_of_the_papers_example():
    """Figure 1 of the paper, in seconds; its authors' code gives the same."""
    minutes = [(5, 6), (7, 10), (11, 12), (40, 60), (115, 130), (135, 140), (165, 170)]
    detected = [(60 * a, 60 * b) for a, b in minutes]
    labels = [(60 * a, 60 * b) for a, b in [(0, 10), (50, 70), (170, 175)]]
    figures = affiliation(detected, labels, rows=180 * 60)
    precisions, recalls = [0.923333333, 0.672222222, 0.322916667], [0.9358333, 0.9444444, 0.9166667]
    assert figures.precision == pytest.approx(np.mean(precisions), abs=1e-8)
    assert figures.recall == pytest.approx(np.mean(recalls), abs=1e-7)


def test_affiliation_is_a_share_of_random_rows(score):
    """Both figures by their definition, with the rows of a fine raster in place of integrals."""
    detected, fine = to_ranges(score > 0.95), 40
    places = (np.arange(ROWS * fine) + 0.5) / fine
    is_label, is_hit = (np.repeat(to_mask(r, ROWS), fine).astype(bool) for r in (LABELS, detected))
    cuts = [0.0, *((b + c) / 2 for (_, b), (c, _) in pairwise(LABELS)), ROWS]
    precisions, recalls = [], []
    for (start, end), low, high in zip(LABELS, cuts[:-1], cuts[1:], strict=True):
        zone = (places >= low) & (places < high)
        here, real, hits = places[zone], is_label[zone], places[zone & is_hit]
        if not len(hits):
            recalls.append(0.0)
            continue
        away = np.maximum(np.maximum(start - here, here - end), 0)
        order = np.sort(away)
        own = away[is_hit[zone]]
        precisions.append(np.mean(1 - np.searchsorted(order, own) / len(order)))
        nearest = np.abs(here[real][:, None] - hits[None]).min(axis=1)
        farther = [
            np.mean(np.abs(here - place) >= distance)
            for place, distance in zip(here[real], nearest, strict=True)
        ]
        recalls.append(np.mean(farther))
    figures = affiliation(detected, LABELS, rows=ROWS)
    assert figures.precision == pytest.approx(np.mean(precisions), abs=2e-3)
    assert figures.recall == pytest.approx(np.mean(recalls), abs=2e-3)


def test_affiliation_without_detections():
    """Silence has no precision and no recall; without labels there is neither."""
    silence = affiliation([], LABELS, rows=ROWS)
    assert (np.isnan(silence.precision), silence.recall) == (True, 0)
    assert np.isnan(affiliation(LABELS, [], rows=ROWS)).all()
