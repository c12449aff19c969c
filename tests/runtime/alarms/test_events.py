"""Severity becomes events."""

import copy
import pickle
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.alarms.events import EventDetector
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores


def scores(severity, restart=(), channel_scores=None, start=0):
    severity = np.array(severity, np.float32)
    count = len(severity)
    parts = np.ones((count, 2), np.float32) if channel_scores is None else channel_scores
    flags = np.zeros(count, bool)
    flags[list(restart)] = True
    return Scores(
        times_ns=np.arange(start, start + count),
        values=np.zeros((count, 2)),
        score=severity,
        severity=severity,
        expected=np.zeros((count, 2), np.float32),
        channel_scores=np.array(parts, np.float32),
        alarm=severity >= 4,
        restart=flags,
        rows=np.arange(count),
    )


def events(severity, restart=(), channel_scores=None, **options):
    detector = EventDetector(["a", "b"], threshold=4.0, policy=AlarmPolicy(**options))
    return detector.update(scores(severity, restart, channel_scores)) + detector.finish()


def spans(found):
    return [(e.start_ns, e.end_ns) for e in found]


def test_hysteresis():
    """Opens at the threshold, lasts while severity is at or above release, peak kept."""
    (event,) = events([0, 3.5, 4, 3, 9, 3, 2, 3.5, 0])
    assert (event.start_ns, event.end_ns, event.peak_ns, event.steps) == (2, 5, 4, 4)
    assert event.peak_severity == 9


def test_merge_gap_and_min_duration():
    """Events a few steps apart become one; short ones are dropped after merging."""
    severity = [0, 5, 0, 0, 5, 0, 0, 0, 5, 0]
    assert spans(events(severity)) == [(1, 1), (4, 4), (8, 8)]
    assert spans(events(severity, merge_gap_steps=2)) == [(1, 4), (8, 8)]
    assert spans(events(severity, merge_gap_steps=2, min_duration_steps=2)) == [(1, 4)]


def test_max_duration():
    """A longer event ends, and what lasts opens the next one, after the refractory time."""
    severity = [0, 5, 5, 5, 3, 5, 5, 0]
    assert spans(events(severity)) == [(1, 6)]
    assert spans(events(severity, max_duration_steps=3)) == [(1, 3), (5, 6)]
    assert spans(events(severity, max_duration_steps=2)) == [(1, 2), (3, 4), (5, 6)]
    assert spans(events(severity, max_duration_steps=1, refractory_steps=4)) == [(1, 1), (5, 5)]
    assert spans(events([5, 0, 5, 5], max_duration_steps=3, merge_gap_steps=1)) == [(0, 2), (3, 3)]
    with pytest.raises(InputError, match="max_duration_steps must be at least"):
        AlarmPolicy(max_duration_steps=2, min_duration_steps=3)


def test_a_restart_closes_an_event():
    """An event never reaches across a restart of the stream."""
    assert spans(events([5, 5, 5, 5], restart=[2], merge_gap_steps=3)) == [(0, 1), (2, 3)]
    assert spans(events([5, 5, 0, 5], restart=[2], merge_gap_steps=3)) == [(0, 1), (3, 3)]


def test_channels_to_blame():
    """Those that make 80 % of the channel scores over the alarm steps, largest share first."""
    assert events([5, 3], channel_scores=[[1, 9], [90, 0]])[0].channels == ("b",)
    assert events([5, 5], channel_scores=[[4, 3], [0, 3]])[0].channels == ("b", "a")
    assert events([5], channel_scores=[[0, 0]])[0].channels == ("a",)


def found_in(severity, **options):
    """(start, end) of the events of a policy given in steps."""
    return spans(events(severity, **{f"{name}_steps": v for name, v in options.items()}))


def test_refractory_time_counts_from_one_opening_to_the_next():
    """What is still severe when it is over opens an event then."""
    severity = [5, 0, 5, 0, 5, 5, 0, 5]
    assert found_in(severity, refractory=3) == [(0, 0), (4, 5), (7, 7)]
    assert found_in(severity, refractory=5) == [(0, 0), (5, 5)]
    assert found_in([5, 5, 5, 5, 0, 5], refractory=3) == [(0, 3), (5, 5)]


