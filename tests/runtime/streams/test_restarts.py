"""Restarts and warm starts: what of a state goes on."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams.batch import StreamBatch
from runtime.streams.stream import Stream
from toys.onnx_files import toy
from toys.streams import MINUTE, same

TIMES = np.arange(12) * MINUTE
TIMES[6:] += 50 * MINUTE
VALUES = np.random.default_rng(3).normal(20, 3, (12, 2))


OLD, NEW = (Detector(toy(("a", "b"), schema=schema)) for schema in (1, 2))


def by_hand(detector, state, *, keeps):
    """Severities of `step`, with the state changed at the restart."""
    first = detector.step(VALUES[None, :6].astype(np.float32), state)
    after = first.next_state.copy()
    after[:, slice(0, 1) if keeps else slice(None)] = 0
    second = detector.step(VALUES[None, 6:].astype(np.float32), after)
    return np.concatenate([first.score[0], second.score[0]])


@pytest.mark.parametrize("detector", [OLD, NEW], ids=["schema 1", "schema 2"])
@pytest.mark.parametrize("single", [False, True])
def test_a_restart_keeps_what_was_learnt_from_schema_2_on(detector, single):
    """The first number becomes 0, and the graph does the rest; before, all of it does."""
    expected = by_hand(detector, detector.initial_state(), keeps=detector is NEW)
    stream, batch = Stream(detector), StreamBatch(detector, ["x", "y"])
    blocks = [slice(i, i + 1) for i in range(12)] if single else [slice(0, 12)]
    scores = [stream.push_many(TIMES[b], VALUES[b]) for b in blocks]
    np.testing.assert_allclose(np.concatenate([s.score for s in scores]), expected, rtol=1e-5)
    for block in blocks:
        count = block.stop - block.start
        batch.push_many(
            np.repeat([0, 1], count), np.tile(TIMES[block], 2), np.tile(VALUES[block], (2, 1))
        )
    np.testing.assert_allclose(batch._rounds.state, stream._rounds.state.repeat(2, 0), rtol=1e-5)


def test_a_new_stream_stays_new():
    """Its state is zeros at its first row, which is a restart too."""
    stream = Stream(NEW)
    (score,) = stream.push_many(TIMES[:1], VALUES[:1]).score
    assert score == pytest.approx(VALUES[0].sum(), rel=1e-6)


def test_a_stream_may_start_warm():
    """From the file's state, as after an outage; the file's own state stays as it is."""
    detector = NEW
    expected = by_hand(detector, detector.warm_state, keeps=True)
    stream = Stream(detector, warm=True)
    scores = stream.push_many(TIMES, VALUES)
    np.testing.assert_allclose(scores.score, expected, rtol=1e-5)
    batch = StreamBatch(detector, ["x"], warm=True)
    batch.push_many(["x"], TIMES[:1], VALUES[:1])
    batch.add(["y"])
    later = batch.push_many(["y"] * 12, TIMES, VALUES)
    same(later.of("y"), scores)
    restored = StreamBatch.restore(detector, batch.snapshot())
    restored.add(["z"])
    same(restored.push_many(["z"] * 12, TIMES, VALUES).of("z"), scores)
    assert detector.warm_state.tolist() == [[0, 1, 2]]
    assert Stream(detector).push_many(TIMES[:1], VALUES[:1]).score[0] > 30


@pytest.mark.parametrize("make", [Stream, lambda d, **o: StreamBatch(d, ["x"], **o)])
def test_a_file_without_a_warm_state_says_what_to_do(make):
    """Such as every file of schema 1."""
    with pytest.raises(InputError, match="`warm=True` needs .*Export it again"):
        make(OLD, warm=True)
