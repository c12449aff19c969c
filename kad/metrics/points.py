"""Precision and recall that count rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

__all__ = [
    "BestF1",
    "PrecisionRecall",
    "adjust_points",
    "average_precision",
    "best_f1",
    "precision_recall",
    "roc_auc",
    "sequence_labels",
    "threshold_curves",
]


class BestF1(NamedTuple):
    """The best F1 over thresholds: chosen with the labels in view."""

    threshold: float
    """Score at or above which a row counts as detected."""
    precision: float
    recall: float
    f1: float


class PrecisionRecall(NamedTuple):
    """How much of what was detected is right, and how much of what is right was detected."""

    precision: float
    """NaN where nothing was detected."""
    recall: float
    """NaN where there are no labels."""

    @property
    def f1(self) -> float:
        """The harmonic mean; 0 where nothing was detected, NaN where there are no labels."""
        if np.isnan(self.recall):
            return float("nan")
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total > 0 else 0.0


def precision_recall(detected: np.ndarray, labels: np.ndarray) -> PrecisionRecall:
    """Precision and recall of rows.

    Args:
        detected: bool `(rows,)`.
        labels: bool `(rows,)`.
    """
    hits = float(np.sum(detected & labels))
    found, real = int(detected.sum()), int(labels.sum())
    return PrecisionRecall(
        hits / found if found else float("nan"), hits / real if real else float("nan")
    )


def threshold_curves(
    score: np.ndarray, labels: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of rows at each of many thresholds, see `precision_recall`.

    Args:
        score: `(rows,)`, higher is more anomalous.
        labels: bool `(rows,)`.
        thresholds: Score at or above which a row counts as detected, `(thresholds,)`.

    Returns:
        Precision and recall, each `(thresholds,)`.
    """
    everything, anomalous = np.sort(score), np.sort(score[labels])
    detected = len(everything) - np.searchsorted(everything, thresholds)
    hits = (len(anomalous) - np.searchsorted(anomalous, thresholds)).astype("float64")
    nothing = np.full(len(thresholds), np.nan)
    precision = np.divide(hits, detected, out=nothing, where=detected > 0)
    return precision, hits / len(anomalous) if len(anomalous) else np.full_like(hits, np.nan)


def average_precision(score: np.ndarray, labels: np.ndarray) -> float:
    """The area under the precision-recall curve, as scikit-learn has it; NaN without labels."""
    return float(average_precision_score(labels, score)) if labels.any() else float("nan")


def roc_auc(score: np.ndarray, labels: np.ndarray) -> float:
    """Probability that an anomalous row scores higher than a normal one; NaN without either."""
    known = labels.any() and not labels.all()
    return float(roc_auc_score(labels, score)) if known else float("nan")


def best_f1(
    score: np.ndarray,
    labels: np.ndarray,
    *,
    thresholds: int | None = 200,
    regions: Sequence[tuple[int, int]] | None = None,
) -> BestF1:
    """Sweeps thresholds from the lowest to the highest score.

    Args:
        score: `(rows,)`, higher is more anomalous.
        labels: bool `(rows,)`.
        thresholds: How many, evenly spaced; every distinct score where `None`.
        regions: Half-open row ranges, one per anomaly: with them, a detection anywhere in a
            region counts as a detection everywhere in it (point adjustment). Such figures say
            little without the plain ones and a random score's beside them.

    Returns:
        The threshold with the highest F1, and its precision and recall.

    Reference: S. Lin et al. (2020) for the protocol; S. Kim et al. (2022), "Towards a Rigorous
    Evaluation of Time-Series Anomaly Detection", for why point adjustment flatters.
    """
    # A region is found whole as soon as its highest row is.
    adjusted = score.copy()
    for start, end in regions or ():
        adjusted[start:end] = np.maximum(adjusted[start:end], score[start:end].max(initial=-np.inf))
    if thresholds is None:
        levels = np.unique(adjusted)
    else:
        levels = np.linspace(score.min(), score.max(), thresholds)
    everything, anomalous = np.sort(adjusted), np.sort(adjusted[labels])
    detected = len(everything) - np.searchsorted(everything, levels)
    hits = len(anomalous) - np.searchsorted(anomalous, levels)
    f1 = 2 * hits / (detected + len(anomalous))
    best = int(f1.argmax())
    if not hits[best]:
        return BestF1(float("nan"), 0.0, 0.0, 0.0)
    return BestF1(
        float(levels[best]),
        float(hits[best] / detected[best]),
        float(hits[best] / len(anomalous)),
        float(f1[best]),
    )


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
