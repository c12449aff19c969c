"""Which regressor from the hidden state to the usual distance: a network or support vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVR

from benchmarks.detection.discords import channels, series_names
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import on_clock, training_rows
from datasets import load

SMOOTH = 25
MOST_ROWS = 1000
"""Rows that regressors are fitted on: support vectors cost the square of it."""
SMALLEST = 1e-2

Array = np.ndarray
Predict = Callable[[Array], Array]


def plan(session: Session) -> list[Planned]:
    """Returns the series."""
    return [Planned(keys={"series": name}) for name in series_names()]


def measure(one: Planned, session: Session) -> Rows:
    """Trains the predictor once and scores it with every compensation."""
    return {"compensation": [{**one.keys, **row} for row in _case(one.keys["series"])]}


def _case(name: str) -> list[dict[str, Any]]:
    import keras

    from kad.config import build_config
    from kad.data.frames import to_grid, to_segments
    from kad.runs.construct import build_detector

    series = load(name)
    frame = on_clock(series)[channels(series)]
    rows, test = frame.iloc[slice(*training_rows(series))], frame.iloc[slice(*series.test[0])]
    labels = series.labels()[slice(*series.test[0])]
    config = build_config(detector="rnn", overrides={"detector": {"compensate": False}})
    keras.utils.set_random_seed(0)
    detector = build_detector(config, rows, tuple(rows.columns))
    prepared = detector.prepare(rows, training=config.training)
    detector.fit_prepared(prepared)
    names = ("hidden", "distances", "observed")
    hidden, distances, observed = detector.measured(prepared.series, *names)
    seen = observed.all(axis=1)
    hidden, distances = hidden[seen], distances[seen]
    chosen = np.random.default_rng(0).permutation(len(hidden))[:MOST_ROWS]
    placed, _ = to_grid(test, detector.make_grid())
    parts = [
        detector.run_segment(detector.measure_step, detector.inputs(segment))
        for segment in to_segments(placed)
    ]
    out = {name: np.concatenate([part[name] for part in parts]) for name in names}
    score = {
        "none": out["distances"],
        "network, ratio": _by_channel(_ratio, _network, hidden, distances, out),
        "support vectors, ratio": _by_channel(
            _ratio, _support_vectors, hidden[chosen], distances[chosen], out
        ),
        "network, difference": _by_channel(_difference, _network, hidden, distances, out),
        "support vectors, difference (the original)": _by_channel(
            _difference, _support_vectors, hidden[chosen], distances[chosen], out
        ),
    }
    return [{"compensation": what, **_judge(parts, labels)} for what, parts in score.items()]


def _by_channel(
    compensate: Callable[..., Array], fit: Callable[[Array, Array], Predict], hidden: Array,
    distances: Array, out: dict[str, Array],
) -> Array:  # fmt: skip
    columns = [
        compensate(fit, hidden, distances[:, c], out["hidden"], out["distances"][:, c])
        for c in range(distances.shape[1])
    ]
    return np.stack(columns, axis=1)


def _ratio(
    fit: Callable[..., Predict], hidden: Array, known: Array, now: Array, score: Array
) -> Array:
    target = np.log(known + SMALLEST)
    usual = fit(hidden, target - target.mean())
    ratio: Array = score / np.exp(np.clip(usual(now), -4, 4))
    return ratio


def _difference(
    fit: Callable[..., Predict], hidden: Array, known: Array, now: Array, score: Array
) -> Array:
    difference: Array = np.maximum(score - fit(hidden, known)(now), 0.0)
    return difference


def _network(hidden: Array, target: Array) -> Predict:
    from kad.networks.rnn.usual_distance import fit_network

    predict: Predict = fit_network(hidden, target).predict
    return predict


def _support_vectors(hidden: Array, target: Array) -> Predict:
    """Park's grid: C 1, 10, 100; gamma 0.1, 1, 10; 5 folds."""
    grid = {"C": [1, 10, 100], "gamma": [0.1, 1, 10]}
    search = GridSearchCV(SVR(), grid, cv=5, n_jobs=2)
    predict: Predict = search.fit(hidden, target).predict
    return predict


def _judge(parts: Array, labels: Array) -> dict[str, Any]:
    roots = np.sqrt(np.maximum(parts, 0.0))
    total = np.cumsum(np.concatenate([np.zeros((SMOOTH, roots.shape[1])), roots]), axis=0)
    smooth = (((total[SMOOTH:] - total[:-SMOOTH]) / SMOOTH) ** 2).sum(axis=1)
    top = int(smooth.argmax())
    return {
        "average_precision": average_precision_score(labels, smooth),
        "top_inside": bool(labels[top]),
        "average_precision_unsmoothed": average_precision_score(labels, parts.sum(axis=1)),
    }


def show(tables: Tables, console: Console) -> None:
    """Prints means over the sixteen discords."""
    table = tables["compensation"]
    discords = table[table["series"] != "discords/nyc_taxi"]
    grouped = discords.groupby("compensation").agg(
        top_inside=("top_inside", "sum"),
        average_precision=("average_precision", "mean"),
        average_precision_unsmoothed=("average_precision_unsmoothed", "mean"),
    )
    console.print(grouped.round(3).to_string())


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"compensation": ("series", "compensation")},
    trains_here=True,
)
