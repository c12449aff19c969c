"""Volume under the surface, against the authors' and slow code."""

import numpy as np
import pytest

from kad.metrics import (
    to_mask,
    to_ranges,
    volume_under_surface,
)
from toys.labels import LABELS


@pytest.mark.parametrize(
    ("length", "roc", "pr"),
    [
        (100, 0.8014398371014573, 0.5189746107963392),
        (17, 0.6879085142123227, 0.38383131622348254),
    ],
)
def test_volume_is_that_of_vus(score, length, roc, pr):
    """`vus` 0.0.6: RangeAUC_volume_opt(labels, score, length, 250)."""
    volume = volume_under_surface(score, LABELS, length=length)
    assert volume == pytest.approx((pr, roc), rel=1e-12)


def slow_range_auc(score, labels, buffer, thresholds):
    """Range-AUC for one buffer, every threshold and label in a loop, after the paper."""
    rows, reach = len(score), buffer // 2
    hard = to_mask(labels, rows)
    soft = hard.astype(float)
    for start, end in labels:
        for away in range(1, reach + 1):
            for row in (start - away, end - 1 + away):
                if 0 <= row < rows:
                    soft[row] += np.sqrt(1 - away / buffer)
    soft = np.minimum(soft, 1)
    groups = to_ranges(soft > 0)
    curve, precisions = [(0.0, 0.0)], []
    for place in np.linspace(0, rows - 1, thresholds).astype(int):
        detected = score >= np.sort(score)[::-1][place]
        hits = soft[detected].sum()
        positives = hard.sum() + soft[detected & ~hard].sum() / 2
        found = np.mean([detected[a:b].any() for a, b in groups])
        curve.append(
            (min(hits / positives, 1) * found, (detected.sum() - hits) / (rows - positives))
        )
        precisions.append(hits / detected.sum())
    recall, false = np.array([*curve, (1, 1)]).T
    return np.dot(np.diff(recall)[:-1], precisions), np.trapezoid(recall, false)


@pytest.mark.parametrize("labels", [LABELS, [(5, 6), (9, 10), (11, 13), (40, 60)], [(0, 1)]])
def test_volume_is_the_mean_of_slow_areas(score, labels):
    """Neighbouring labels, labels at both ends, equal scores: the loop's figures."""
    ties = np.round(score, 1)
    areas = [slow_range_auc(ties, labels, buffer, 40) for buffer in range(13)]
    volume = volume_under_surface(ties, labels, length=12, thresholds=40)
    np.testing.assert_allclose(volume, np.mean(areas, axis=0), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("detector", "pr"),
    [("numentaTM", 0.29), ("randomCutForest", 0.25), ("windowedGaussian", 0.24), ("ARTime", 0.14)],
)
def test_volumes_of_published_detectors(peers, detector, pr):
    """VUS-PR over the 52 labelled series after the probation, L = 100, as measured before."""
    volumes = []
    for score, windows, _ in peers(detector):
        if windows:
            skipped = min(int(0.15 * len(score)), 750)
            labels = [(start - skipped, end - skipped) for start, end in windows]
            volumes.append(volume_under_surface(score[skipped:], labels).pr)
    assert len(volumes) == 52
    assert round(float(np.mean(volumes)), 2) == pr
