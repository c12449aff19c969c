"""A score for the labels of `toys.labels`, and the scores of NAB's peers."""

import json

import numpy as np
import pandas as pd
import pytest

from kad.metrics import NABSeries, to_mask
from toys.labels import LABELS, ROWS


@pytest.fixture(scope="module")
def score():
    """A score that is higher in LABELS, but not by much."""
    rng = np.random.default_rng(0)
    score = rng.random(ROWS)
    mask = to_mask(LABELS, ROWS)
    score[mask] += 0.4 * rng.random(mask.sum())
    return score


@pytest.fixture(scope="session")
def peers(data_dir):
    """A function from a detector to its scored series."""
    folder = data_dir / "nab"
    windows = {}
    for name, pairs in json.loads((folder / "labels/combined_windows.json").read_text()).items():
        times = pd.read_csv(folder / "data" / name)["timestamp"].str.removesuffix(".000000")
        rows = {time: row for row, time in reversed(list(enumerate(times)))}
        windows[name] = [(rows[a[:19]], rows[b[:19]] + 1) for a, b in pairs]
    scores = np.load(folder / "peer_scores.npz")

    def corpus(detector):
        return [NABSeries(scores[f"{detector}/{name}"], windows[name]) for name in windows]

    return corpus
