"""Series that tests train on and score, and a VAE-LSTM that trains on them in a second."""

import numpy as np
import pandas as pd

TINY = {
    "detector": {"l_win": 6, "l_seq": 3, "code_size": 2, "hidden_units": 16, "lstm_units": 4},
    "training": {"epochs": 2, "epochs_lstm": 2, "batch_size": 32, "batch_size_lstm": 32},
}
"""A VAE-LSTM that trains in a second."""


def wave(rows=600, channels=2, seed=0):
    """Two noisy sines at one minute, as a frame indexed by time."""
    rng = np.random.default_rng(seed)
    turns = np.arange(rows)[:, None] / np.array([12.0, 17.0])[:channels]
    values = 20 + 4 * np.sin(2 * np.pi * turns) + 0.3 * rng.standard_normal((rows, channels))
    index = pd.date_range("2025-01-01", periods=rows, freq="min", name="time")
    return pd.DataFrame(values, index=index, columns=["a", "b"][:channels])


def ten_minutes(rows=600, seed=0):
    """The wave every ten minutes: four days, so that context is on by default."""
    frame = wave(rows, seed=seed)
    frame.index = pd.date_range("2025-01-01", periods=rows, freq="10min", name="time")
    return frame


def mostly_observed(observed, length):
    """Whether more than 60 % of the newest `length` samples are there, `(streams, rows, ...)`."""
    before = [(0, 0)] * observed.ndim
    before[1] = (length - 1, 0)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(observed, before), length, axis=1)
    return windows.sum(axis=-1) > 0.6 * length
