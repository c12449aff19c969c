"""Machines that stand still on purpose: their streams go on where they were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.clock.context import ContextColumns
from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams.batch import StreamBatch
from runtime.streams.scores import Scores
from toys.onnx_files import toy
from toys.streams import DETECTOR, MINUTE, same

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "detectors").glob("*.onnx"))
ROWS = Detector(toy(("a", "b"), grid="rows"))


def pushed(detector, runs, *, reorder=0, interrupted=False):
    """Scores of runs of rows (times, values); the stream is resumed at each but the first."""
    batch = StreamBatch(detector, ["x", "other"], reorder=reorder)
    parts = []
    for number, (times, values) in enumerate(runs):
        if number:
            parts.append(batch.resume(["x"], times[:1]))
            if interrupted:
                batch = StreamBatch.restore(detector, batch.snapshot())
        parts.append(batch.push_many(["x"] * len(times), times, values))
    parts.append(batch.flush())
    return Scores.joined([part.of("x") for part in parts]), batch


def shifted(scores, times_ns):
    return replace(scores, times_ns=times_ns)


@st.composite
def runs_and_stops(draw):
    """Lengths of runs, and how long the machine stands still before each."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    return [(length, draw(st.integers(2, 10**5))) for length in lengths]


@settings(deadline=None, max_examples=40)
@given(
    plan=runs_and_stops(),
    reorder=st.sampled_from([0, 2]),
    phase=st.integers(0, MINUTE - 1),
    interrupted=st.booleans(),
)
def test_a_resumed_stream_scores_as_if_it_had_never_stopped(plan, reorder, phase, interrupted):
    """But at the real times; a snapshot between the stop and the first row changes nothing."""
    rng = np.random.default_rng(4)
    runs, now, total = [], 0, 0
    for length, stop in plan:
        now += stop * MINUTE + (phase if runs else 0)
        times = now + np.arange(length) * MINUTE
        runs.append((times, rng.normal(20, 3, (length, 2))))
        now, total = int(times[-1]), total + length
    got, batch = pushed(DETECTOR, runs, reorder=reorder, interrupted=interrupted)
    plain = np.arange(total) * MINUTE
    values = np.concatenate([values for _, values in runs])
    expected, _ = pushed(DETECTOR, [(plain, values)], reorder=reorder)
    same(got, shifted(expected, np.concatenate([times for times, _ in runs])))
    assert batch.counts.missing == batch.counts.restarts == 0


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_windows_and_hours_of_trained_detectors_go_on(path):
    """No warm-up, no missing steps; hour and weekday are those of the real time."""
    detector = Detector(path)
    meta = detector.metadata
    before, after, period = meta.warmup_steps + 10, 15, meta.period_ns
    times = 1_700_000_000 * 10**9 + np.arange(before + after) * period
    times[before:] += 47 * period
    values = np.random.default_rng(1).normal([20, 5], [1, 0.3], (len(times), 2))
    cut = [(times[:before], values[:before]), (times[before:], values[before:])]
    got, _ = pushed(detector, cut)
    x = np.empty((1, len(times), len(meta.inputs)), np.float32)
    x[0, :, :2] = values
    if len(meta.inputs) > 2:
        names = [column.name for column in meta.inputs if column.role == "context"]
        ContextColumns(names).of(times, x[0, :, 2:])
    expected = detector.step(x, detector.initial_state())
    np.testing.assert_array_equal(got.times_ns, times)
    np.testing.assert_allclose(got.score, expected.score[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.severity, expected.severity[0], rtol=1e-3, atol=1e-4)
    restarted, _ = pushed(detector, [(times, values)])
    assert restarted.restart.sum() == 2
    assert (restarted.severity[before : before + min(after, meta.warmup_steps)] == 0).all()


def test_rows_from_before_the_stop_are_known_again():
    """Repeated by a broker after the stream has gone on: dropped, nothing restarts."""
    values = np.random.default_rng(2).normal(20, 3, (6, 2))
    times = np.arange(6) * MINUTE
    batch = StreamBatch(DETECTOR, ["x"])
    batch.push_many(["x"] * 6, times, values)
    later = np.array([500 * MINUTE, 501 * MINUTE])
    batch.resume(["x"], later[:1])
    batch.push_many(["x"] * 2, later, values[:2])
    assert len(batch.push_many(["x"] * 3, times[3:], values[3:])) == 0
    assert len(batch.push_many(["x"], later[1:] + MINUTE, values[:1])) == 1
    assert (batch.counts.repeated, batch.counts.restarts, batch.counts.backward) == (3, 0, 0)


def test_a_time_that_is_no_gap_changes_nothing():
    """The next slot, one that is past, a stream without rows, a grid of rows."""
    values = np.ones((3, 2))
    times = np.arange(3) * MINUTE
    batch = StreamBatch(DETECTOR, ["x", "new"])
    batch.push_many(["x"] * 3, times, values)
    before = batch.snapshot()
    for minute in (-9, 0, 2, 3):
        assert len(batch.resume(["x", "new"], np.array([minute, minute]) * MINUTE)) == 0
    assert batch.snapshot() == before
    rows = StreamBatch(ROWS, ["x"])
    assert len(rows.resume(["x"], times[:1])) == 0


def test_held_rows_come_out_when_a_machine_stops():
    """Of the streams that are named; the others hold theirs."""
    batch = StreamBatch(DETECTOR, ["x", "y"], reorder=2)
    batch.push_many(["x", "y"], np.zeros(2, np.int64), np.ones((2, 2)))
    assert list(batch.flush(["y"]).by_stream()) == ["y"]
    assert list(batch.resume(["y", "x"], np.full(2, 90 * MINUTE)).by_stream()) == ["x"]
    assert len(batch.flush()) == 0


@pytest.mark.parametrize(
    ("names", "times", "message"),
    [
        (["x", "x"], np.zeros(2, np.int64), "different streams"),
        (["x"], np.zeros(2, np.int64), "one time for each"),
        (["q"], np.zeros(1, np.int64), "'q'"),
        (["x"], np.zeros(1), "int64"),
        (["x"], np.array([2**62]), "between 1823 and 2116"),
    ],
)
def test_what_cannot_be_resumed_is_named(names, times, message):
    """And nothing has changed."""
    batch = StreamBatch(DETECTOR, ["x"])
    batch.push_many(["x"], np.zeros(1, np.int64), np.ones((1, 2)))
    before = batch.snapshot()
    with pytest.raises(InputError, match=message):
        batch.resume(names, times)
    assert batch.snapshot() == before
