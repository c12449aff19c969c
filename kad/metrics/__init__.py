"""Metrics of detection against labels."""

from kad.metrics.affiliation import affiliation
from kad.metrics.events import EventFigures, event_figures
from kad.metrics.nab import NAB_PROFILES, NABProfile, NABScore, NABSeries, nab_scores, nab_worth
from kad.metrics.points import (
    BestF1,
    PrecisionRecall,
    adjust_points,
    average_precision,
    best_f1,
    precision_recall,
    roc_auc,
    sequence_labels,
    threshold_curves,
)
from kad.metrics.ranges import range_based, to_mask, to_ranges
from kad.metrics.summary import METRICS, Metric, aggregate, evaluate
from kad.metrics.volume import Volume, volume_under_surface

__all__ = [
    "METRICS",
    "NAB_PROFILES",
    "BestF1",
    "EventFigures",
    "Metric",
    "NABProfile",
    "NABScore",
    "NABSeries",
    "PrecisionRecall",
    "Volume",
    "adjust_points",
    "affiliation",
    "aggregate",
    "average_precision",
    "best_f1",
    "evaluate",
    "event_figures",
    "nab_scores",
    "nab_worth",
    "precision_recall",
    "range_based",
    "roc_auc",
    "sequence_labels",
    "threshold_curves",
    "to_mask",
    "to_ranges",
    "volume_under_surface",
]
