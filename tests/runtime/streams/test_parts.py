"""Snapshots of some streams of a batch, and streams that come back from them."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams.batch import StreamBatch
from runtime.streams.scores import Scores
from toys.onnx_files import toy
from toys.snapshots import damages
from toys.streams import DETECTOR, MINUTE, rows, same

NAMES = ("x", "y", "z", "\ud800")


@st.composite
def plans(draw):
    """Rows of four streams in any order; between them, streams leave and come back."""
    steps = st.one_of(
        st.lists(st.integers(0, 3), min_size=1, max_size=20),
        st.sets(st.sampled_from(NAMES), min_size=1).map(sorted),
    )
    return draw(st.lists(steps, min_size=1, max_size=8))


def played(plan, reorder, *, leaving):
    """Scores and counts of each stream; where `leaving`, those named leave and come back."""
    data = [rows(160, seed) for seed in range(4)]
    batch = StreamBatch(DETECTOR, NAMES, reorder=reorder)
    got, position = defaultdict(list), [0] * 4

    def keep(scores):
        for name, part in scores.by_stream().items():
            got[name].append(part)

    for step in plan:
        if isinstance(step[0], str):
            if leaving:
                blob = batch.snapshot(step)
                assert batch.snapshot(step) == blob
                batch.remove(step)
                assert batch.take_in(blob) == tuple(step)
                assert batch.snapshot(step) == blob
            continue
        taken = [(turn, position[turn] + step[:i].count(turn)) for i, turn in enumerate(step)]
        times = np.array([data[turn][0][at] for turn, at in taken])
        values = np.array([data[turn][1][at] for turn, at in taken])
        keep(batch.push_many([NAMES[turn] for turn in step], times, values))
        position = [count + step.count(turn) for turn, count in enumerate(position)]
    keep(batch.flush())
    return (
        {name: Scores.joined(parts) for name, parts in got.items()},
        {name: batch.counts_of(name) for name in NAMES},
    )


@settings(deadline=None, max_examples=40)
@given(plan=plans(), reorder=st.sampled_from([0, 2]))
def test_streams_that_leave_and_come_back_go_on(plan, reorder):
    """As if they had never been away, with rows held and rows waiting; so do the others."""
    scores, counts = played(plan, reorder, leaving=True)
    expected, expected_counts = played(plan, reorder, leaving=False)
    assert counts == expected_counts
    assert scores.keys() == expected.keys()
    for name, part in scores.items():
        same(part, expected[name])


@pytest.mark.parametrize("live", [0, 5, 40])
def test_a_batch_is_kept_in_parts(live):
    """A part at a time, with rows due in between: each part continues from its own moment."""
    batch = StreamBatch(DETECTOR, NAMES)

    def push(to, names, numbers):
        parts = []
        for number in numbers:
            times = np.full(len(names), number * MINUTE)
            parts.append(to.push_many(names, times, np.full((len(names), 2), float(number % 7))))
        return parts

    push(batch, NAMES, range(live))
    first = batch.snapshot(NAMES[:2])
    later = push(batch, NAMES, range(live, live + 3))
    second = batch.snapshot(NAMES[2:])
    restored = StreamBatch.restore(DETECTOR, first)
    again = push(restored, NAMES[:2], range(live, live + 3))
    for name in NAMES[:2]:
        same(
            Scores.joined([part.of(name) for part in again]),
            Scores.joined([part.of(name) for part in later]),
        )
    assert restored.take_in(second) == NAMES[2:]
    assert restored.names == NAMES
    assert restored.snapshot() == batch.snapshot()
    same(
        push(restored, NAMES, [live + 3, live + 9])[1].scores,
        push(batch, NAMES, [live + 3, live + 9])[1].scores,
    )


def test_a_batch_may_begin_empty_and_end_in_another_order():
    """Parts in any order; no stream is a part too."""
    batch = StreamBatch(DETECTOR, NAMES, threshold=2.0)
    batch.push_many(NAMES, np.zeros(4, np.int64), np.ones((4, 2)))
    other = StreamBatch(DETECTOR, [], threshold=3.0)
    assert other.take_in(batch.snapshot(["z", "x"])) == ("z", "x")
    assert other.take_in(batch.snapshot([])) == ()
    assert other.take_in(bytearray(batch.snapshot(["y"]))) == ("y",)
    assert other.names == ("z", "x", "y")
    assert other.threshold == 3.0
    assert other.counts.received == 3


@pytest.mark.parametrize(
    ("source", "names", "message"),
    [
        (StreamBatch(DETECTOR, ["x"], reorder=1), None, "same `reorder`, 0. Received: .* with 1"),
        (StreamBatch(DETECTOR, ["x"], max_gap=7), None, "same `max_gap`, .* with 7"),
        (StreamBatch(DETECTOR, ["x", "a", "y"]), None, "not taken. Received: 'a', one of 1"),
        (StreamBatch(Detector(toy(("a", "c"))), ["x"]), None, "same channels"),
        (StreamBatch(DETECTOR, ["x", "y"]), ["x", "x"], "all different. Received"),
        (StreamBatch(DETECTOR, ["x", "y"]), ["x", "q"], "Received: 'q'"),
    ],
)
def test_what_does_not_fit_is_refused(source, names, message):
    """Other options, another detector, names that are taken: nothing has changed then."""
    batch = StreamBatch(DETECTOR, ["a"])
    before = batch.snapshot()
    with pytest.raises(InputError, match=message):
        batch.take_in(source.snapshot(names))
    assert batch.snapshot() == before


def test_damaged_parts_are_refused():
    """As damaged snapshots are."""
    batch, other = StreamBatch(DETECTOR, NAMES), StreamBatch(DETECTOR, ["a"])
    batch.push_many(NAMES, np.zeros(4, np.int64), np.ones((4, 2)))
    blob = batch.snapshot(["x", "z"])
    for damaged in damages(blob, np.random.default_rng(5), 100):
        if damaged != blob:
            with pytest.raises(InputError, match="must be"):
                other.take_in(damaged)
    assert other.names == ("a",)
