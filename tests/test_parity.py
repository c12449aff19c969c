"""The same detector on every installed backend and in ONNX: the same numbers."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.replay import replay_series
from runtime import Detector
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_backend_equals_onnx(backend, run, exported, tmp_path):
    """A detector loaded under any backend scores as its ONNX file, NaN and inf included."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    x = replay_series(run.detector, streams=3, steps=120)
    np.save(tmp_path / "x.npy", x)
    arguments = [backend, run.folder, tmp_path / "x.npy", tmp_path / "out.npz"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.parity.backend_scores", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    onnx = Detector(exported.path)
    reference = onnx.step(x, onnx.initial_state(3))._asdict()
    with np.load(tmp_path / "out.npz") as outputs:
        gaps = {name: relative_gap(outputs[name], reference[name]) for name in OUTPUTS}
    assert max(gaps.values()) < 1e-5, gaps
