import json
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.clock.context import context_columns
from runtime.errors import InputError, ModelFileError
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata
from runtime.streams.batch import StreamBatch
from runtime.streams.scores import Scores
from runtime.streams.stream import Stream
from toys.onnx_files import metadata, reference, toy

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


def joined(parts):
    names = [field.name for field in fields(Scores)]
    return Scores(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def whole(stream, times, values):
    return joined([stream.push_many(times, values), stream.flush()])


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
    same(joined([*parts, stream.flush()]), expected)
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
    same(joined([first, rest, other.flush()]), expected)


def test_snapshots_of_another_detector_or_damaged_ones_are_refused():
    """Never a silent reset."""
    blob = Stream(DETECTOR).snapshot()
    other = Detector(toy(("a", "b"), weights_sha256="f" * 64))
    with pytest.raises(InputError, match="weights ffffffffffff"):
        Stream.restore(other, blob)
    for broken in (b"", b"hello", blob[:-20], blob[: len(blob) // 2]):
        with pytest.raises(InputError, match="must be the bytes"):
            Stream.restore(DETECTOR, broken)


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


def test_context_columns_follow_the_clock():
    """Phase 0 at midnight and on Monday 00:00, before 1970 too."""
    names = ("time_of_day_sin", "time_of_day_cos", "day_of_week_sin", "day_of_week_cos")
    times = np.array(["2024-01-01T00:00", "2024-01-01T06:00", "2024-01-04T12:00", "1969-12-29"])
    columns = context_columns(names, times.astype("datetime64[ns]").astype(np.int64))
    quarter = np.pi / 14
    expected = [
        [0, 1, 0, 1],
        [1, 0, np.sin(quarter), np.cos(quarter)],
        [0, -1, 0, -1],
        [0, 1, 0, 1],
    ]
    np.testing.assert_allclose(columns, expected, atol=1e-7)
    assert columns.dtype == np.float32


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
        same(joined([part.of(name) for part in parts]), expected)
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


def test_metadata_survives_json():
    """What the toy wrote into the file is what the detector reads."""
    meta = DETECTOR.metadata
    assert type(meta).from_json(meta.to_json()) == meta
    assert json.loads(meta.to_json())["schema"] == 1


def test_the_alarm_policy_is_part_of_the_file():
    """Files from before it have hysteresis alone; a newer file's unknown options are left out."""
    policy = AlarmPolicy(refractory_steps=7, release=0.5)
    text = metadata(alarm=policy).to_json()
    assert Metadata.from_json(text).alarm == policy
    raw = json.loads(text)
    newer = {**raw, "alarm": {**raw["alarm"], "of_tomorrow": 1}}
    assert Metadata.from_json(json.dumps(newer)).alarm == policy
    del raw["alarm"]
    assert Metadata.from_json(json.dumps(raw)).alarm == AlarmPolicy()
    for damaged in ({"release": 2}, {"release": "x"}, 3, ["release"]):
        with pytest.raises(ModelFileError, match="damaged"):
            Metadata.from_json(json.dumps({**raw, "alarm": damaged}))
