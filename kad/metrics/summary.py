"""Every metric of one scored series, and their spread over series and seeds."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from kad.metrics.affiliation import affiliation
from kad.metrics.events import event_figures
from kad.metrics.nab import NAB_PROFILES, NABSeries, nab_scores
from kad.metrics.points import (
    adjust_points,
    average_precision,
    best_f1,
    precision_recall,
    roc_auc,
)
from kad.metrics.ranges import Ranges, check_ranges, keep_rows, range_based, to_mask, to_ranges
from kad.metrics.volume import volume_under_surface
from runtime.errors import InputError

__all__ = ["METRICS", "Metric", "aggregate", "evaluate"]

Choice = Literal["none", "default", "labels"]


class Metric(NamedTuple):
    """What a figure is."""

    title: str
    """In words."""
    threshold: Choice
    """`none`: needs none; `default`: the detector's own, chosen without labels; `labels`: the best
    one, chosen with the labels in view."""


_AT_A_THRESHOLD = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "adjusted_precision": "point-adjusted precision",
    "adjusted_recall": "point-adjusted recall",
    "adjusted_f1": "point-adjusted F1",
    "range_precision": "range-based precision",
    "range_recall": "range-based recall",
    "range_f1": "range-based F1",
    "affiliation_precision": "affiliation precision",
    "affiliation_recall": "affiliation recall",
    "affiliation_f1": "affiliation F1",
    "event_precision": "event precision",
    "event_recall": "event recall",
    "delay_s": "mean detection delay, s",
    "false_alarms_per_day": "false alarms per day",
    "normal_in_events": "normal time in events",
    **{f"nab_{name}": f"NAB {name.replace('_', ' ')}" for name in NAB_PROFILES},
}
METRICS = {
    "average_precision": Metric("average precision", "none"),
    "roc_auc": Metric("ROC AUC", "none"),
    "vus_pr": Metric("VUS-PR", "none"),
    "vus_roc": Metric("VUS-ROC", "none"),
    **{name: Metric(title, "default") for name, title in _AT_A_THRESHOLD.items()},
    **{
        f"best_{name}": Metric(f"{title}, rows" if "nab_" in name else title, "labels")
        for name, title in _AT_A_THRESHOLD.items()
    },
}
"""Every figure of `evaluate` by name, in the order of tables. In the figures called `best_`, point
adjustment and each of NAB's profiles choose a threshold of their own, NAB's with every row as an
alert, as in its own tables; all others share that of the best plain F1."""


def evaluate(
    score: np.ndarray,
    labels: Ranges,
    *,
    detected: np.ndarray | None = None,
    events: Ranges | None = None,
    keep: np.ndarray | None = None,
    period_s: float = 1.0,
    vus_length: int = 100,
) -> dict[str, float]:
    """Computes every metric of one scored series.

    Args:
        score: `(rows,)`, higher is more anomalous; no NaN.
        labels: Half-open row ranges of the anomalies, in order, without overlap.
        detected: bool `(rows,)`: rows at or above a threshold that was chosen without the labels.
            Without it the figures at the default threshold are left out.
        events: Ranges of the events at that threshold, where an alert policy makes them; the
            stretches of `detected` where not given. NAB's profiles take one alert per event, at
            its start.
        keep: bool `(rows,)`: rows that count, such as those that did not train. All where not
            given. NAB's probation is what is left out.
        period_s: Seconds from one row to the next, for delays and false alarms per day.
        vus_length: Longest buffer of VUS in rows.

    Returns:
        A figure per name in `METRICS`; NaN where it is not defined, as recall without labels.

    Raises:
        InputError: NaN scores, or ranges that overlap or lie outside the rows.
    """
    score = np.asarray(score, "float64")
    if score.ndim != 1 or not len(score) or np.isnan(score).any():
        raise InputError(
            f"`score` must be (rows,) of numbers. Received: {score.shape}, "
            f"{int(np.isnan(score).sum())} of them NaN."
        )
    check_ranges(labels, len(score))
    if detected is not None and events is None:
        events = to_ranges(detected)
    if keep is not None:
        score, labels = score[keep], keep_rows(labels, keep)
        detected = None if detected is None else detected[keep]
        events = None if events is None else keep_rows(events, keep)
    mask = to_mask(labels, len(score))
    volume = volume_under_surface(score, labels, length=vus_length)
    figures = {
        "average_precision": average_precision(score, mask),
        "roc_auc": roc_auc(score, mask),
        "vus_pr": volume.pr,
        "vus_roc": volume.roc,
    }
    if detected is not None and events is not None:
        figures |= _at_a_threshold(detected, events, labels, period_s)
    return figures | _best(score, labels, mask, period_s)


def _at_a_threshold(
    detected: np.ndarray, events: Ranges, labels: Ranges, period_s: float
) -> dict[str, float]:
    rows = len(detected)
    mask, ranges = to_mask(labels, rows), to_ranges(detected)
    figures = {}
    for prefix, pair in (
        ("", precision_recall(detected, mask)),
        ("adjusted_", precision_recall(adjust_points(detected, labels), mask)),
        ("range_", range_based(ranges, labels)),
        ("affiliation_", affiliation(ranges, labels, rows=rows)),
    ):
        figures[f"{prefix}precision"], figures[f"{prefix}recall"] = pair
        figures[f"{prefix}f1"] = pair.f1
    found = event_figures(events, labels, rows=rows, period_s=period_s)
    figures["event_precision"], figures["event_recall"] = found.precision, found.recall
    figures["delay_s"] = found.delay_s
    figures["false_alarms_per_day"] = found.false_alarms_per_day
    figures["normal_in_events"] = found.normal_in_events
    alerts = np.zeros(rows)
    alerts[[start for start, _ in events]] = 1.0
    silence = dict.fromkeys(NAB_PROFILES, 0.5)
    scores = nab_scores([NABSeries(alerts, labels, probation=0)], thresholds=silence)
    return figures | {f"nab_{name}": result.score for name, result in scores.items()}


def _best(score: np.ndarray, labels: Ranges, mask: np.ndarray, period_s: float) -> dict[str, float]:
    names = [name for name in METRICS if name.startswith("best_")]
    if not labels:
        return dict.fromkeys(names, float("nan"))
    detected = score >= best_f1(score, mask, thresholds=None).threshold
    found = _at_a_threshold(detected, to_ranges(detected), labels, period_s)
    adjusted = best_f1(score, mask, thresholds=None, regions=labels)
    found["adjusted_precision"], found["adjusted_recall"] = adjusted.precision, adjusted.recall
    found["adjusted_f1"] = adjusted.f1
    for name, result in nab_scores([NABSeries(score, labels, probation=0)]).items():
        found[f"nab_{name}"] = result.score
    return {name: found[name.removeprefix("best_")] for name in names}


def aggregate(
    table: pd.DataFrame,
    *,
    by: Sequence[str] = ("detector",),
    series: str = "series",
    seed: str = "seed",
) -> pd.DataFrame:
    """Means over series, and how far seeds differ in them.

    Args:
        table: One row per detector, series and seed; columns named as in `METRICS` are figures.
        by: Columns whose values are kept apart.
        series: Column with the name of the series.
        seed: Column with the seed.

    Returns:
        One row per value of `by` and metric: `mean`, `std`, `min` and `max` over seeds of the
        mean over series; `series` that have the figure; `seeds`. A series where a figure is not
        defined does not count in it. `std` is NaN for one seed. Means of NAB's profiles over
        series are not the benchmark's score, which is one of the whole corpus: see `nab_scores`.

    Raises:
        InputError: A series was scored twice with a seed, or seeds do not have the same series.
    """
    by = list(by)
    if table.duplicated([*by, series, seed]).any():
        raise InputError(f"There must be one row per {', '.join([*by, series, seed])}.")
    names = [name for name in METRICS if name in table.columns]
    parts = []
    for key, rows in table.groupby(by, sort=False):
        sets = {frozenset(cases[series]) for _, cases in rows.groupby(seed)}
        if len(sets) > 1:
            raise InputError(
                f"Every seed of {', '.join(map(str, key))} must have the same series. Finish the "
                "runs that are missing."
            )
        means = rows.groupby(seed)[names].mean()
        spread = means.agg(["mean", "std", "min", "max"]).T.rename_axis("metric").reset_index()
        spread["series"] = [int(rows.loc[rows[name].notna(), series].nunique()) for name in names]
        spread["seeds"] = len(means)
        for column, value in zip(reversed(by), reversed(key), strict=True):
            spread.insert(0, column, [value] * len(spread))
        parts.append(spread)
    return pd.concat(parts, ignore_index=True)
