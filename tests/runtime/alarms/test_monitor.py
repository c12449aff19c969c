"""A stream and its events as one thing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from runtime import Detector, EventDetector, InputError, Monitor, Stream
from runtime.model.policy import AlarmPolicy
from toys.golden import FOLDER

DETECTOR = Detector(FOLDER / "gaussian.onnx")
META = DETECTOR.metadata
CHANNELS = len(META.channels)
POLICY = AlarmPolicy(release=0.5, merge_gap_steps=2)


def series(steps=120):
    values = 20 + np.random.default_rng(3).normal(size=(steps, CHANNELS))
    values[60:64] += 40.0
    values[100:] += 40.0
    return META.period_ns * np.arange(steps), values


def same(found, wanted):
    """Whether events are the same, severities within rounding: chunks are of other lengths."""
    np.testing.assert_allclose(
        [event.peak_severity for event in found],
        [event.peak_severity for event in wanted],
        rtol=1e-5,
    )
    return [replace(e, peak_severity=0.0) for e in found] == [
        replace(e, peak_severity=0.0) for e in wanted
    ]


def test_it_gives_what_stream_and_events_give():
    """With one threshold and one policy, row by row or in blocks, up to the end."""
    times, values = series()
    stream = Stream(DETECTOR, threshold=4.0)
    events = EventDetector.of(META, threshold=4.0, policy=POLICY)
    wanted = events.update(stream.push_many(times, values))
    wanted += events.update(stream.flush()) + events.finish()

    monitor, closed = Monitor(DETECTOR, threshold=4.0, policy=POLICY), []
    for time, row in zip(times[:70].tolist(), values[:70], strict=True):
        closed += monitor.push(time / 1e9, row.tolist()).closed
    closed += monitor.push_many(times[70:], values[70:]).closed
    assert monitor.counts == stream.counts
    closed += monitor.finish().closed
    assert same(closed, wanted)
    assert len(closed) >= 2
    after = (values[-1:] + np.array([[400.0] + [0.0] * (CHANNELS - 1)])).copy()
    monitor.push_many(times[-1:] + META.period_ns, after)
    assert monitor.open_event is not None
    assert monitor.finish().closed
    assert (monitor.threshold, monitor.policy) == (4.0, POLICY)


@pytest.mark.parametrize("way", ["restore", "pickle"])
def test_it_goes_on_from_its_snapshot(way):
    """In the middle of an event, with everything that it knew."""
    times, values = series()
    whole = Monitor(DETECTOR, threshold=4.0, policy=POLICY)
    wanted = [*whole.push_many(times, values).closed, *whole.finish().closed]
    monitor = Monitor(DETECTOR, threshold=4.0, policy=POLICY)
    closed = monitor.push_many(times[:62], values[:62]).closed
    if way == "restore":
        monitor = Monitor.restore(DETECTOR, monitor.snapshot())
    else:
        file = Monitor(Detector(FOLDER / "gaussian.onnx"), threshold=4.0, policy=POLICY)
        closed = file.push_many(times[:62], values[:62]).closed
        monitor = pickle.loads(pickle.dumps(file))  # noqa: S301 - our own
    closed += monitor.push_many(times[62:], values[62:]).closed + monitor.finish().closed
    assert same(closed, wanted)


@pytest.mark.parametrize("change", ["cut", "flip", "stream", "text"])
def test_other_snapshots_are_errors(change):
    """Never another exception, and nothing is taken."""
    blob = Monitor(DETECTOR).snapshot()
    wrong = {
        "cut": blob[:-1],
        "flip": blob[:-5] + bytes([blob[-5] ^ 1]) + blob[-4:],
        "stream": Stream(DETECTOR).snapshot(),
        "text": "kad monitor 1",
    }[change]
    with pytest.raises(InputError, match="snapshot of a monitor"):
        Monitor.restore(DETECTOR, wrong)
