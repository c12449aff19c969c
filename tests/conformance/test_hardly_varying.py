"""Channels that hardly vary in training: silent in use as they were, and heard when they change."""

import numpy as np
import pandas as pd
import pytest

from kad.detectors import detector_names
from toys.detectors import fitted
from toys.hardly_varying import (
    CONSTANT,
    RARE,
    RESTING,
    STATUS,
    STEP,
    frame_in_use,
    training_frame,
)

LEAD = 200
"""Training rows that a stream sees before those in use: longer than any warm-up here."""


def scored(detector, names, *, wrong=None):
    """Scores of the rows in use, after some training rows."""
    rows = [training_frame(names).iloc[-LEAD:], frame_in_use(names, wrong=wrong)]
    return detector.score(pd.concat(rows)).iloc[LEAD:]


@pytest.fixture(scope="module", params=detector_names())
def name(request):
    """A kind of detector."""
    return request.param


@pytest.fixture(scope="module")
def constant(name):
    """One that was trained on channels that vary by rounding alone, beside two waves."""
    return fitted(name, training_frame(CONSTANT))


def test_rounding_is_silent(constant):
    """Severity 3, of which there is one normal row in a thousand, is passed by few."""
    table = scored(constant, CONSTANT)
    assert np.isfinite(table.to_numpy(float)).all()
    assert (table["severity"] > 3).mean() < 0.01


@pytest.mark.parametrize("case", [CONSTANT[0], CONSTANT[3], CONSTANT[-3], CONSTANT[-1]])
def test_a_real_change_of_any_is_found(constant, case):
    """And blamed on the channel; afterwards there is silence again."""
    table = scored(constant, CONSTANT, wrong=case)
    assert table["alarm"].iloc[STEP].any()
    worst = table.iloc[STEP]["severity"].idxmax()
    names = [f"score_{channel}" for channel in constant.channels]
    assert table.loc[worst, names].astype(float).idxmax() == f"score_{case}"
    assert (table["severity"].iloc[RESTING] > 3).mean() < 0.01


def test_rare_values_and_a_status_are_silent(name):
    """What came once in training may come again, and 0 and 1 may alternate."""
    detector = fitted(name, training_frame([RARE, STATUS]))
    assert (scored(detector, [RARE, STATUS])["severity"] > 3).mean() < 0.01
