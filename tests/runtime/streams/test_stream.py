"""One stream: any chunking, snapshots, times and values as they come."""

import copy
import pickle
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.alarms.events import EventDetector
from runtime.clock.context import context_columns
from runtime.clock.moments import to_ns
from runtime.errors import InputError, ModelFileError
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.streams.scores import Scores
from runtime.streams.stream import Stream
from toys.onnx_files import reference, toy
from toys.streams import DETECTOR, MINUTE, rows, same, whole


def test_scores_are_the_detectors():
    """A regular stream gives what plain Python gives for the toy."""
    _, values = rows()
    scores = whole(Stream(DETECTOR), np.arange(40) * MINUTE, values)
    score, severity = reference(values)
    assert relative_gap(scores.score, score) < 1e-5
    assert relative_gap(scores.severity, severity) < 1e-5
    np.testing.assert_array_equal(scores.values, values)
    np.testing.assert_array_equal(scores.alarm, scores.severity >= 3.0)


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 40), max_size=8), reorder=st.sampled_from([0, 4]))
def test_any_chunking_gives_the_same_scores(cuts, reorder):
    """Whatever blocks the rows come in, restarts included."""
    times, values = rows()
    expected = whole(Stream(DETECTOR, reorder=reorder), times, values)
    stream = Stream(DETECTOR, reorder=reorder)
    edges = sorted({0, 40, *cuts})
    parts = [stream.push_many(times[a:b], values[a:b]) for a, b in pairwise(edges)]
    same(Scores.joined([*parts, stream.flush()]), expected)
    counts = stream.counts
    assert (counts.restarts, counts.late, counts.duplicates) == (1, 1, 1)


@pytest.mark.parametrize("cut", [0, 1, 10, 22, 39])
@pytest.mark.parametrize("reorder", [0, 4])
def test_snapshot_and_restore_equal_an_uninterrupted_stream(cut, reorder):
    """A stream restored from bytes goes on as if nothing had happened, threshold included."""
    times, values = rows()
    expected = whole(Stream(DETECTOR, reorder=reorder, threshold=2.0), times, values)
    stream = Stream(DETECTOR, reorder=reorder, threshold=2.0)
    first = stream.push_many(times[:cut], values[:cut])
    other = Stream.restore(DETECTOR, stream.snapshot())
    rest = other.push_many(times[cut:], values[cut:])
    same(Scores.joined([first, rest, other.flush()]), expected)


def test_push_takes_times_and_mappings():
    """One row as datetime, text or seconds, values as a list or by name; absent is missing."""
    stream = Stream(DETECTOR)
    stream.push(datetime(2024, 1, 1, tzinfo=UTC), [1.0, 2.0])
    stream.push("2024-01-01 00:01:00", (3, 4))
    scores = stream.push(1704067200 + 120, {"b": 5})
    np.testing.assert_array_equal(scores.values, [[np.nan, 5.0]])
    assert scores.times_ns.tolist() == [(1704067200 + 120) * 10**9]
    assert stream.counts.received == 3
    assert len(stream.push(1704067200 + 120, [1, 1])) == 0
    assert len(stream.push(1704067200 + 300, [1, 1])) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0], "must have 2 numbers"),
        ({"c": 1.0}, "channels a, b. Received: c"),
        (["x", 1], "must be numbers"),
        ([None, "1,5"], "must be numbers"),
    ],
)
def test_wrong_values_are_named(values, message):
    """Wrong channels and cells that are no numbers; the stream stays usable."""
    stream = Stream(DETECTOR)
    with pytest.raises(InputError, match=message):
        stream.push(0, values)
    assert stream.counts.received == 0


def test_threshold_may_change_at_any_time():
    """The next push uses the new threshold."""
    stream = Stream(DETECTOR)
    times, values = rows()
    assert not stream.push_many(times[:4], values[:4]).alarm[:3].any()
    stream.threshold = 1e-9
    assert stream.push_many(times[4:5], values[4:5]).alarm.any()


def test_one_step_files_stream_and_longer_ones_are_refused():
    """Steps frozen to 1 work sample by sample; frozen to 4, Stream says what to do."""
    times, values = rows()
    expected = whole(Stream(DETECTOR), times, values)
    one = Detector(toy(("a", "b"), streams=1, steps=1))
    same(whole(Stream(one), times, values), expected)
    three = Detector(toy(("a", "b"), streams=3))
    same(whole(Stream(three), times, values), expected)
    with pytest.raises(InputError, match="fixed to 4 steps"):
        Stream(Detector(toy(("a", "b"), steps=4)))


def test_rows_grid_keeps_stamps():
    """With grid=rows every row is one step."""
    times, values = rows()
    stream = Stream(Detector(toy(("a", "b"), grid="rows")))
    scores = whole(stream, times, values)
    np.testing.assert_array_equal(scores.times_ns, times)
    assert relative_gap(scores.score, reference(values)[0]) < 1e-5
    other = Stream.restore(Detector(toy(("a", "b"), grid="rows")), stream.snapshot())
    assert not other.push_many(times[:1], values[:1]).restart.any()


