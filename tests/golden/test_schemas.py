"""Detector files that were written once are read for ever."""

from pathlib import Path

import numpy as np
import pytest

from runtime import Detector, Stream, verify
from runtime.model.schema import SCHEMA

GOLDEN = Path(__file__).parent
ALARMS = {"schema1": [30, 31, 32, 33, 34, 35], "schema2": [30]}
"""Of a spike in row 30: the older file has static scores of whole windows."""


def test_every_schema_has_a_golden_file():
    """A change of the schema comes with a file of the new version (`scripts/make_golden`)."""
    names = sorted(path.stem for path in GOLDEN.glob("*.onnx"))
    assert names == [f"schema{version}" for version in range(1, SCHEMA + 1)]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.onnx")), ids=lambda path: path.stem)
def test_golden_files_still_score(path):
    """The file is accepted, reproduces its numbers, and scores a stream."""
    report = verify(path)
    assert report.passed, report.gaps
    stream = Stream(Detector(path))
    times = np.arange(40) * 60 * 10**9
    values = np.full((40, 2), 20.0)
    values[30] += 20
    scores = stream.push_many(times, values)
    assert list(np.flatnonzero(scores.alarm)) == ALARMS[path.stem]
