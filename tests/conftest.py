"""Shared fixtures: the backend of this process, a tiny trained run, the real series."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kad.backend import select_backend

TINY = {
    "detector": {"l_win": 6, "l_seq": 3, "code_size": 2, "hidden_units": 16, "lstm_units": 4},
    "training": {"epochs": 2, "epochs_lstm": 2, "batch_size": 32, "batch_size_lstm": 32},
}
"""A VAE-LSTM that trains in a second."""


def pytest_configure(config):
    """Chooses the backend before any test imports Keras; the suite exports, so TensorFlow."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    select_backend()


def wave(rows=600, channels=2, seed=0):
    """Two noisy sines at one minute, as a frame indexed by time."""
    rng = np.random.default_rng(seed)
    turns = np.arange(rows)[:, None] / np.array([12.0, 17.0])[:channels]
    values = 20 + 4 * np.sin(2 * np.pi * turns) + 0.3 * rng.standard_normal((rows, channels))
    index = pd.date_range("2025-01-01", periods=rows, freq="min", name="time")
    return pd.DataFrame(values, index=index, columns=["a", "b"][:channels])


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
    from kad.run import train

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
