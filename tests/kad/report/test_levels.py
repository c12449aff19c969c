"""Severities in units of the score."""

import numpy as np
import pytest

from kad.report.levels import scores_at


def test_levels_in_units_of_the_score(run):
    """The calibration gives the score of each severity that severity."""
    severities = np.array([0.7, 1.5, run.detector.card["threshold"], 6.0])
    scores = scores_at(run.detector, severities)
    back = np.asarray(run.detector.calibration(scores.astype("float32")))
    assert back == pytest.approx(severities, rel=1e-4)
