"""Context: when a detector gets it."""

import numpy as np
import pandas as pd
import pytest

from kad.config import build_config
from kad.detectors.rnn import RNNPredictor
from kad.detectors.vae_lstm import VAELSTM
from kad.runs.construct import build_detector
from runtime.clock.context import CONTEXT_COLUMNS
from runtime.errors import ConfigError
from toys.series import wave


def built(frame, detector="rnn", **data):
    """The context that a run's detector gets, without training."""
    config = build_config(detector=detector, overrides={"data": data})
    return build_detector(config, frame, tuple(frame.columns)).context


def every(step, rows):
    """A frame with a row every so often."""
    frame = wave(rows)
    frame.index = pd.date_range("2025-01-01", periods=rows, freq=step, name="time")
    return frame


@pytest.mark.parametrize(
    ("step", "rows", "on"),
    [
        ("10min", 289, True),
        ("10min", 288, False),
        ("1min", 2881, True),
        ("59s", 3000, False),
        ("6h", 9, True),
        ("361min", 20, False),
    ],
)
def test_context_is_on_for_days_of_minutes_to_hours(step, rows, on):
    """By default: a period of one minute to six hours, and two days of training rows."""
    assert built(every(step, rows)) == (CONTEXT_COLUMNS if on else ())


def test_context_needs_times():
    """Rows without timestamps, or whose timestamps do not count, have no time of day."""
    assert built(every("10min", 400).reset_index(drop=True)) == ()
    assert built(every("10min", 400), grid="rows") == ()
    spaced = every("10min", 400).set_axis(pd.Index(600.0 * np.arange(400), name="row"))
    assert built(spaced) == ()


def test_the_configuration_decides_on_context():
    """`[data] context` wins either way; a detector that takes none refuses it, or does without."""
    assert built(every("10min", 400), context=False) == ()
    assert built(every("10s", 100), context=True) == CONTEXT_COLUMNS
    assert built(every("10min", 400), "vae-lstm") == ()
    with pytest.raises(ConfigError, match="vae-lstm takes no context"):
        built(every("10min", 400), "vae-lstm", context=True)
    with pytest.raises(ConfigError, match="takes no context"):
        VAELSTM(["a"], context=CONTEXT_COLUMNS)
    with pytest.raises(ConfigError, match="must be empty or time_of_day_sin"):
        RNNPredictor(["a"], context=CONTEXT_COLUMNS[:2])
