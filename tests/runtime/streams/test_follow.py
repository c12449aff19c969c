"""Streams that go on behind those of another batch: known rows, counts, and what was learnt."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams.batch import StreamBatch
from toys.onnx_files import toy
from toys.streams import MINUTE

TIMES = np.arange(12) * MINUTE
VALUES = np.random.default_rng(3).normal(20, 3, (12, 2))
DETECTOR = Detector(toy(("a", "b")))


def push(batch, first, last):
    rows = slice(first, last)
    return batch.push_many(["x"] * (last - first), TIMES[rows], VALUES[rows]).scores


def test_a_new_batch_knows_the_rows_of_the_one_before():
    """It begins anew, on the fast path too, and its counts go on."""
    before, batch = (StreamBatch(DETECTOR, ["x", "y"], max_gap=gap) for gap in (3, 5))
    push(before, 0, 6)
    batch.follow(before, ["x", "y"])
    assert len(push(batch, 5, 6)) == 0
    scores = push(batch, 6, 12)
    assert scores.times_ns.tolist() == TIMES[6:].tolist()
    assert scores.restart.tolist() == [True] + [False] * 5
    fresh = push(StreamBatch(DETECTOR, ["x"]), 6, 12)
    np.testing.assert_array_equal(scores.score, fresh.score)
    assert (batch.counts_of("x").received, batch.counts_of("x").repeated) == (13, 1)
    assert StreamBatch.restore(DETECTOR, batch.snapshot()).snapshot() == batch.snapshot()


def test_a_batch_that_has_learnt_goes_on_with_that():
    before, batch, alone = (StreamBatch(DETECTOR, ["x"]) for _ in range(3))
    push(before, 0, 6)
    push(batch, 0, 4)
    push(alone, 0, 4)
    batch.follow(before, ["x"])
    assert len(push(batch, 4, 6)) == 0
    scores = push(batch, 6, 8)
    assert not scores.restart.any()
    shifted = alone.push_many(["x"] * 2, TIMES[4:6], VALUES[6:8]).scores
    np.testing.assert_array_equal(scores.score, shifted.score)


def test_streams_must_be_of_both():
    batch = StreamBatch(DETECTOR, ["x"])
    with pytest.raises(InputError, match="y"):
        batch.follow(StreamBatch(DETECTOR, ["y"]), ["y"])
