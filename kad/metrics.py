"""Metrics of detection against labels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["BestF1", "adjust_points", "best_f1", "sequence_labels"]


class BestF1(NamedTuple):
    """The best F1 over thresholds: chosen with the labels in view."""

    threshold: float
    """Score at or above which a row counts as detected."""
    precision: float
    recall: float
    f1: float


def best_f1(
    score: np.ndarray,
    labels: np.ndarray,
    *,
    thresholds: int = 200,
    regions: Sequence[tuple[int, int]] | None = None,
) -> BestF1:
    """Sweeps thresholds from the lowest to the highest score.

    Args:
        score: `(rows,)`, higher is more anomalous.
        labels: bool `(rows,)`.
        thresholds: How many, evenly spaced.
        regions: Half-open row ranges, one per anomaly: with them, a detection anywhere in a
            region counts as a detection everywhere in it (point adjustment). Such figures say
            little without the plain ones and a random score's beside them.

    Returns:
        The threshold with the highest F1, and its precision and recall.

    Reference: S. Lin et al. (2020) for the protocol; S. Kim et al. (2022), "Towards a Rigorous
    Evaluation of Time-Series Anomaly Detection", for why point adjustment flatters.
    """
    best = BestF1(float("nan"), 0.0, 0.0, 0.0)
    for threshold in np.linspace(score.min(), score.max(), thresholds):
        detected = score >= threshold
        if regions is not None:
            detected = adjust_points(detected, regions)
        hits = float(np.sum(detected & labels))
        if not hits:
            continue
        precision, recall = hits / detected.sum(), hits / labels.sum()
        f1 = 2 * precision * recall / (precision + recall)
        if f1 > best.f1:
            best = BestF1(float(threshold), float(precision), float(recall), float(f1))
    return best


def adjust_points(detected: np.ndarray, regions: Sequence[tuple[int, int]]) -> np.ndarray:
    """Returns detections in which every region that has one is detected throughout."""
    adjusted = detected.copy()
    for start, end in regions:
        if detected[start:end].any():
            adjusted[start:end] = True
    return adjusted


def sequence_labels(
    points: Sequence[int], *, rows: int, length: int
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Labels the sequences of a series that contain an anomalous row.

    Args:
        points: Anomalous rows.
        rows: Rows of the series.
        length: Rows of a sequence. Sequence `i` covers rows `i` to `i + length - 1`.

    Returns:
        bool `(rows - length + 1,)`, and the half-open range of sequences for each point.
    """
    sequences = rows - length + 1
    labels = np.zeros(sequences, bool)
    regions = []
    for point in points:
        start, end = max(0, point - length + 1), min(sequences, point + 1)
        labels[start:end] = True
        regions.append((start, end))
    return labels, regions