def test_context_reaches_the_network():
    """The toy adds a tenth of the context to its score: it must be that of the slot."""
    context = ("time_of_day_sin", "time_of_day_cos")
    stream = Stream(Detector(toy(("a", "b"), context)))
    times, values = np.arange(40) * MINUTE, rows()[1]
    scores = whole(stream, times, values)
    extra = 0.1 * np.abs(context_columns(context, times).sum(axis=1))
    assert relative_gap(scores.score, reference(values)[0] + extra) < 1e-5
    with pytest.raises(ModelFileError, match="'phase_of_moon'"):
        Stream(Detector(toy(("a",), ("phase_of_moon",))))


def test_huge_values_are_missing():
    """A number beyond float32 counts as infinite, without a warning."""
    stream = Stream(DETECTOR)
    scores = stream.push_many(np.arange(5) * MINUTE, np.full((5, 2), 1e300))
    assert np.isfinite(scores.score).all()
    assert scores.values[0, 0] == 1e300


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(st.sampled_from([1.0, 1.0, 1.0, 1.3, 0.7, 0.0, 2.0, 9.0, -1.0, -40.0])),
    cells=st.lists(st.sampled_from([20.0, 21.5, 90.0, float("nan"), 1e300, float("inf")])),
    cut=st.integers(0, 30),
    grid=st.sampled_from(["time", "rows"]),
)
def test_due_rows_score_as_on_the_long_way(steps, cells, cut, grid):
    """The short way of a live row is an optimisation: all is the same to the last bit."""
    detector = Detector(toy(("a", "b"), ("time_of_day_sin", "day_of_week_cos"), grid=grid))
    short, long = Stream(detector, threshold=2.5), Stream(detector, threshold=2.5)
    events = [EventDetector.of(detector.metadata, threshold=2.5) for _ in range(2)]
    seconds = 1_700_000_000.0
    for number, step in enumerate(steps):
        seconds += 60 * step
        row = [cells[(number + i) % len(cells)] if cells else 20.0 for i in range(2)]
        if number == cut:
            short = Stream.restore(detector, short.snapshot())
        quick = short.push(seconds, row)
        long._grid.slot_ns = lambda _: None
        slow = long.push_many(np.array([to_ns(seconds)]), np.array([row]))
        for field in fields(Scores):
            quick_column, slow_column = getattr(quick, field.name), getattr(slow, field.name)
            assert quick_column.dtype == slow_column.dtype
            np.testing.assert_array_equal(quick_column, slow_column)
        assert events[0].update(quick) == events[1].update(slow)
    assert short.counts == long.counts
    assert short.snapshot() == long.snapshot()
    assert events[0].snapshot() == events[1].snapshot()


@pytest.mark.parametrize("reorder", [0, 4])
@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("grid", ["time", "rows"])
def test_one_buffer_may_be_filled_again_and_again(reorder, size, grid):
    """Held rows are scored with what came, and scores stay as they are."""
    detector = Detector(toy(("a", "b"), grid=grid))
    times, values = rows(42)
    expected = whole(Stream(detector, reorder=reorder), times, values)
    stream, parts = Stream(detector, reorder=reorder), []
    time, value = np.empty(size, np.int64), np.empty((size, 2))
    for start in range(0, 42, size):
        time[:], value[:] = times[start : start + size], values[start : start + size]
        parts.append(stream.push_many(time, value))
        time[:], value[:] = -1, -1.0
    same(Scores.joined([*parts, stream.flush()]), expected)


@pytest.mark.parametrize(
    "threshold",
    [float("nan"), float("inf"), 0, -1.0, True, "3", 3j, 10**400, 1e-60, np.timedelta64(3)],
)
def test_a_threshold_is_a_severity_above_0(threshold):
    """Given at the start, and set later: the old one stays."""
    with pytest.raises(InputError, match="severity above 0"):
        Stream(DETECTOR, threshold=threshold)
    stream = Stream(DETECTOR)
    with pytest.raises(InputError, match="severity above 0"):
        stream.threshold = threshold
    assert stream.threshold == DETECTOR.metadata.threshold
    stream.threshold = np.float32(2)
    assert Stream.restore(DETECTOR, stream.snapshot()).threshold == 2.0


@pytest.mark.parametrize("grid", ["time", "rows"])
@pytest.mark.parametrize(
    "options", [{"reorder": 1.5}, {"reorder": -1}, {"max_gap": float("nan")}, {"max_gap": "5"}]
)
def test_options_are_whole_numbers(grid, options):
    """On either grid, though rows need none of them."""
    with pytest.raises(InputError, match="whole numbers"):
        Stream(Detector(toy(("a", "b"), grid=grid)), **options)


@pytest.mark.parametrize("times", [[0], None, np.zeros((1, 1), np.int64), np.zeros(1, "m8[ns]")])
def test_rows_are_arrays(times):
    """Of nanoseconds; nothing is converted."""
    with pytest.raises(InputError, match="must be int64"):
        Stream(DETECTOR).push_many(times, np.zeros((1, 2)))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])  # noqa: S301
def test_streams_pickle(way):
    """With the detector, as their snapshot: they go on apart."""
    times, values = rows()
    stream = Stream(Detector(toy(("a", "b"))), reorder=2, threshold=2.0)
    stream.push_many(times[:30], values[:30])
    other = way(stream)
    same(whole(other, times[30:], values[30:]), whole(stream, times[30:], values[30:]))
