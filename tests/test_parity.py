"""The same detector on every installed backend and in ONNX: the same numbers."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from export.replay import replay_series
from runtime import Detector
from runtime.compare import relative_gap
from runtime.schema import OUTPUTS

SCRIPT = """
import sys
import numpy as np
from kad.backend import compile_function, select_backend
backend, model, data, out = sys.argv[1:]
select_backend(backend)
import kad
detector = kad.load(model)
step = compile_function(detector.step, detector.variables)
x = np.load(data)
state = np.zeros((len(x), detector.state_size), "float32")
parts = []
for start in range(0, x.shape[1], detector.max_steps):
    parts.append(step(x[:, start : start + detector.max_steps], state))
    state = parts[-1]["next_state"]
arrays = {k: np.concatenate([p[k] for p in parts], axis=1) for k in parts[0] if k != "next_state"}
np.savez(out, next_state=state, **arrays)
"""


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
        [sys.executable, "-c", SCRIPT, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    onnx = Detector(exported.path)
    reference = onnx.step(x, onnx.initial_state(3))._asdict()
    with np.load(tmp_path / "out.npz") as outputs:
        gaps = {name: relative_gap(outputs[name], reference[name]) for name in OUTPUTS}
    assert max(gaps.values()) < 1e-5, gaps
