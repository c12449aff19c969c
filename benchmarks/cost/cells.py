"""What the recurrent cells of the RNN predictor cost, beside the LSTM, in training and scoring.

Times are of one thread, and CPU time: medians over rounds in which every cell has its turn, and of
the ratio to the LSTM within a round, since seconds of a shared machine drift.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks.cost.scoring import SHAPES
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.models import export_fitted, fitted_rnn
from benchmarks.protocol.processes import ONE_THREAD, installed, measured_apart
from benchmarks.protocol.run import show_whole

if TYPE_CHECKING:
    from kad.networks.rnn.options import RNNTraining
    from kad.training.session import TrainingSession

CELLS = ("lstm", "gru", "sru")
HEADS = ("recursive", "direct")
LOSSES: dict[str, dict[str, float]] = {
    "all three": {},
    "teacher-forced": {"free_running": 0.0, "professor_forced": 0.0},
}
TRAINING_ROUNDS, SCORING_ROUNDS = 5, 30

Call = Callable[[], object]


def plan(session: Session) -> list[Planned]:
    """Returns training on every installed backend, then scoring."""
    where = (*installed("jax", "tensorflow", "torch"), "scoring")
    return [Planned(keys={"what": what}, again=True) for what in where]


def measure(one: Planned, session: Session) -> Rows:
    """Measures in a process with one thread."""
    what = one.keys["what"]
    if what != "scoring":
        rows = measured_apart("benchmarks.cost.cells", what, environment=ONE_THREAD)
        return {"cells_training": rows}
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, dict[str, str]] = {head: {} for head in HEADS}
        for head in HEADS:
            for cell in CELLS:
                place = Path(folder) / head / cell
                place.mkdir(parents=True)
                export_fitted(fitted_rnn(cell=cell, head=head), place, step=True)
                files[head][cell] = str(place / "detector.onnx")
        rows = measured_apart("benchmarks.cost.cells", what, question=files, environment=ONE_THREAD)
    return {"cells_scoring": rows}


def _trainings(backend: str) -> list[dict[str, Any]]:
    from kad.backend import select_backend

    select_backend(backend)
    rows = []
    for losses, options in LOSSES.items():
        epochs = {cell: _epoch(cell, options) for cell in CELLS}
        for row in in_turn(epochs, TRAINING_ROUNDS):
            seconds = round(row.pop("seconds"), 3)
            rows.append({"backend": backend, "losses": losses, **row, "epoch_s": seconds})
    return rows


def _epoch(cell: str, losses: Mapping[str, float]) -> Call:
    """Returns what trains an epoch as `kad train` does: taxi rides, 64 streams, chunks of 50."""
    import keras

    from datasets import load
    from kad.backend.loop import TrainingLoop
    from kad.config import build_config
    from kad.networks.rnn.training import fit_predictor

    class Asked:
        """Stands for a session and keeps what it is asked to train."""

        def run_phase(self, _: str, **phase: Any) -> None:
            self.phase = phase

    series, asked = load("discords/nyc_taxi"), Asked()
    config = build_config(
        detector="rnn", overrides={"detector": {"cell": cell}, "training": dict(losses)}
    )
    keras.utils.set_random_seed(0)
    detector = config.detector(series.channels, period_s=series.period_s or 1.0, **config.arguments)
    prepared = detector.prepare(series.train_frame(), training=config.training)
    stand_in, options = cast("TrainingSession", asked), cast("RNNTraining", config.training)
    fit_predictor(detector.predictor, prepared.series, stand_in, options)
    phase = asked.phase
    loop = TrainingLoop(
        phase["loss"],
        variables=phase["network"],
        optimizer=phase["optimizer"].build(phase["steps"]),
        data=phase["data"],
        carry=phase["carry"],
    )
    batches = phase["batches"](np.random.default_rng(0))
    return partial(loop.train, batches)


def _scorings(files: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    from runtime import Detector

    rng, rows = np.random.default_rng(0), []
    for head, by_cell in files.items():
        detectors = {cell: Detector(file) for cell, file in by_cell.items()}
        for streams, steps in SHAPES:
            x = rng.normal(20, 1, (streams, steps, 1)).astype("float32")
            calls = {}
            for cell, detector in detectors.items():
                size = (streams, detector.metadata.state_size)
                state = rng.normal(0, 0.1, size).astype("float32")
                state[:, 0] = detector.metadata.warmup_steps + 1
                calls[cell] = partial(detector.step, x, state)
            for row in in_turn(calls, SCORING_ROUNDS, at_least=0.02):
                us = round(row.pop("seconds") / (streams * steps) * 1e6, 2)
                shape = {"head": head, "streams": streams, "steps": steps}
                rows.append({**shape, **row, "us_per_sample": us})
    return rows


def in_turn(
    calls: Mapping[str, Call], rounds: int, *, at_least: float = 0.0
) -> list[dict[str, Any]]:
    """Returns CPU seconds of a call and their ratio to the first one, medians over rounds.

    Args:
        calls: By cell.
        rounds: How often each has its turn, after one that does not count.
        at_least: Seconds of a turn: short calls are repeated.
    """
    counts = {}
    for cell, call in calls.items():
        call()
        counts[cell] = max(1, round(at_least / max(_seconds(call, 1), 1e-6)))
    times = np.array(
        [[_seconds(call, counts[cell]) for cell, call in calls.items()] for _ in range(rounds)]
    )
    ratios = times / times[:, :1]
    return [
        {
            "cell": cell,
            "seconds": float(np.median(times[:, i])),
            "by_lstm": round(float(np.median(ratios[:, i])), 3),
            "by_lstm_low": round(float(ratios[:, i].min()), 3),
            "by_lstm_high": round(float(ratios[:, i].max()), 3),
        }
        for i, cell in enumerate(calls)
    ]


def _seconds(call: Call, count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show_whole,
    tables={"cells_training": (), "cells_scoring": ()},
)


if __name__ == "__main__":
    what = sys.argv[1]
    print(json.dumps(_scorings(json.load(sys.stdin)) if what == "scoring" else _trainings(what)))
