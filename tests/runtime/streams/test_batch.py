"""Many streams in one batch score as each alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams.batch import StreamBatch
from runtime.streams.scores import Scores
from runtime.streams.stream import Stream
from toys.onnx_files import toy
from toys.streams import DETECTOR, MINUTE, rows, same, whole


@st.composite
def interleaved(draw):
    """Rows of three streams in any order, cut into blocks."""
    turns = draw(st.lists(st.integers(0, 2), min_size=1, max_size=60))
    cuts = draw(st.lists(st.integers(0, len(turns)), max_size=4))
    return np.array(turns), sorted({0, len(turns), *cuts})


@settings(deadline=None, max_examples=40)
@given(plan=interleaved(), fixed=st.sampled_from(["streams", 2]), reorder=st.sampled_from([0, 2]))
def test_interleaved_streams_do_not_leak(plan, fixed, reorder):
    """However rows of several streams are mixed, each scores as it would alone."""
    turns, cuts = plan
    detector = Detector(toy(("a", "b"), streams=fixed))
    data = [rows(60, seed) for seed in range(3)]
    position = np.array([(turns[:i] == turn).sum() for i, turn in enumerate(turns)])
    times = np.array([data[t][0][p] for t, p in zip(turns, position, strict=True)])
    values = np.array([data[t][1][p] for t, p in zip(turns, position, strict=True)])
    batch = StreamBatch(detector, ["x", "y", "z"], reorder=reorder)
    parts = [batch.push_many(turns[a:b], times[a:b], values[a:b]) for a, b in pairwise(cuts)]
    parts.append(batch.flush())
    for index, name in enumerate(batch.names):
        count = int((turns == index).sum())
        alone = Stream(DETECTOR, reorder=reorder)
        expected = whole(alone, data[index][0][:count], data[index][1][:count])
        same(Scores.joined([part.of(name) for part in parts]), expected)
        assert batch.counts_of(name) == alone.counts


def test_fast_and_slow_paths_of_a_batch_agree():
    """One due row per stream, then a disturbed round, then due rows again."""
    names = [f"s{i}" for i in range(5)]
    batch, alone = StreamBatch(DETECTOR, names), [Stream(DETECTOR) for _ in names]
    rng = np.random.default_rng(0)
    for round_ in range(20):
        minutes = np.full(5, round_) + rng.uniform(-0.4, 0.4, 5)
        if round_ == 7:
            minutes[2] += 3
        if round_ == 12:
            minutes[1] -= 40
        times = (minutes * MINUTE).astype(np.int64)
        values = rng.normal(20, 3, (5, 2))
        who = rng.permutation(5) if round_ % 5 else np.array([0, 2, 4])
        got = batch.push_many(who, times[who], values[who]).by_stream()
        for i in who:
            expected = alone[i].push_many(times[i : i + 1], values[i : i + 1])
            if len(expected):
                same(got[names[i]], expected)
            else:
                assert names[i] not in got
    assert [batch.counts_of(n) for n in names] == [stream.counts for stream in alone]
    assert batch.counts.received == 20 * 5 - 4 * 2


def test_batch_arguments_are_checked():
    """Unknown names, indices and shapes are named; nothing is scored or lost."""
    batch = StreamBatch(DETECTOR, ["x", "y"])
    one = np.zeros(1, np.int64)
    for streams, times, values, message in (
        (["q"], one, np.zeros((1, 2)), "'q'"),
        (np.array([2]), one, np.zeros((1, 2)), "from 0 to 1"),
        (["x"], one, np.zeros((1, 3)), "must be"),
        (["x", "y"], one, np.zeros((1, 2)), "must be"),
        (["x"], np.zeros(1), np.zeros((1, 2)), "int64"),
    ):
        with pytest.raises(InputError, match=message):
            batch.push_many(streams, times, values)
    with pytest.raises(InputError, match="all different"):
        StreamBatch(DETECTOR, ["x", "x"])
    assert len(batch.push_many([], np.empty(0, np.int64), np.empty((0, 2)))) == 0
    assert batch.counts.received == 0
