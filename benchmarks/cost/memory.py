"""Memory of long series: training windows and embeddings of 10 million rows, files of any size."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.processes import measured_apart
from benchmarks.protocol.run import show_whole

TRAINED_ROWS = (1_000_000, 10_000_000)
SCORED_ROWS = (100_000, 2_000_000)


def plan(session: Session) -> list[Planned]:
    """Returns what has two lengths each."""
    lengths = (("train", TRAINED_ROWS), ("score", SCORED_ROWS))
    return [
        Planned(keys={"what": what, "rows": rows}, again=True)
        for what, several in lengths
        for rows in several
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Measures the peak memory of a process of its own."""
    length = one.keys["rows"]
    if one.keys["what"] == "train":
        return {"memory": [_child("train", str(length))]}
    from benchmarks.protocol.models import export_fitted, fitted

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = export_fitted(fitted(hidden_units=16, l_win=8), folder)
        data = folder / f"{length}.csv"
        times = np.arange(length) * 60
        values = np.random.default_rng(0).normal(20, 1, length).round(3)
        pd.DataFrame({"time": times, "c0": values}).to_csv(data, index=False)
        return {"memory": [_child("score", str(file), str(data), str(length))]}


def _child(*arguments: str) -> dict[str, object]:
    return dict(measured_apart("benchmarks.cost.peak_memory", *arguments))


BENCHMARK = Benchmark(plan=plan, measure=measure, show=show_whole, tables={"memory": ()})
