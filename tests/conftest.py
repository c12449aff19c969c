"""Shared fixtures: the backend of this process, a tiny trained run, the real series."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kad.backend import select_backend
from runtime.clock.context import CONTEXT_COLUMNS, context_columns
from toys.series import TINY, ten_minutes, wave


def pytest_configure(config):
    """Chooses the backend before any test imports Keras; the suite exports, so TensorFlow."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    select_backend()


@pytest.fixture(scope="session")
def data_dir():
    """The folder of the real series."""
    folder = os.environ.get("KAD_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real series: set KAD_DATA_DIR")
    return Path(folder)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained run: two channels with units, tiny networks."""
    from kad.config import build_config
    from kad.runs.train import train

    config = build_config(overrides={**TINY, "data": {"units": {"a": "bar"}}})
    return train(config, wave(), out=tmp_path_factory.mktemp("runs") / "wave")


@pytest.fixture(scope="session")
def detector(run):
    """The detector of the trained run."""
    return run.detector


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory):
    """The exported file of the trained run."""
    from export import export

    return export(run.folder, tmp_path_factory.mktemp("exported") / "detector.onnx")


@pytest.fixture(scope="session")
def browser():
    """A Chromium without a window, driven by Playwright."""
    from kad.report.picture import find_browser

    playwright = pytest.importorskip("playwright.sync_api")
    path = find_browser()
    if path is None:
        pytest.skip("needs Chromium or Chrome on PATH")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def rnn_run(tmp_path_factory):
    """A trained run of a tiny RNN predictor, with context."""
    from kad.runs.train import train
    from toys.rnn import tiny

    return train(tiny(), ten_minutes(), out=tmp_path_factory.mktemp("runs") / "rnn")


@pytest.fixture(scope="session")
def on_backend(tmp_path_factory):
    """A function from a backend to `toys.rnn.backend_numbers` on it; other ones run beside."""
    from toys import rnn

    folder = tmp_path_factory.mktemp("backends")
    x = np.stack([wave(40, seed=1).to_numpy(), wave(40, seed=2).to_numpy()])
    x[0, 25:28, 1], x[1, 30] = np.nan, np.inf
    times = pd.date_range("2025-01-01", periods=40, freq="10min").as_unit("ns").asi8
    context = np.broadcast_to(context_columns(CONTEXT_COLUMNS, times), (2, 40, 4))
    np.save(folder / "x.npy", np.concatenate([x, context], axis=2).astype("float32"))
    for name, arguments in {
        "recursive": {"context": CONTEXT_COLUMNS, "residual": True},
        "adaptive": {"layers": 1, "scoring": {"settle": 10, "short": 3}},
        "joint": {"cell": "gru", "head": "direct", "gaussian": "joint", "smooth": 5},
        "imputing": {"cell": "simple_rnn", "impute": "forecast", "compensate": True, "layers": 1},
    }.items():
        rnn.toy_rnn(**{"horizon": 2, **arguments}).save(folder / f"{name}.keras")
    tests = Path(__file__).parent

    def another(name):
        done = subprocess.run(
            [sys.executable, "-m", "toys.rnn", name, folder],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)]),
                "KERAS_BACKEND": name,
                "OMP_NUM_THREADS": "1",
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
