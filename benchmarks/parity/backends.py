"""The same detector on all backends and in ONNX."""

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.protocol.models import export_fitted, fitted, fitted_rnn
from benchmarks.protocol.processes import installed
from runtime.model.compare import relative_gap
from runtime.model.schema import OUTPUTS


def run() -> pd.DataFrame:
    """Returns the largest relative gap to ONNX per backend and output, NaN and inf in the input."""
    from export.replay import replay_series
    from runtime import Detector

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case, detector in _cases():
            file = export_fitted(detector, Path(folder))
            onnx = Detector(file)
            x = replay_series(detector, streams=3, steps=2000)
            np.save(Path(folder) / "x.npy", x)
            reference = onnx.step(x, onnx.initial_state(3))._asdict()
            for backend in installed("jax", "tensorflow", "torch"):
                out = Path(folder) / "out.npz"
                subprocess.run(
                    [
                        sys.executable,
                        "-m",
                        "benchmarks.parity.backend_scores",
                        backend,
                        str(Path(folder) / "model.keras"),
                        str(Path(folder) / "x.npy"),
                        str(out),
                    ],
                    check=True,
                    capture_output=True,
                )
                with np.load(out) as outputs:
                    gaps = {n: relative_gap(outputs[n], reference[n], output=n) for n in OUTPUTS}
                rows.append({"detector": case, "backend": backend, **gaps})
    return pd.DataFrame(rows)


def _cases() -> Iterator[tuple[str, Any]]:
    for units, channels in ((512, 1), (128, 5)):
        name = f"vae-lstm, {units} units, {channels} channels"
        yield name, fitted(hidden_units=units, channels=channels)
    cells = (("lstm", "tanh"), ("gru", "tanh"), ("simple_rnn", "tanh"), ("simple_rnn", "relu"))
    for (cell, activation), head in itertools.product(cells, ("recursive", "direct")):
        options = {"cell": cell, "activation": activation, "head": head}
        yield f"rnn, {cell} {activation}, {head}", fitted_rnn(channels=2, **options)