def test_cool_down_counts_from_the_end():
    """After a long event as after a short one."""
    severity = [5, 5, 5, 5, 0, 5, 0, 0, 5]
    assert found_in(severity, cool_down=2) == [(0, 3), (5, 5), (8, 8)]
    assert found_in(severity, cool_down=3) == [(0, 3), (8, 8)]


def test_habituation_raises_the_opening_level_and_is_forgotten():
    """θ (1 + 0.2 A): 4.4 a half-life after an event, 4.70 two steps after; memories add up."""

    def one_in_ten(values):
        return [v for value in values for v in [value, *[0] * 9]]

    memory = {"habituation_steps": 10, "release": 1.0}
    assert spans(events([5, 0, 4.69], **memory)) == [(0, 0)]
    assert spans(events([5, 0, 4.7], **memory)) == [(0, 0), (2, 2)]
    # A = 1, then 1/2 + 1 = 3/2, then 3/4 + 1 = 7/4: levels 4.4, 4.6, 4.7.
    assert spans(events(one_in_ten([5, 4.39, 4.3]), **memory)) == [(0, 0), (20, 20)]
    assert spans(events(one_in_ten([5, 4.41, 4.59]), **memory)) == [(0, 0), (10, 10)]
    assert len(events(one_in_ten([5, 4.41, 4.61, 4.71]), **memory)) == 4
    assert len(events([5, 0, 4.4], **memory, habituation_rise=0.1)) == 2


def test_habituation_leaves_an_open_event_alone():
    """It changes what opens an event, not how long one lasts."""
    assert spans(events([5, 3, 4, 3, 4, 2], habituation_steps=100)) == [(0, 4)]


def test_dropped_events_leave_no_trace():
    """A candidate that was too short delays and raises nothing."""
    severity = [5, 0, 5, 5, 0]
    options = {"min_duration": 2, "refractory": 3, "cool_down": 3, "habituation": 9}
    assert found_in(severity, **options) == [(2, 3)]
    assert found_in(severity, **{**options, "min_duration": 1}) == [(0, 0), (3, 3)]


def test_a_gap_counts_as_time():
    """Refractory time runs on over a restart, by the clock where the period is known."""
    before, after = scores([5, 0]), scores([5, 0], restart=[0], start=10)
    policy = AlarmPolicy(refractory_steps=5)
    timed = EventDetector(["a", "b"], threshold=4.0, policy=policy, period_s=1e-9)
    counted = EventDetector(["a", "b"], threshold=4.0, policy=policy)
    assert spans(timed.update(before) + timed.update(after)) == [(0, 0), (10, 10)]
    assert spans(counted.update(before) + counted.update(after)) == [(0, 0)]


def test_the_open_event():
    """It is there as soon as it has lasted long enough."""
    detector = EventDetector(["a", "b"], threshold=4.0, policy=AlarmPolicy(min_duration_steps=2))
    detector.update(scores([0, 5]))
    assert detector.open_event is None
    detector.update(scores([6], start=2))
    assert detector.open_event == detector.finish()[0]
    assert detector.open_event is None


@settings(deadline=None)
@given(
    severity=st.lists(st.sampled_from([0.0, 3.0, 4.0, 4.5, 6.0]), min_size=1, max_size=40),
    restart=st.sets(st.integers(0, 39), max_size=2),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    policy=st.builds(
        AlarmPolicy,
        release=st.sampled_from([0.7, 1.0]),
        merge_gap_steps=st.integers(0, 3),
        min_duration_steps=st.integers(1, 3),
        refractory_steps=st.integers(0, 8),
        cool_down_steps=st.integers(0, 4),
        habituation_steps=st.sampled_from([0, 5]),
    ),
)
def test_any_chunking_gives_the_same_events(severity, restart, cuts, policy):
    """Blocks, a snapshot after each, or all at once; and as the policy's definition says."""
    restart = {i for i in restart if i < len(severity)}
    parts = np.random.default_rng(0).random((len(severity), 2))
    whole = EventDetector(["a", "b"], threshold=4.0, policy=policy)
    expected = whole.update(scores(severity, restart, parts)) + whole.finish()
    detector = EventDetector(["a", "b"], threshold=4.0, policy=policy)
    edges = sorted({0, len(severity), *(c for c in cuts if c < len(severity))})
    found = []
    for a, b in pairwise(edges):
        inside = [i - a for i in restart if a <= i < b]
        found += detector.update(scores(severity[a:b], inside, parts[a:b], start=a))
        detector = EventDetector.restore(["a", "b"], detector.snapshot())
    assert found + detector.finish() == expected
    assert spans(expected) == by_definition(severity, restart, policy)


