"""Areas and volumes under curves of labels with soft borders."""

from typing import NamedTuple

import numpy as np

from kad.metrics.ranges import Ranges, check_ranges

__all__ = ["Volume", "volume_under_surface"]


class Volume(NamedTuple):
    """Volumes under the precision-recall and the ROC surface; NaN without labels."""

    pr: float
    """VUS-PR."""
    roc: float
    """VUS-ROC."""


def volume_under_surface(
    score: np.ndarray, labels: Ranges, *, length: int = 100, thresholds: int = 250
) -> Volume:
    """Averages range-AUC over buffers from 0 to `length` rows at the borders of the labels.

    Each label is widened by half a buffer on both sides with falling weight, so that a score that
    is a little early or late is not punished; true positives are also weighted with the share
    of labels that have one.

    Args:
        score: `(rows,)`, higher is more anomalous.
        labels: Labelled ranges; those without a row between them count as one.
        length: Longest buffer in rows (the paper's L).
        thresholds: How many, at evenly spaced ranks of the score.

    Raises:
        InputError: Ranges that overlap, are out of order, or lie outside the rows.

    Reference: J. Paparrizos, P. Boniol, T. Palpanas, R. Tsay, A. Elmore, M. Franklin (2022),
    "Volume Under the Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly
    Detection", PVLDB 15(11); the numbers are those of the authors' package `vus` 0.0.6.
    """
    rows = len(score)
    check_ranges(labels, rows)
    if not labels:
        return Volume(float("nan"), float("nan"))
    labels = _joined(labels)
    order = np.sort(score)
    levels = order[::-1][np.linspace(0, rows - 1, thresholds).astype(int)]
    detected = rows - np.searchsorted(order, levels, side="left")
    positive = sum(end - start for start, end in labels)

    near = _near(labels, rows, length // 2)
    # The first threshold at which a row is detected; the levels fall.
    found_at = np.searchsorted(-levels, -np.asarray(score)[near], side="left")
    distance = _distance(near, labels)
    inside = distance == 0
    hits_inside = np.cumsum(np.bincount(found_at[inside], minlength=thresholds))
    area_pr, area_roc = np.empty(length + 1), np.empty(length + 1)
    for buffer in range(length + 1):
        reach = buffer // 2
        soft = ~inside & (distance <= reach)
        weight = np.sqrt(1 - distance[soft] / max(buffer, 1))
        weight[_labels_within(near[soft], labels, reach) > 1] = 1.0
        hits_soft = np.cumsum(np.bincount(found_at[soft], weight, minlength=thresholds))
        hits = hits_inside + hits_soft
        positives = positive + hits_soft / 2
        reached = distance <= reach
        starts = np.searchsorted(near[reached], _widened(labels, reach))
        first = np.minimum.reduceat(found_at[reached], starts)
        existence = np.cumsum(np.bincount(first, minlength=thresholds)) / len(first)
        true = np.minimum(hits / positives, 1) * existence
        false = (detected - hits) / (rows - positives)
        precision = hits / detected
        area_pr[buffer] = np.dot(np.diff(true, prepend=0), precision)
        area_roc[buffer] = np.trapezoid([0, *true, 1], [0, *false, 1])
    return Volume(float(area_pr.mean()), float(area_roc.mean()))


def _joined(labels: Ranges) -> list[tuple[int, int]]:
    """Joins ranges that touch: there is no row between them to tell them apart."""
    joined = [labels[0]]
    for start, end in labels[1:]:
        if start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _near(labels: Ranges, rows: int, reach: int) -> np.ndarray:
    mask = np.zeros(rows, bool)
    for start, end in labels:
        mask[max(start - reach, 0) : end + reach] = True
    return np.flatnonzero(mask)


def _distance(rows: np.ndarray, labels: Ranges) -> np.ndarray:
    """Returns how many rows away the nearest label is; 0 inside."""
    starts, ends = np.asarray(labels, float).T
    number = np.searchsorted(ends, rows, side="right")
    to_next = np.append(starts, np.inf)[number] - rows
    from_last = rows - np.append(-np.inf, ends - 1)[number]
    return np.asarray(np.maximum(np.minimum(to_next, from_last), 0))


def _labels_within(rows: np.ndarray, labels: Ranges, reach: int) -> np.ndarray:
    starts, ends = np.asarray(labels).T
    begun = np.searchsorted(starts, rows + reach, side="right")
    return begun - np.searchsorted(ends - 1, rows - reach, side="left")


def _widened(labels: Ranges, reach: int) -> np.ndarray:
    """Returns where labels start that are widened on both sides, and joined if they then touch."""
    starts, ends = np.asarray(labels).T
    apart = ends[:-1] + reach <= starts[1:] - reach
    return np.asarray(np.maximum(starts[np.append(True, apart)] - reach, 0))
