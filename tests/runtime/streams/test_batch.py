"""Many streams in one batch score as each alone."""

import copy
import pickle
from dataclasses import fields
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


def test_several_due_rows_of_a_stream_in_a_call_score_as_alone(monkeypatch):
    """Streams that have gathered rows, each another number; one has too many, one a gap."""
    names = [f"s{i}" for i in range(5)]
    batch, alone = StreamBatch(DETECTOR, names), [Stream(DETECTOR) for _ in names]
    asked = []
    push_rest = StreamBatch._push_rest

    def noted(self, numbers, *more):
        asked.append(np.unique(numbers).tolist())
        return push_rest(self, numbers, *more)

    monkeypatch.setattr(StreamBatch, "_push_rest", noted)
    rng = np.random.default_rng(0)
    done = np.zeros(5, int)
    many = [(15, 2, 1, 15, 2)] * 4
    for number, counts in enumerate(
        [(1,) * 5, (2,) * 5, (3, 1, 0, 2, 16), (1, 17, 2, 1, 1), *many]
    ):
        who = np.repeat(np.arange(5), counts)
        if number == 5:
            done[3] += 2
        minutes = np.concatenate([done[i] + np.arange(count) for i, count in enumerate(counts)])
        done += counts
        times = ((minutes + rng.uniform(-0.2, 0.2, len(who))) * MINUTE).astype(np.int64)
        values = rng.normal(20, 3, (len(who), 2))
        # Grouped by stream, or interleaved.
        order = np.argsort(minutes if number % 2 else who, kind="stable")
        got = batch.push_many(who[order], times[order], values[order]).by_stream()
        for i, name in enumerate(names):
            expected = alone[i].push_many(times[who == i], values[who == i])
            assert (name in got) == bool(len(expected))
            if name in got:
                same(got[name], expected)
    assert asked == [[0, 1, 2, 3, 4], [1], [3]]
    assert [batch.counts_of(n) for n in names] == [stream.counts for stream in alone]
    assert StreamBatch.restore(DETECTOR, batch.snapshot()).snapshot() == batch.snapshot()


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


@pytest.mark.parametrize("names", ["xy", ["x", 1], [["x"]], 5, None, [b"x"]])
def test_names_are_text(names):
    """In a sequence: a text alone is none."""
    with pytest.raises(InputError, match="must be a sequence of names"):
        StreamBatch(DETECTOR, names)


@pytest.mark.parametrize(
    "streams",
    [[0], np.array([0.0]), np.array([True]), np.zeros(1, "m8[s]"), np.zeros((1, 1), int), [["x"]],
     None, np.array([-1])],
)  # fmt: skip
def test_streams_are_names_or_indices(streams):
    """Indices in an integer array; nothing else is taken for one."""
    batch = StreamBatch(DETECTOR, ["x", "y"])
    with pytest.raises(InputError, match="among the 2 names|from 0 to 1"):
        batch.push_many(streams, np.zeros(1, np.int64), np.zeros((1, 2)))
    assert batch.counts.received == 0


def rounds(batch, alone, count, rng, *, start=0):
    """Pushes due rows for some or all streams of a batch, and to each alone; compares them."""
    for number in range(start, start + count):
        who = batch.names if number % 3 else [*batch.names][::2]
        values = rng.normal(20, 3, (len(who), 2))
        times = np.full(len(who), number * MINUTE)
        got = batch.push_many(who, times, values).by_stream()
        for name, row in zip(who, values, strict=True):
            expected = alone[name].push_many(times[:1], row[None])
            if len(expected):
                same(got[name], expected)


@pytest.mark.parametrize("reorder", [0, 2])
def test_streams_come_and_go(reorder):
    """The others go on as if nothing had happened; scores keep the names they came with."""
    rng = np.random.default_rng(0)
    names = [f"s{i}" for i in range(5)]
    batch = StreamBatch(DETECTOR, names, reorder=reorder)
    alone = {name: Stream(DETECTOR, reorder=reorder) for name in names}
    rounds(batch, alone, 8, rng)
    before = batch.push_many(np.array([4]), np.array([20 * MINUTE]), np.ones((1, 2)))
    alone["s4"].push_many(np.array([20 * MINUTE]), np.ones((1, 2)))
    held = batch.remove(["s1", "s3"])
    for name in ("s1", "s3"):
        same(held.of(name), alone[name].flush())
    assert batch.names == ("s0", "s2", "s4")
    assert before.names == held.names == tuple(names)
    assert len(before.of("s4")) == len(before)
    batch.add(["s3", "new"])
    alone |= {name: Stream(DETECTOR, reorder=reorder) for name in ("s3", "new")}
    assert batch.names == ("s0", "s2", "s4", "s3", "new")
    rounds(batch, alone, 20, rng, start=8)
    assert {n: batch.counts_of(n) for n in batch.names} == {n: alone[n].counts for n in batch.names}
    for wrong in (["s0"], ["q", "q"], "q"):
        with pytest.raises(InputError, match="none of them taken"):
            batch.add(wrong)
    with pytest.raises(InputError, match="'gone'"):
        batch.remove(["s0", "gone"])
    assert len(batch.names) == 5
    batch.remove(batch.names)
    assert len(batch.flush()) == 0
    assert StreamBatch.restore(DETECTOR, batch.snapshot()).names == ()


@pytest.mark.parametrize(
    "way",
    [
        lambda batch: type(batch).restore(batch._detector, batch.snapshot()),
        copy.copy,
        lambda batch: pickle.loads(pickle.dumps(batch)),  # noqa: S301
    ],
)
@pytest.mark.parametrize("reorder", [0, 2])
def test_a_batch_goes_on_from_its_snapshot(way, reorder):
    """Held rows, counts, threshold and names included, on the fast path and off it."""
    rng = np.random.default_rng(1)
    names = ["x", "y", "\ud800"]
    batch = StreamBatch(Detector(toy(("a", "b"))), names, reorder=reorder, threshold=2.0)
    alone = {name: Stream(DETECTOR, reorder=reorder, threshold=2.0) for name in names}
    rounds(batch, alone, 7, rng)
    blob = batch.snapshot()
    other = way(batch)
    assert other.snapshot() == blob == batch.snapshot()
    rounds(other, alone, 7, rng, start=7)
    assert batch.snapshot() == blob
    assert other.threshold == 2.0


def test_scores_of_a_batch_belong_to_the_caller():
    """Neither its buffers nor the batch's own are in them."""
    batch = StreamBatch(DETECTOR, ["x", "y"])
    who, times, values = np.arange(2), np.zeros(2, np.int64), np.ones((2, 2))
    for number in range(4):
        times[:], values[:], who[:] = number * MINUTE, number, [0, 1]
        got = batch.push_many(who, times, values)
        times[:], values[:], who[:] = -1, -1, 7
        assert got.streams.tolist() == [0, 1]
        assert got.scores.values.tolist() == [[number] * 2] * 2
        assert got.scores.times_ns.tolist() == [number * MINUTE] * 2
        assert got.scores.restart.tolist() == [number == 0] * 2
        for array in (got.streams, *(getattr(got.scores, f.name) for f in fields(Scores))):
            array[:] = 1


def test_a_threshold_of_a_batch_is_checked():
    """As a stream's."""
    batch = StreamBatch(DETECTOR, ["x"])
    with pytest.raises(InputError, match="severity above 0"):
        batch.threshold = float("nan")
    with pytest.raises(InputError, match="severity above 0"):
        StreamBatch(DETECTOR, ["x"], threshold="3")
