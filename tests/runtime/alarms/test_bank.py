"""Events of many streams at once are those of each stream alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.alarms.bank import EventBank
from runtime.alarms.events import EventDetector
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores
from toys.golden import FOLDER

META = Detector(FOLDER / "gaussian.onnx").metadata
CHANNELS = len(META.channels)
POLICIES = [
    AlarmPolicy(),
    AlarmPolicy(release=0.5, merge_gap_steps=2, min_duration_steps=2, refractory_steps=4),
    AlarmPolicy(max_duration_steps=3, cool_down_steps=2, habituation_steps=5),
]


def scores(severity, restart, times_ns):
    count = len(severity)
    return Scores(
        times_ns=np.array(times_ns, np.int64),
        values=np.zeros((count, CHANNELS)),
        score=np.array(severity, np.float32),
        severity=np.array(severity, np.float32),
        expected=np.zeros((count, CHANNELS), np.float32),
        channel_scores=np.outer(severity, range(1, CHANNELS + 1)).astype(np.float32),
        alarm=np.zeros(count, bool),
        restart=np.array(restart, bool),
        rows=np.arange(count),
    )


@st.composite
def ticks(draw):
    """Calls: of each, stream numbers in order, severities and restarts."""
    calls = []
    for _ in range(draw(st.integers(1, 12))):
        streams = sorted(draw(st.lists(st.integers(0, 2), min_size=1, max_size=6)))
        severity = [draw(st.sampled_from([0.0, 1.0, 2.5, 3.9, 4.0, 6.0])) for _ in streams]
        restart = [draw(st.integers(0, 9)) == 0 for _ in streams]
        calls.append((streams, severity, restart))
    return calls


@settings(max_examples=150, deadline=None)
@given(ticks(), st.sampled_from(POLICIES), st.booleans())
def test_the_same_events_as_one_by_one(calls, policy, is_moved):
    """Whatever is quiet meanwhile, and over a snapshot in the middle."""
    bank = EventBank(META, threshold=4.0, policy=policy)
    bank.add(3)
    alone = [EventDetector.of(META, threshold=4.0, policy=policy) for _ in range(3)]
    clock = [0, 0, 0]
    for number, (streams, severity, restart) in enumerate(calls):
        times = []
        for stream, anew in zip(streams, restart, strict=True):
            clock[stream] += META.period_ns * (7 if anew else 1)
            times.append(clock[stream])
        here = scores(severity, restart, times)
        closed = {stream: [] for stream in range(3)}
        for happening in bank.update(np.array(streams), here):
            if not happening.is_open:
                closed[happening.stream].append(happening.event)
        for stream, detector in enumerate(alone):
            mine = [row for row, of in enumerate(streams) if of == stream]
            wanted = [e for row in mine for e in detector.update(here.taken(np.array([row])))]
            assert closed[stream] == wanted
            assert bank.detector(stream).open_event == detector.open_event
        if is_moved and number == len(calls) // 2:
            blobs = [bank.snapshot(stream) for stream in range(3)]
            bank = EventBank(META, threshold=4.0, policy=policy)
            bank.take_in(bank.read(blobs))
    for stream, detector in enumerate(alone):
        assert bank.snapshot(stream) == detector.snapshot()
        assert bank.finish(stream) == next(iter(detector.finish()), None)


def test_a_stream_may_have_a_threshold_of_its_own():
    """From the moment on at which it is given; the others keep theirs."""
    bank = EventBank(META, threshold=4.0, policy=None)
    bank.add(2)
    both = np.array([0, 1])
    assert list(bank.update(both, scores([0, 0], [True, True], [0, 0]))) == []
    bank.set_threshold(1, 2.0)
    (happening,) = bank.update(both, scores([3, 3], [False, False], [META.period_ns] * 2))
    assert happening.stream == 1
    assert happening.is_open
    assert bank.thresholds().tolist() == [4.0, 2.0]


def test_shares_are_of_the_event():
    """Each channel's part of the blame, together 1."""
    bank = EventBank(META, threshold=4.0, policy=None)
    bank.add(1)
    assert len(list(bank.update(np.array([0]), scores([5], [True], [0])))) == 1
    shares = bank.detector(0).shares
    assert list(shares) == list(META.channels)
    np.testing.assert_allclose(
        list(shares.values()), np.arange(1, CHANNELS + 1) / sum(range(1, CHANNELS + 1))
    )
