"""Rows of a stream that has every difficulty, and scores to compare."""

from dataclasses import fields

import numpy as np

from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.streams.scores import Scores
from toys.onnx_files import toy

MINUTE = 60 * 10**9


DETECTOR = Detector(toy(("a", "b")))


def rows(count=40, seed=0):
    """Rows with a gap, a duplicate, a late row, missing cells, and a restart in the middle."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(count) + np.where(np.arange(count) > count // 2, 50, 0)
    minutes[5:] += 2
    minutes[8] = 5
    minutes[12] = minutes[11]
    values = rng.normal(20, 3, (count, 2))
    values[3, 0] = values[count - 3, 1] = np.nan
    return minutes * MINUTE, values


def same(actual, expected):
    """Scores agree: exact where no network is involved, else 1e-5 relative."""
    assert len(actual) == len(expected)
    for field in fields(Scores):
        a, e = getattr(actual, field.name), getattr(expected, field.name)
        if field.name in ("score", "severity", "expected", "channel_scores"):
            assert a.dtype == np.float32
            assert relative_gap(a, e) < 1e-5
        else:
            np.testing.assert_array_equal(a, e)


def whole(stream, times, values):
    return Scores.joined([stream.push_many(times, values), stream.flush()])