def by_definition(severity, restart, policy, threshold=4.0):
    """Events step by step, with the memory summed over all events."""
    found, event = [], None
    for t, s in enumerate([*severity, -1.0]):
        over = event and t > event[1] + policy.merge_gap_steps + 1
        if event and (over or t in restart or t == len(severity)):
            if event[1] - event[0] + 1 >= policy.min_duration_steps:
                found.append(event)
            event = None
        half_life = policy.habituation_steps
        memory = sum(2 ** -((t - f[0]) / half_life) for f in found) if half_life else 0
        if event and (s >= threshold or (s >= policy.release * threshold and t == event[1] + 1)):
            event = (event[0], t)
        elif (
            not event
            and s >= threshold * (1 + policy.habituation_rise * memory)
            and all(t - f[0] >= policy.refractory_steps for f in found)
            and all(t - f[1] >= policy.cool_down_steps for f in found)
        ):
            event = (t, t)
    return found


@settings(deadline=None)
@given(
    severity=st.lists(
        st.sampled_from([0.0, 2.9, 3.0, 4.1, float(np.float32(4.1)), 6.0, np.nan]), max_size=40
    ),
    restart=st.sets(st.integers(0, 39), max_size=3),
    habituation=st.sampled_from([0, 5]),
)
def test_one_step_at_a_time_leaves_the_same_state(severity, restart, habituation):
    """A quiet step is passed over quickly: numbers, times and events stay those of one block."""
    policy = AlarmPolicy(merge_gap_steps=1, habituation_steps=habituation)
    options = {"threshold": 4.1, "policy": policy, "period_s": 1e-9}
    parts = np.random.default_rng(0).random((len(severity), 2))
    flags = [i for i in restart if i < len(severity)]
    whole, single = (EventDetector(["a", "b"], **options) for _ in range(2))
    expected = whole.update(scores(severity, flags, parts))
    found = [
        event
        for i, value in enumerate(severity)
        for event in single.update(
            scores([value], [0] if i in flags else [], parts[i : i + 1], start=i)
        )
    ]
    assert found == expected
    assert single.snapshot() == whole.snapshot()


@pytest.mark.parametrize(
    ("channels", "blob", "message"),
    [
        (["a"], None, r"channels a\. Received: \['a', 'b'\]"),
        (["a", "b"], b"nothing", "bytes that `snapshot` returned. Received: 7 bytes"),
        (["a", "b"], "text", "Received: a str"),
        (["a", "b"], b'{"version": 1, "channels": []}', "of version 2. Received: version 1"),
        (["a", "b"], b"kad events 9\n", "of version 2. Received: version 9"),
        (["a", "b"], b"kad stream 2\n", "another beginning"),
    ],
)
def test_other_snapshots_are_errors(channels, blob, message):
    """Of other channels, of another version, of something else, or none at all."""
    detector = EventDetector(["a", "b"], threshold=4.0)
    with pytest.raises(InputError, match=message):
        EventDetector.restore(channels, blob or detector.snapshot())


def test_a_snapshot_goes_on_under_another_policy():
    """A gateway with a changed configuration keeps the open event and what came before."""
    before = EventDetector(["a", "b"], threshold=4.0)
    before.update(scores([5, 5]))
    changed = EventDetector.restore(
        ["a", "b"], before.snapshot(), threshold=6.0, policy=AlarmPolicy(refractory_steps=4)
    )
    found = changed.update(scores([5, 4, 7, 7], start=2)) + changed.finish()
    assert spans(found) == [(0, 2), (4, 5)]


