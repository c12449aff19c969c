"""The sixteen discords and the year of taxi rides, scored by the exported file in the runtime."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sklearn.metrics import average_precision_score, f1_score

from benchmarks.exporting import ExportProcess
from benchmarks.results_file import ResultsFile
from datasets import Series, load, names
from kad.backend import select_backend

ORIGINAL_SCORE = {"smooth": 1, "compensate": False}
VARIANTS: dict[str, dict[str, Any]] = {
    "gaussian": {"detector": "gaussian"},
    "rnn": {"detector": "rnn"},
    "rnn-original-score": {"detector": "rnn", "options": ORIGINAL_SCORE},
    "rnn-uncompensated": {"detector": "rnn", "options": {"compensate": False}},
    "rnn-direct": {"detector": "rnn", "options": {"head": "direct"}},
    "rnn-joint": {"detector": "rnn", "options": {"gaussian": "joint"}},
    "vae-lstm": {"detector": "vae-lstm"},
}
"""Detector and constructor arguments per variant; all else is the default."""
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


def run(*, variants: list[str], seeds: int, fresh: bool, console: Console) -> pd.DataFrame:
    """Trains, exports and scores what is not in the results yet."""
    select_backend()
    results = ResultsFile("discords", ("variant", "series", "seed"), fresh=fresh)
    cases = [
        (variant, name, seed)
        for seed in range(seeds)
        for variant in variants
        for name in series_names()
        if not results.has(variant=variant, series=name, seed=seed)
    ]
    columns = (
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console) as progress, ExportProcess() as exporter:
        task = progress.add_task("discords", total=len(cases), now="")
        for variant, name, seed in cases:
            progress.update(task, now=f"{variant}: {name}")
            results.add(
                variant=variant, series=name, seed=seed, **_case(variant, name, seed, exporter)
            )
            progress.advance(task)
    return results.table


def _case(variant: str, name: str, seed: int, exporter: ExportProcess) -> dict[str, Any]:
    from kad.config import build_config
    from kad.run import train

    series = load(name)
    frame = on_clock(series)
    settings = VARIANTS[variant]
    config = build_config(
        detector=settings["detector"],
        overrides={
            "data": {"train": "{}:{}".format(*series.train)},
            "detector": settings.get("options", {}),
            "training": {"seed": seed},
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        trained = train(config, frame, out=Path(folder) / "run")
        file = exporter.export(trained.folder)
        return {**_judge(file, series, frame), **_training(trained.history)}


def on_clock(series: Series) -> pd.DataFrame:
    """Returns the channels; rows without time stamps are a period apart, where it is known."""
    frame = series.frame
    if isinstance(frame.index, pd.DatetimeIndex):
        return frame[["value"]]
    return frame.set_axis(np.arange(len(frame)) * (series.period_s or 1.0))


def _judge(file: Path, series: Series, frame: pd.DataFrame) -> dict[str, Any]:
    from kad.frames import times_ns
    from runtime import Detector, Stream

    ((start, end),) = series.test
    part = frame.iloc[start:end]
    labels = series.labels()[start:end]
    stream = Stream(Detector(file))
    scores = stream.push_many(times_ns(part), part.to_numpy("float64"))
    top = int(scores.score.argmax())
    inside = np.flatnonzero(labels)
    away = inside[np.abs(inside - top).argmin()] - top
    joint = best_f1(scores.score, labels)
    noise = np.random.default_rng(0).random((20, len(labels)))
    return {
        "f1": joint.f1,
        "precision": joint.precision,
        "recall": joint.recall,
        "f1_by_channel": " ".join(
            f"{best_f1(channel, labels).f1:.3f}" for channel in scores.channel_scores.T
        ),
        "f1_default": f1_score(labels, scores.alarm, zero_division=0.0),
        "f1_rare": f1_score(labels, scores.severity >= RARE, zero_division=0.0),
        "alarms_outside": int((scores.severity >= RARE)[~labels].sum()),
        "average_precision": average_precision_score(labels, scores.score),
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
            "f1", "f1_by_channel", "f1_default", "f1_rare", "average_precision", "top_inside",
            "top_rows_away", "random_f1", "random_average_precision",
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
    discords = table[table["series"] != "discords/nyc_taxi"]
    by_seed = discords.groupby(["variant", "seed"]).agg(
        top_inside=("top_inside", "sum"),
        top_within_100=("top_rows_away", lambda rows: int((rows.abs() <= 100).sum())),
        f1=("f1", "mean"),
        f1_default=("f1_default", "mean"),
        f1_rare=("f1_rare", "mean"),
        average_precision=("average_precision", "mean"),
        random_f1=("random_f1", "mean"),
        random_average_precision=("random_average_precision", "mean"),
        random_top_inside=("random_top_inside", "sum"),
    )
    return by_seed.groupby("variant").mean().round(3)
