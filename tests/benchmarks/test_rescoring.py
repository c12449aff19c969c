"""What other scoring options would make of a detector's error streams."""

import numpy as np
import pytest

from benchmarks.detection.rescoring import Recipe, Rescorer, error_streams
from kad.detectors.memory import Memory
from kad.graph.scoring import Scoring
from kad.options import FitOptions
from toys.series import wave

TINY = Memory.presets["tiny"]["detector"]
OWN = Recipe(winsor=3.0, half_lives=2.0, own_means=True, own_weights=True)


@pytest.fixture(scope="module")
def trained():
    """A memory of 600 rows, and a longer series with outages."""
    frame = wave(900)
    frame.iloc[700:720] = np.nan
    frame.iloc[800, 0] += 40.0
    detector = Memory(list(frame.columns), period_s=60.0, max_gap_steps=50, **TINY)
    detector.fit(frame.iloc[:600], training=FitOptions())
    return detector, frame


def test_its_own_options_give_its_own_score(trained):
    detector, frame = trained
    given = error_streams(detector, frame)
    rescorer = Rescorer(2, detector.scoring.streams, OWN)
    scores, _ = detector.scores(frame)
    found = rescorer.score(given, 600)
    np.testing.assert_allclose(found, scores.score, rtol=1e-4, atol=1e-4)
    assert scores.score[800] == scores.score.max() > 10.0


@pytest.mark.parametrize(
    ("recipe", "changed"),
    [
        (OWN._replace(winsor=6.0), {"winsor": 6.0}),
        (OWN._replace(half_lives=0.5), {"half_life": 300}),
        (OWN._replace(own_means=False), {"short": 10, "cap": 16.0}),
    ],
)
def test_other_options_give_the_score_of_a_detector_that_has_them(trained, recipe, changed):
    detector, frame = trained
    other = Memory(list(frame.columns), period_s=60.0, max_gap_steps=50, scoring=changed, **TINY)
    other.fit(frame.iloc[:600], training=FitOptions())
    rescorer = Rescorer(2, detector.scoring.streams, recipe)
    found = rescorer.score(error_streams(detector, frame), 600)
    expected = other.scores(frame)[0].score
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert not np.allclose(expected, detector.scores(frame)[0].score, rtol=1e-3)


def test_equal_weights_leave_out_what_has_none():
    streams = [("a", 10, 8.0, 0.25), ("b", 5, 8.0, 0.0), ("c", 5, 8.0, 2.0)]
    layer = Scoring(1, streams=streams, options={})
    equal = OWN._replace(own_weights=False).streams(layer.streams)
    assert [stream.weight for stream in equal] == [1.0, 0.0, 1.0]
    assert [stream.short for stream in equal] == [10, 5, 5]
