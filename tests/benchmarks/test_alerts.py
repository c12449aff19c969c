"""Alerts and thresholds of the benchmarks: those of the runtime, only faster."""

import numpy as np
import pytest

from benchmarks.detection.alerts import alerts, event_ranges, threshold_grid
from runtime.alarms.events import EventDetector
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores

POLICIES = [
    AlarmPolicy(release=1.0),
    AlarmPolicy(release=1.0, refractory_steps=30),
    AlarmPolicy(release=1.0, refractory_steps=30, habituation_steps=600, habituation_rise=0.2),
    AlarmPolicy(release=1.0, habituation_steps=40, habituation_rise=1.0),
    AlarmPolicy(release=1.0, max_duration_steps=1, refractory_steps=30, habituation_steps=600),
    AlarmPolicy(release=1.0, max_duration_steps=7),
]


def bursts(rows=3000, seed=0):
    """Noise with stretches that stay high."""
    rng = np.random.default_rng(seed)
    score = rng.exponential(1.0, rows)
    for start in rng.integers(0, rows - 100, 8):
        score[start : start + rng.integers(1, 100)] += 3.0
    return score.astype("float32")


def runtime_events(severity, threshold, policy):
    rows = len(severity)
    scores = Scores(
        times_ns=np.arange(rows, dtype="int64"),
        values=np.zeros((rows, 1)),
        score=severity,
        severity=severity,
        expected=np.zeros((rows, 1), "float32"),
        channel_scores=np.zeros((rows, 1), "float32"),
        alarm=severity >= threshold,
        restart=np.zeros(rows, bool),
        rows=np.arange(rows),
    )
    events = EventDetector(["a"], threshold=threshold, policy=policy)
    found = events.update(scores) + events.finish()
    return [(event.start_ns, event.end_ns + 1) for event in found]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.5, 4.0, 50.0])
def test_alerts_are_the_starts_of_the_runtimes_events(policy, threshold):
    for seed in range(3):
        severity = bursts(seed=seed)
        starts = [start for start, _ in runtime_events(severity, threshold, policy)]
        assert alerts(severity, threshold, policy).tolist() == starts


@pytest.mark.parametrize(
    "policy", [*POLICIES, AlarmPolicy(), AlarmPolicy(merge_gap_steps=20, min_duration_steps=3)]
)
def test_event_ranges_are_the_runtimes(policy):
    for threshold in (0.5, 3.0):
        severity = np.append(bursts(), [9.0, 9.0, 9.0]).astype("float32")
        expected = runtime_events(severity, threshold, policy)
        assert event_ranges(severity, threshold, policy) == expected
        assert expected
    assert event_ranges(severity, 3.0, AlarmPolicy())[-1][1] == len(severity)


def test_no_alert_at_infinity():
    assert alerts(bursts(), np.inf, POLICIES[2]).size == 0
    assert event_ranges(np.zeros(5), 1.0, AlarmPolicy()) == []


def test_thresholds_fall_from_infinity_and_are_scores():
    """As many as asked for, the highest score among them; all levels where there are few."""
    score = bursts()
    grid = threshold_grid([score[:1000], score[1000:]], count=40)
    assert np.isinf(grid[0])
    assert (np.diff(grid) < 0).all()
    assert 35 <= len(grid) <= 40
    assert grid[1] == score.max()
    assert np.isin(grid[1:], score.astype("float64")).all()
    assert threshold_grid([np.array([0.0, 0.5, 1.0, 1.0])]).tolist() == [np.inf, 1.0, 0.5]
    assert threshold_grid([np.zeros(5)]).tolist() == [np.inf]
