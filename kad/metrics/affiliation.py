"""Precision and recall by distance in time."""

from itertools import pairwise

import numpy as np

from kad.metrics.points import PrecisionRecall
from kad.metrics.ranges import Ranges, check_ranges, mean_of_known

__all__ = ["affiliation"]


def affiliation(detected: Ranges, labels: Ranges, *, rows: int) -> PrecisionRecall:
    """Precision and recall by distance in time, each as a probability of doing worse by chance.

    The rows are divided among the labelled ranges, at the middle between neighbours. In each
    part, a detected row is worth the probability that a random row of the part is farther from the
    label; a labelled row is worth the probability that a random detection is farther from it than
    the nearest one is. A random detection gets 0.5 and not 0. Parts without detection do not
    count in the precision.

    Args:
        detected: Detected ranges.
        labels: Labelled ranges.
        rows: Rows of the series.

    Raises:
        InputError: Ranges that overlap, are out of order, or lie outside the rows.

    Reference: A. Huet, J. M. Navarro, D. Rossi (2022), "Local Evaluation of Time Series Anomaly
    Detection Algorithms", KDD. As there, a row `i` is the interval from `i` to `i + 1`.
    """
    check_ranges(labels, rows)
    check_ranges(detected, rows)
    if not labels:
        return PrecisionRecall(float("nan"), float("nan"))
    start, end = np.asarray(labels, float).T
    cuts = np.concatenate([[0.0], (end[:-1] + start[1:]) / 2, [float(rows)]])
    hits = np.asarray(detected, float).reshape(-1, 2)
    precisions, recalls = [], []
    for label, zone in zip(labels, pairwise(cuts), strict=True):
        inside = np.clip(hits, *zone)
        inside = inside[inside[:, 1] > inside[:, 0]]
        precisions.append(_affiliated_precision(inside, label, zone) if len(inside) else np.nan)
        recalls.append(_affiliated_recall(inside, label, zone) if len(inside) else 0.0)
    return PrecisionRecall(mean_of_known(np.array(precisions)), mean_of_known(np.array(recalls)))


def _affiliated_precision(
    hits: np.ndarray, label: tuple[float, float], zone: tuple[float, float]
) -> float:
    room = label[0] - zone[0], zone[1] - label[1]
    size, width = zone[1] - zone[0], label[1] - label[0]

    def worth(distance: np.ndarray) -> np.ndarray:
        """Integral from 0: a row so far from the label is worth 1 − (rows nearer) / size."""
        nearer = width * distance + _capped(distance, room[0]) + _capped(distance, room[1])
        return np.asarray(distance - nearer / size)

    before = np.clip(label[0] - hits, 0, None)
    after = np.clip(hits - label[1], 0, None)
    within = np.diff(np.clip(hits, *label), axis=1).sum()
    outside = worth(before[:, 0]) - worth(before[:, 1]) + worth(after[:, 1]) - worth(after[:, 0])
    return float((within + outside.sum()) / np.diff(hits, axis=1).sum())


def _capped(distance: np.ndarray, room: float) -> np.ndarray:
    """Returns the integral of min(t, room) for t from 0 to each distance."""
    near = np.minimum(distance, room)
    return np.asarray(near * near / 2 + room * (distance - near))


def _affiliated_recall(
    hits: np.ndarray, label: tuple[float, float], zone: tuple[float, float]
) -> float:
    starts, ends = hits.T
    # A row's worth is linear between these points, so that the trapezoid rule is exact.
    corners = (starts, ends, (ends[:-1] + starts[1:]) / 2, (starts + zone[0]) / 2)
    places = np.concatenate([*corners, (ends + zone[1]) / 2, label])
    places = np.unique(np.clip(places, *label))
    after = np.searchsorted(starts, places, side="right")
    left = np.append(-np.inf, ends)[after]
    right = np.append(starts, np.inf)[after]
    distance = np.maximum(np.minimum(places - left, right - places), 0)
    nearer = np.minimum(distance, places - zone[0]) + np.minimum(distance, zone[1] - places)
    worth = 1 - nearer / (zone[1] - zone[0])
    return float(np.trapezoid(worth, places) / (label[1] - label[0]))
