"""The sixteen discords and the year of taxi rides, scored by the exported file in the runtime."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, f1_score

from benchmarks.detection.anchors import LEFT_PROFILE, NEWEST, WINDOW, left_profile
from benchmarks.detection.judging import RANDOM, by_chance, evaluated, without_threshold
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case, Scored, training_rows
from benchmarks.protocol.processes import installed
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


def plan(session: Session) -> list[Planned]:
    """Returns every series by every variant with each seed, seed by seed, and the anchors."""
    cases = [
        case(variant, load(name), seed)
        for seed in range(session.options.seeds)
        for variant in session.options.names
        for name in series_names()
    ]
    anchors = [RANDOM]
    if installed("stumpy"):
        anchors.append(LEFT_PROFILE)
    else:
        session.console.print("No new left matrix profile: it needs stumpy (extra benchmarks).")
    rivals = [
        {"variant": anchor, "seed": 0, "series": name}
        for anchor in anchors
        for name in series_names()
    ]
    return [
        *(Planned(keys=one.keys, trained=(one,)) for one in cases),
        *(Planned(keys=keys) for keys in rivals),
    ]


def case(variant: str, series: Series, seed: int) -> Case:
    """Returns one case."""
    settings = {"": {"data": {"channels": channels(series)}}}
    return Case.of("discords", variant, series, seed, settings=settings, primed=True)


def channels(series: Series) -> list[str]:
    """Returns what is measured: the taxi year has columns of the clock, too."""
    return ["value"] if series.name == TAXI else list(series.channels)


def measure(one: Planned, session: Session) -> Rows:
    """Returns the figures of a case, or every metric of a random score."""
    series = load(one.keys["series"])
    ((start, end),) = series.test
    labels, period_s = series.labels()[start:end], series.period_s or 1.0
    if one.keys["variant"] == LEFT_PROFILE:
        score = _profile(series)
        figures = without_threshold(score, to_ranges(labels), period_s=period_s)
        return {
            "discords": [{**one.keys, **_ranked(score, labels)}],
            "discords_metrics": [{**one.keys, **figures}],
        }
    if not one.trained:
        keep = np.ones(len(labels), bool)
        figures = by_chance(to_ranges(labels), keep, period_s=period_s)
        return {"discords_metrics": [{**one.keys, **figures}]}
    scored = session.scored(*one.trained)
    if scored.error:
        return {"discords": [{**one.keys, "failed": scored.error}]}
    row = {**_judge(scored, labels), **_training(scored.history)}
    figures = evaluated(scored, to_ranges(labels), period_s=period_s)
    return {
        "discords": [{**one.keys, **row}],
        "discords_metrics": [{**one.keys, **figures}],
    }


def _profile(series: Series) -> np.ndarray:
    """Returns the left matrix profile of the test part, after the training rows as one series.

    Where the two meet, something ends that did not end: rows whose windows hold that are 0.
    """
    ((start, end),) = series.test
    values = series.frame[channels(series)].to_numpy("float64")
    before = values[slice(*training_rows(series))]
    score = left_profile(np.concatenate([before, values[start:end]]))[len(before) :]
    score[: WINDOW + NEWEST - 2] = 0.0
    return score


def _judge(scored: Scored, labels: np.ndarray) -> dict[str, Any]:
    (part,) = scored.parts
    severity = part["severity"]

    def f1_at(threshold: float) -> float:
        return float(f1_score(labels, severity >= threshold, zero_division=0.0))

    return {
        **_ranked(part["score"], labels),
        "f1_by_channel": " ".join(
            f"{best_f1(channel, labels).f1:.3f}" for channel in part["channel_scores"].T
        ),
        "f1_default": f1_at(scored.metadata.threshold),
        "f1_day": f1_at(scored.threshold("1/day")),
        "f1_rare": f1_at(RARE),
        "alarms_outside": int((severity >= RARE)[~labels].sum()),
    }


def _ranked(score: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Returns the figures that need no threshold, beside those of a random score."""
    top = int(score.argmax())
    inside = np.flatnonzero(labels)
    away = inside[np.abs(inside - top).argmin()] - top
    joint = best_f1(score, labels)
    noise = np.random.default_rng(0).random((20, len(labels)))
    return {
        "f1": joint.f1,
        "precision": joint.precision,
        "recall": joint.recall,
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


def show(tables: Tables, console: Console) -> None:
    """Prints every series of every variant, then the sums over the sixteen discords."""
    table = tables["discords"]
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


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"discords": ("variant", "series", "seed")},
    details={"discords_metrics": ("variant", "seed", "series")},
    default=DEFAULT,
    trains_here=True,
)
