"""The sixteen discords and the year of taxi rides, scored by the exported file in the runtime."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, f1_score

from benchmarks.detection.judging import RANDOM, by_chance, evaluated, measure
from benchmarks.protocol.cases import Case, Scored
from benchmarks.protocol.jobs import Effort
from benchmarks.protocol.results_file import ResultsFile
from datasets import Series, load, names
from kad.metrics import to_ranges

DEFAULT = ["gaussian", "memory", "rnn", "vae-lstm", "ensemble"]
TAXI = "discords/nyc_taxi"
RARE = 3.0
"""Severity that one normal sample in a thousand reaches."""


class Best(NamedTuple):
    """The best F1 over thresholds, chosen with the labels in view."""

    f1: float
    precision: float
    recall: float


def series_names() -> list[str]:
    """Returns the labelled series: sixteen discords and the taxi year."""
    return [name for name in names("discords/") if load(name).train]


def plan(variants: Sequence[str], seeds: int) -> list[Case]:
    """Returns all cases, seed by seed."""
    return [
        _case(variant, load(name), seed)
        for seed in range(seeds)
        for variant in variants
        for name in series_names()
    ]


def _case(variant: str, series: Series, seed: int) -> Case:
    settings = {"": {"data": {"channels": channels(series)}}}
    return Case.of("discords", variant, series, seed, settings=settings, primed=True)


def channels(series: Series) -> list[str]:
    """Returns what is measured: the taxi year has columns of the clock, too."""
    return ["value"] if series.name == TAXI else list(series.channels)


def run(*, variants: Sequence[str], seeds: int, effort: Effort, console: Console) -> pd.DataFrame:
    """Trains and scores what is not in the results yet."""
    results = ResultsFile("discords", ("variant", "series", "seed"))
    metrics = ResultsFile("discords_metrics", ("variant", "seed", "series"))
    for case, scored in measure(plan(variants, seeds), results, effort, console):
        if scored.error:
            results.add(**case.keys, failed=scored.error)
            continue
        series = load(case.series)
        ((start, end),) = case.parts
        labels = series.labels()[start:end]
        results.add(**case.keys, **_judge(scored, labels), **_training(scored.history))
        figures = evaluated(scored, to_ranges(labels), period_s=series.period_s or 1.0)
        metrics.add(**case.keys, **figures)
    if not metrics.table.empty and not metrics.has(variant=RANDOM):
        metrics.replace([_by_chance(load(name)) for name in series_names()])
    return results.table


def _by_chance(series: Series) -> dict[str, Any]:
    ((start, end),) = series.test
    labels = series.labels()[start:end]
    keep, period_s = np.ones(len(labels), bool), series.period_s or 1.0
    figures = by_chance(to_ranges(labels), keep, period_s=period_s)
    return {"variant": RANDOM, "seed": 0, "series": series.name, **figures}


def _judge(scored: Scored, labels: np.ndarray) -> dict[str, Any]:
    (part,) = scored.parts
    score, severity = part["score"], part["severity"]
    top = int(score.argmax())
    inside = np.flatnonzero(labels)
    away = inside[np.abs(inside - top).argmin()] - top
    joint = best_f1(score, labels)
    noise = np.random.default_rng(0).random((20, len(labels)))

    def f1_at(threshold: float) -> float:
        return float(f1_score(labels, severity >= threshold, zero_division=0.0))

    return {
        "f1": joint.f1,
        "precision": joint.precision,
        "recall": joint.recall,
        "f1_by_channel": " ".join(
            f"{best_f1(channel, labels).f1:.3f}" for channel in part["channel_scores"].T
        ),
        "f1_default": f1_at(scored.metadata.threshold),
        "f1_day": f1_at(scored.threshold("1/day")),
        "f1_rare": f1_at(RARE),
        "alarms_outside": int((severity >= RARE)[~labels].sum()),
        "average_precision": average_precision_score(labels, score),
        "top_inside": bool(labels[top]),
        "top_rows_away": -int(away),
        "random_f1": best_f1(1 + 9 * noise[0], labels).f1,
        "random_average_precision": np.mean([average_precision_score(labels, n) for n in noise]),
        "random_top_inside": labels.mean(),
        "rows": len(labels),
    }


def best_f1(score: np.ndarray, labels: np.ndarray) -> Best:
    """Sweeps 1,000 thresholds, logarithmic from 1 to the highest score, as Park (2018) does."""
    order = np.sort(score)
    hits = np.sort(score[labels])
    thresholds = np.geomspace(1.0, max(float(score.max()), 1.0), 1000)
    detected = len(order) - np.searchsorted(order, thresholds, side="left")
    right = len(hits) - np.searchsorted(hits, thresholds, side="left")
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = np.nan_to_num(2 * right / (detected + len(hits)))
    best = int(f1.argmax())
    return Best(
        float(f1[best]),
        float(right[best] / max(detected[best], 1)),
        float(right[best] / max(len(hits), 1)),
    )


def _training(history: pd.DataFrame) -> dict[str, float]:
    if history.empty:
        return {"epochs": 0, "epoch_s": 0.0}
    later = history[history["epoch"] > 1]
    return {"epochs": len(history), "epoch_s": later["seconds"].median()}


def show(table: pd.DataFrame, console: Console) -> None:
    """Prints every series of every variant, then the sums over the sixteen discords."""
    for variant, rows in table.groupby("variant", sort=False):
        out = Table(
            title=f"{variant}: mean of {rows['seed'].nunique()} seeds", title_justify="left"
        )
        columns = (
            "f1", "f1_by_channel", "f1_default", "f1_day", "f1_rare", "average_precision",
            "top_inside", "top_rows_away", "random_f1", "random_average_precision",
        )  # fmt: skip
        out.add_column("series")
        for column in columns:
            out.add_column(column.replace("_", " "), justify="right")
        for name, cases in rows.groupby("series"):
            cells = [str(name).removeprefix("discords/")]
            for column in columns:
                values = cases[column]
                numeric = pd.api.types.is_float_dtype(values)
                cells.append(f"{values.mean():.3f}" if numeric else " / ".join(map(str, values)))
            out.add_row(*cells)
        console.print(out)
    console.print(summary(table).to_string())


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Returns, per variant, means over the sixteen discords and how many tops lie inside."""
    found = table[table["f1"].notna()]
    discords = found[found["series"] != TAXI]
    by_seed = discords.groupby(["variant", "seed"]).agg(
        top_inside=("top_inside", lambda inside: int(inside.astype(bool).sum())),
        top_within_100=("top_rows_away", lambda rows: int((rows.abs() <= 100).sum())),
        f1=("f1", "mean"),
        f1_default=("f1_default", "mean"),
        f1_day=("f1_day", "mean"),
        f1_rare=("f1_rare", "mean"),
        average_precision=("average_precision", "mean"),
        random_f1=("random_f1", "mean"),
        random_average_precision=("random_average_precision", "mean"),
        random_top_inside=("random_top_inside", "sum"),
    )
    return by_seed.groupby("variant").mean().round(3)
