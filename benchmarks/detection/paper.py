"""The paper's five series by its own protocol, scored by the exported file in the runtime.

The variant `vae-lstm-paper` is the paper's detector; others are scored by the same protocol.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.detection import published
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case, Scored
from datasets import Series, load
from kad.metrics import adjust_points, best_f1, precision_recall, sequence_labels

DEFAULT = ["vae-lstm-paper", "gaussian", "memory", "rnn", "vae-lstm", "ensemble"]
SERIES = {
    "ambient_temp": (24, 40),
    "cpu_utilization": (48, 20),
    "ec2_request": (24, 40),
    "machine_temp": (48, 20),
    "nyc_taxi": (48, 40),
}
"""Window length and epochs of each part."""
L_SEQ = 12


def plan(session: Session) -> list[Planned]:
    """Returns all cases, seed by seed."""
    cases = [
        _case(variant, load(f"vae_lstm/{name}"), seed)
        for seed in range(session.options.seeds)
        for name in SERIES
        for variant in session.options.names
    ]
    return [
        Planned(
            keys={"variant": case.variant, "case": case.series, "seed": case.seed}, trained=(case,)
        )
        for case in cases
    ]


def _case(variant: str, series: Series, seed: int) -> Case:
    l_win, epochs = SERIES[_short(series.name)]
    shapes: dict[str, Any] = {"detector": {"l_win": l_win}}
    if variant.startswith("vae-lstm-paper"):
        shapes["training"] = {"epochs": epochs, "epochs_lstm": epochs}
    settings: dict[str, Any] = {"": {"data": {"grid": "rows"}}, "vae-lstm": shapes}
    return Case.of("paper", variant, series, seed, settings=settings)


def measure(one: Planned, session: Session) -> Rows:
    """Returns the figures of each test segment."""
    series, scored = one.keys["case"], session.scored(*one.trained)
    if scored.error:
        return {"paper": [{**one.keys, "series": _short(series), "failed": scored.error}]}
    costs = _training(scored.history)
    return {"paper": [{**one.keys, **row, **costs} for row in _judge(load(series), scored)]}


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _judge(series: Series, scored: Scored) -> Iterator[dict[str, Any]]:
    """Yields the figures of each test segment."""
    name = _short(series.name)
    length = SERIES[name][0] * L_SEQ
    for number, ((start, end), part) in enumerate(zip(series.test, scored.parts, strict=True)):
        points = [point - start for point in series.points if start <= point < end]
        yield {
            "series": name if len(series.test) == 1 else f"{name}[{number}]",
            **_metrics(part["score"], points, length),
            **_without_labels(part["severity"], scored, points, length),
        }


def _metrics(score: np.ndarray, points: list[int], length: int) -> dict[str, float | str]:
    labels, regions = sequence_labels(points, rows=len(score), length=length)
    sequences = score[length - 1 :]
    noise = np.random.default_rng(0).random(len(sequences))
    plain, adjusted = best_f1(sequences, labels), best_f1(sequences, labels, regions=regions)
    found = sequences >= plain.threshold
    return {
        "f1": plain.f1,
        "precision": plain.precision,
        "recall": plain.recall,
        "recall_per_anomaly": " ".join(f"{found[a:b].mean():.2f}" for a, b in regions),
        "f1_adjusted": adjusted.f1,
        "random_f1": best_f1(noise, labels).f1,
        "random_f1_adjusted": best_f1(noise, labels, regions=regions).f1,
    }


def _without_labels(
    severity: np.ndarray, scored: Scored, points: list[int], length: int
) -> dict[str, float]:
    """Returns the F1 of sequences at thresholds that no label has chosen."""
    labels, regions = sequence_labels(points, rows=len(severity), length=length)
    figures = {}
    for name, threshold in (
        ("week", scored.metadata.threshold),
        ("day", scored.threshold("1/day")),
        ("rare", 3.0),
    ):
        found = severity[length - 1 :] >= threshold
        figures[f"f1_{name}"] = precision_recall(found, labels).f1
        adjusted = adjust_points(found, regions)
        figures[f"f1_{name}_adjusted"] = precision_recall(adjusted, labels).f1
    return figures


def _training(history: pd.DataFrame) -> dict[str, float]:
    if history.empty:
        return {}
    seconds = history[history["epoch"] > 1].groupby("phase")["seconds"].median()
    best = history.groupby("phase")["val_loss"].min()
    return {f"{phase}_val_loss": loss for phase, loss in best.items()} | {
        f"{phase}_epoch_s": second for phase, second in seconds.items()
    }


def show(tables: Tables, console: Console) -> None:
    """Prints medians over seeds beside the original's figures."""
    table = tables["paper"]
    found = table[table["f1"].notna()]
    for variant, cases in found.groupby("variant", sort=False):
        out = Table(title=f"{variant}: F1, median of seeds", title_justify="left")
        for column in (
            "series",
            "best of 200",
            "seeds",
            "original",
            "1/week",
            "1/day",
            "severity 3",
            "adjusted",
            "original",
            "random",
            "random adjusted",
        ):
            out.add_column(column, justify="left" if column == "series" else "right")
        for name, (plain, adjusted) in published.PAPER.items():
            rows = cases[cases["series"] == name]
            if rows.empty:
                continue
            out.add_row(
                name,
                _median(rows["f1"]),
                " ".join(f"{f:.3f}" for f in sorted(rows["f1"])),
                f"{plain:.3f}",
                *(_median(rows[f"f1_{rule}"]) for rule in ("week", "day", "rare")),
                _median(rows["f1_adjusted"]),
                f"{adjusted:.3f}",
                _median(rows["random_f1"]),
                _median(rows["random_f1_adjusted"]),
            )
        console.print(out)


def _median(values: pd.Series) -> str:
    return "" if values.isna().all() else f"{values.median():.3f}"


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"paper": ("variant", "case", "seed", "series")},
    default=DEFAULT,
    trains_here=True,
)
