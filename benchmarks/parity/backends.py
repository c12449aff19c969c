"""The same detector on all backends and in ONNX."""

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.models import export_fitted, fitted, fitted_rnn
from benchmarks.protocol.processes import installed
from benchmarks.protocol.run import show_whole
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS


def plan(session: Session) -> list[Planned]:
    """Returns detectors of every kind of network."""
    return [Planned(keys={"detector": name}, again=True) for name in detectors()]


def measure(one: Planned, session: Session) -> Rows:
    """Returns the largest relative gap to ONNX per backend and output, NaN and inf in the input."""
    from export.replay import replay_series
    from runtime import Detector

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = detectors()[one.keys["detector"]]()
        onnx = Detector(export_fitted(detector, folder))
        x = replay_series(detector, streams=3, steps=2000)
        np.save(folder / "x.npy", x)
        reference = onnx.step(x, onnx.initial_state(3))._asdict()
        for backend in installed("jax", "tensorflow", "torch"):
            _score_apart(backend, folder)
            with np.load(folder / "out.npz") as outputs:
                gaps = {n: relative_gap(outputs[n], reference[n], output=n) for n in OUTPUTS}
            rows.append({**one.keys, "backend": backend, **gaps})
    return {"parity": rows}


def _score_apart(backend: str, folder: Path) -> None:
    files = [str(folder / name) for name in ("model.keras", "x.npy", "out.npz")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.parity.backend_scores", backend, *files],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{backend}: {done.stderr.strip().splitlines()[-1]}")


def detectors() -> dict[str, Callable[[], Any]]:
    """Returns what trains each detector, by name."""
    found: dict[str, Callable[[], Any]] = {}
    for units, channels in ((512, 1), (128, 5)):
        name = f"vae-lstm, {units} units, {channels} channels"
        found[name] = partial(fitted, hidden_units=units, channels=channels)
    cells = [(cell, "tanh") for cell in ("lstm", "gru", "simple_rnn", "sru")]
    cells.append(("simple_rnn", "relu"))
    for (cell, activation), head in itertools.product(cells, ("recursive", "direct")):
        options = {"cell": cell, "activation": activation, "head": head}
        found[f"rnn, {cell} {activation}, {head}"] = partial(fitted_rnn, channels=2, **options)
    return found


BENCHMARK = Benchmark(plan=plan, measure=measure, show=show_whole, tables={"parity": ()})
