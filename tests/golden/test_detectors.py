"""Detectors of the past load, and score as they did."""

from dataclasses import fields

import numpy as np
import pytest

from kad.detectors import detector_names
from runtime import Scores
from toys import golden

EXACT = {"scores.rows", "scores.times_ns", "scores.restart", "scores.received", "events", "counts"}
"""Times, numbers of rows, and counts."""


CLOSE = {"rtol": 1e-4, "atol": 1e-4}
"""What processors and wheels round differently, through recurrences: see `relative_gap`."""


@pytest.fixture(scope="module")
def series():
    """The series that the golden detectors were trained and scored on."""
    return golden.read_series()


def test_every_detector_has_golden_files():
    """A new detector comes with a golden file (`scripts/golden_detectors write`)."""
    for end in (".keras", ".onnx", ".npz"):
        found = {path.stem for path in golden.FOLDER.glob(f"*{end}")} - {"series"}
        assert found == set(detector_names()), end


@pytest.mark.parametrize("name", detector_names())
def test_golden_detectors_score_as_before(name, series):
    """Keras and ONNX give the scores, events and states that were written beside them."""
    stored, now = (
        golden.stored_numbers(name),
        golden.numbers_of(golden.FOLDER, name, series, quick=True),
    )
    assert stored.keys() == now.keys()
    assert {f"keras.scores.{f.name}" for f in fields(Scores)} <= now.keys()
    assert {"keras.step.next_state", "onnx.step.next_state"} <= now.keys()
    for key, expected in stored.items():
        if key.partition(".")[2] in EXACT:
            np.testing.assert_array_equal(now[key], expected, err_msg=key)
        else:
            np.testing.assert_allclose(now[key], expected, **CLOSE, err_msg=key)
