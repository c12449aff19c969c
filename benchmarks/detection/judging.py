"""What all benchmarks do with scores: every metric, and what a random score has."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.detection.alerts import event_ranges
from benchmarks.protocol.cases import Scored
from kad.metrics import evaluate
from runtime.alarms.budget import severity_threshold
from runtime.model.policy import AlarmPolicy

COMPARED = (
    "average_precision",
    "vus_pr",
    "f1",
    "event_precision",
    "event_recall",
    "delay_s",
    "false_alarms_per_day",
    "normal_in_events",
    "affiliation_f1",
    "best_f1",
)
"""Metrics whose means over series stand in `results/`; of each series all are kept beside it."""
RANDOM = "uniform random"
BUDGET = "1/week"
"""For which a random score alarms as often as it is allowed to."""


def by_chance(
    labels: Sequence[tuple[int, int]], keep: np.ndarray, *, period_s: float, seed: int = 0
) -> dict[str, Any]:
    """Returns every metric of a uniform random score.

    Args:
        labels: Half-open row ranges.
        keep: bool `(rows,)`: rows that count.
        period_s: Seconds from one row to the next.
        seed: Of the score.
    """
    score = np.random.default_rng(seed).random(len(keep))
    severity, threshold = -np.log10(1 - score), severity_threshold(BUDGET, period_s)
    return evaluate(
        score,
        labels,
        detected=severity >= threshold,
        events=event_ranges(severity, threshold, AlarmPolicy()),
        keep=keep,
        period_s=period_s,
    )


def without_threshold(
    score: np.ndarray,
    labels: Sequence[tuple[int, int]],
    *,
    keep: np.ndarray | None = None,
    period_s: float = 1.0,
) -> dict[str, Any]:
    """Returns every metric of a score that has no threshold of its own; figures at one are NaN.

    Args:
        score: `(rows,)`.
        labels: Half-open row ranges.
        keep: Rows that count.
        period_s: Seconds from one row to the next.
    """
    figures = evaluate(score, labels, keep=keep, period_s=period_s)
    return {**dict.fromkeys(COMPARED, float("nan")), **figures}


def evaluated(
    scored: Scored,
    labels: Sequence[tuple[int, int]],
    *,
    score: np.ndarray | None = None,
    keep: np.ndarray | None = None,
    period_s: float = 1.0,
) -> dict[str, Any]:
    """Returns every metric of the first part of a case, and its costs.

    The default threshold and the alarm policy are the file's.

    Args:
        scored: What the case gave.
        labels: Half-open row ranges.
        score: Instead of the detector's score.
        keep: Rows that count.
        period_s: Seconds from one row to the next.
    """
    meta, part = scored.metadata, scored.parts[0]
    return {
        **evaluate(
            part["score"] if score is None else score,
            labels,
            detected=part["severity"] >= meta.threshold,
            events=event_ranges(part["severity"], meta.threshold, meta.alarm),
            keep=keep,
            period_s=period_s,
        ),
        "threshold": meta.threshold,
        **scored.costs(),
    }


def means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns what readers compare: means over series, each over those that have the figure."""
    table = pd.DataFrame(rows)
    return {"series": len(table), **{name: float(table[name].mean()) for name in COMPARED}}