def test_an_event_is_reported_as_soon_as_it_cannot_go_on():
    """With merge_gap_steps=1 it closes at the second step below the release level."""
    detector = EventDetector(["a", "b"], threshold=4.0, policy=AlarmPolicy(merge_gap_steps=1))
    assert detector.update(scores([5, 0])) == []
    assert spans(detector.update(scores([0], start=2))) == [(0, 0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"release": 1.5}, "release must be above 0 and at most 1.* Received: 1.5"),
        ({"release": 0.0}, "release"),
        ({"min_duration_steps": 0}, "min_duration_steps must be .* at least 1. Received: 0"),
        ({"merge_gap_steps": -1}, "merge_gap_steps must be .* at least 0. Received: -1"),
        ({"refractory_steps": 2.5}, "refractory_steps must be a whole number"),
        ({"habituation_rise": -0.1}, "habituation_rise must be from 0 to 100"),
        ({"release": np.nan}, "release must be above 0"),
        ({"release": True}, "Received: True"),
        ({"habituation_rise": "1"}, "Received: '1'"),
        ({"habituation_steps": True}, "Received: True"),
        ({"cool_down_steps": 10**400}, "cool_down_steps .* Received: 1000"),
        ({"max_duration_steps": 2**53 + 1}, "max_duration_steps"),
    ],
)
def test_impossible_policies_are_errors(options, message):
    """The message names the option and its range."""
    with pytest.raises(InputError, match=message):
        AlarmPolicy(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *[
            ({"threshold": value}, "above 0")
            for value in (0.0, -1.0, np.inf, np.nan, 1e-60, 1e300, 10**400, True, "3", None, 3j)
        ],
        ({"channels": []}, "at least one name"),
        ({"channels": "ab"}, "at least one name.* Received: 'ab'"),
        ({"channels": ["a", "a"]}, "all different"),
        ({"channels": [1]}, "at least one name"),
        ({"period_s": 0}, "from 1e-9 to 1e9 seconds"),
        ({"period_s": np.nan}, "Received: nan"),
        ({"period_s": 10**400}, "from 1e-9"),
        ({"policy": {"release": 0.5}}, "must be an AlarmPolicy"),
    ],
)
def test_impossible_options_are_errors(options, message):
    """A threshold is a severity above 0, names are text, a period is a number of seconds."""
    with pytest.raises(InputError, match=message):
        EventDetector(**{"channels": ["a"], "threshold": 4.0, **options})


def test_scores_of_other_channels_are_errors():
    """Of one channel for two."""
    with pytest.raises(InputError, match=r"channels a, b\. Received: 1 channel\."):
        EventDetector(["a", "b"], threshold=4.0).update(scores([5], channel_scores=[[1]]))


@pytest.mark.parametrize("way", [lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy])  # noqa: S301
def test_event_detectors_pickle(way):
    """With the open event, the policy and what came before."""
    before = EventDetector(["a", "b"], threshold=4.0, policy=AlarmPolicy(merge_gap_steps=1))
    before.update(scores([5, 6]))
    after = way(before)
    assert after.open_event == before.open_event
    more = scores([0, 5, 0, 0, 0], start=2)
    assert after.update(more) == before.update(more) != []


def test_policies_are_written_in_durations():
    """Rounded up to whole steps; what is not said stays."""
    policy = AlarmPolicy.of_durations(300, refractory="2h", merge_gap=301, min_duration=0)
    assert policy == AlarmPolicy(refractory_steps=24, merge_gap_steps=2, min_duration_steps=1)
    changed = policy.changed(300, refractory=None, release=0.5, habituation="1 day")
    assert (changed.refractory_steps, changed.habituation_steps) == (24, 288)
    assert changed.release == 0.5
    assert AlarmPolicy.from_dict({**asdict(changed), "unknown": 1}) == changed
    with pytest.raises(InputError, match="has release, merge_gap.* Received: 'refraktory'"):
        policy.changed(300, refraktory=1)
