"""The same numbers on every backend: in scans, losses, trainings and scores, and in ONNX."""

import importlib.util
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from export.replay import replay_series
from runtime import Detector
from runtime.clock.context import CONTEXT_COLUMNS, context_columns
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS
from toys import rnn
from toys.series import wave

pytestmark = pytest.mark.backends
BACKENDS = ["tensorflow", "torch", "jax"]
TESTS = Path(__file__).parents[2]
TOYS = {
    "recursive": {"context": CONTEXT_COLUMNS, "residual": True},
    "adaptive": {"layers": 1, "scoring": {"settle": 10, "short": 3}},
    "joint": {"cell": "gru", "head": "direct", "gaussian": "joint", "smooth": 5},
    "sru": {"cell": "sru", "embedding": 6},
    "imputing": {"cell": "simple_rnn", "impute": "forecast", "compensate": True, "layers": 1},
}
"""RNN predictors that every backend scores."""


def difficult(detector):
    """Two streams of 40 rows with context; some samples are missing or infinite."""
    x = np.stack([wave(40, seed=1).to_numpy(), wave(40, seed=2).to_numpy()])
    x[0, 25:28, 1], x[1, 30] = np.nan, np.inf
    times = pd.date_range("2025-01-01", periods=40, freq="10min").as_unit("ns").asi8
    context = context_columns(detector.context, times)
    context = np.broadcast_to(context, (2, *context.shape))
    return np.concatenate([x, context], axis=2).astype("float32")


@pytest.fixture(scope="module")
def x(run):
    """Three streams of the trained run."""
    return replay_series(run.detector, streams=3, steps=120)


@pytest.fixture(scope="module")
def on_backend(x, run, tmp_path_factory):
    """A function from a backend to `toys.rnn.backend_numbers` on it; other ones run beside."""
    folder = tmp_path_factory.mktemp("backends")
    for name, arguments in TOYS.items():
        toy = rnn.toy_rnn(**{"horizon": 2, **arguments})
        toy.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.npy", difficult(toy))
    shutil.copy(run.folder / "model.keras", folder / "vae-lstm.keras")
    np.save(folder / "vae-lstm.npy", x)

    def another(name):
        done = subprocess.run(
            [sys.executable, "-m", "toys.rnn", name, folder],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
                "KERAS_BACKEND": name,
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        numbers = {}
        with np.load(folder / f"{name}.npz") as arrays:
            for key, array in arrays.items():
                kind, _, name = key.partition("/")
                numbers.setdefault(kind, {})[name] = array
        return numbers

    with ThreadPoolExecutor() as pool:
        others = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
        running = {name: pool.submit(another, name) for name in others}
        here_and_now = rnn.backend_numbers(folder)

        def numbers(backend):
            if backend == "tensorflow":
                return here_and_now
            if backend not in running:
                pytest.skip(f"{backend} is not installed")
            return running[backend].result()

        yield numbers


@pytest.mark.parametrize("backend", BACKENDS)
def test_scan_is_a_loop(on_backend, backend):
    """Nested carry and other nested outputs, and the gradient through all steps, as in a loop."""
    numbers = on_backend(backend)["scan"]
    names = [name for name in numbers if name.startswith("scan")]
    assert len(names) == 2 + 3 + 1
    for name in names:
        want = numbers[name.replace("scan", "loop")]
        np.testing.assert_allclose(numbers[name], want, rtol=1e-5, atol=1e-6, err_msg=name)
    assert numbers["scan2"].shape == (5, 3, 2)
    assert (np.abs(numbers["scan_gradient"]) > 0.01).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_extreme_dropout_keeps_its_meaning(on_backend, backend):
    """A share too small for the masks' bytes drops nothing; nearly 1 still has a finite loss."""
    reference = on_backend("tensorflow")["dropout"]
    np.testing.assert_allclose(
        on_backend(backend)["dropout"]["little"], reference["none"], rtol=1e-5
    )
    assert np.isfinite(reference["much"]).all()


@pytest.mark.parametrize("kind", ["training", "sru"])
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_backends_train_alike(on_backend, backend, kind):
    """From the same weights, with the same noise and masks, the same losses and weights."""
    reference, numbers = on_backend("tensorflow")[kind], on_backend(backend)[kind]
    assert set(numbers) == set(reference)
    for name, array in numbers.items():
        assert relative_gap(array, reference[name]) < 1e-3, name
    assert (reference["history"][1] < reference["history"][0]).any()


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_backends_score_alike(on_backend, backend):
    """A saved detector gives the same outputs and state under every backend."""
    reference, numbers = on_backend("tensorflow")["score"], on_backend(backend)["score"]
    assert len(reference) == (len(TOYS) + 1) * len(OUTPUTS)
    for name, array in reference.items():
        assert relative_gap(numbers[name], array) < 1e-5, name
        assert np.abs(array).max() > 0, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_equals_onnx(x, on_backend, backend, exported):
    """A trained detector loaded under any backend scores as its file, NaN and inf included."""
    onnx = Detector(exported.path)
    reference = onnx.step(x, onnx.initial_state(len(x)))._asdict()
    numbers = on_backend(backend)["score"]
    gaps = {name: relative_gap(numbers[f"vae-lstm.{name}"], reference[name]) for name in OUTPUTS}
    assert max(gaps.values()) < 1e-5, gaps
