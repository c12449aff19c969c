"""Scores of many streams, taken apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.streams.batch import StreamBatch
from toys.streams import DETECTOR, MINUTE, same

NAMES = [f"s{i}" for i in range(6)]


@settings(deadline=None, max_examples=30)
@given(turns=st.lists(st.integers(0, 5), max_size=30), reorder=st.sampled_from([0, 2]))
def test_streams_are_taken_apart_as_a_comparison_of_all_rows_does(turns, reorder):
    """Whoever has steps, in the order of the streams; none for the others."""
    batch = StreamBatch(DETECTOR, NAMES, reorder=reorder)
    who = np.array(turns, np.intp)
    minutes = np.array([turns[:i].count(turn) for i, turn in enumerate(turns)], np.int64)
    values = np.arange(2.0 * len(turns)).reshape(-1, 2)
    for scores in (batch.push_many(who, minutes * MINUTE, values), batch.flush()):
        parts = scores.by_stream()
        assert list(parts) == [NAMES[i] for i in np.unique(scores.streams)]
        for index, name in enumerate(NAMES):
            expected = scores.scores.taken(scores.streams == index)
            same(scores.of(name), expected)
            if len(expected):
                same(parts[name], expected)
