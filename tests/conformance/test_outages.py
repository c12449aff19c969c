"""Missing samples raise no alarm: neither while they are missing nor when they come back."""

import numpy as np
import pandas as pd
import pytest

import kad
from kad.config import build_config
from kad.runs.train import train

TRAINING, EVERY, AFTER = 2000, 160, 80
SMALL = {
    "memory": {"size": 800},
    "rnn": {"embedding": 8, "units": 8, "layers": 1, "horizon": 4},
    "vae-lstm": {"l_win": 8, "l_seq": 4, "code_size": 4, "hidden_units": 16, "lstm_units": 8},
}


@pytest.fixture(scope="module")
def frame():
    """Two channels with one period in common."""
    rng, t = np.random.default_rng(0), np.arange(TRAINING + 100 + 6 * EVERY)
    first = np.sin(2 * np.pi * t / 48) + 0.3 * np.sin(2 * np.pi * t / 17)
    second = 0.8 * np.cos(2 * np.pi * t / 48)
    x = 20 + 3 * (np.stack([first, second], 1) + rng.normal(0, 0.1, (len(t), 2)))
    index = pd.date_range("2025-01-01", periods=len(t), freq="10min", name="time")
    return pd.DataFrame(x, index, columns=["a", "b"])


@pytest.fixture(scope="module", params=SMALL)
def detector(request, frame, tmp_path_factory):
    config = build_config(
        detector=request.param,
        preset="tiny",
        overrides={
            "detector": SMALL[request.param],
            "data": {"train": f"0:{TRAINING}"},
        },
    )
    return train(config, frame, out=tmp_path_factory.mktemp("run") / request.param).detector


@pytest.fixture(scope="module")
def usual(detector, frame):
    """Its severities where nothing is missing."""
    return kad.score(detector, frame)["severity"].to_numpy()


@pytest.mark.parametrize("length", [4, 12, 30, 70])
@pytest.mark.parametrize("channels", [[0], [0, 1]], ids=["one channel", "all channels"])
def test_an_outage_raises_no_alarm(detector, frame, usual, channels, length):
    """Held values that pass for readings would be shapes and errors never seen before."""
    starts = np.arange(TRAINING + 100, len(frame) - EVERY + 1, EVERY)
    broken = frame.copy()
    for start in starts:
        broken.iloc[start : start + length, channels] = np.nan
    severity = kad.score(detector, broken)["severity"].to_numpy()
    highest = [severity[start : start + length + AFTER].max() for start in starts]
    assert usual[TRAINING:].max() < 3.0
    assert np.median(highest) < 3.0
    assert max(highest) < 4.0


def test_a_fault_after_an_outage_is_found(detector, frame):
    """What was missing is forgotten after a while."""
    broken = frame.copy()
    start = TRAINING + 100
    broken.iloc[start : start + 70] = np.nan
    fault = slice(start + 200, start + 240)
    broken.iloc[fault, 0] = 20.0 + np.random.default_rng(1).normal(0, 3.0, 40)
    assert kad.score(detector, broken)["severity"].to_numpy()[fault].max() > 3.0
