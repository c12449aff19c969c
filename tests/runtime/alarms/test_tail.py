"""What normal rows give at a threshold: counted, then by a tail, and how well that is known."""

import numpy as np
import pytest

from runtime.alarms.tail import Tail
from runtime.model.policy import AlarmPolicy
from toys.severities import autoregressive, calibration_rows, moving_maximum

DAY = 288
POLICIES = [
    AlarmPolicy(),
    AlarmPolicy(merge_gap_steps=6, refractory_steps=24),
    AlarmPolicy(habituation_steps=DAY),
]


def tail(severity, policy=POLICIES[0]):
    return Tail(calibration_rows(severity), policy)


def given(severity, threshold, policy=POLICIES[0]):
    """Events per sample and the share of the time in them, of rows that are at hand."""
    _, steps = calibration_rows(severity, most=len(severity)).found(threshold, policy)
    return len(steps) / len(severity), steps.sum() / len(severity)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.text(1.0))
@pytest.mark.parametrize("measure", ["events", "time"])
def test_a_threshold_promises_what_it_was_made_for(policy, measure):
    """From counted to extrapolated; a smaller budget is a higher threshold."""
    one = tail(autoregressive(6000), policy)
    budgets = [0.02, 0.01, 0.004, 1e-3, 1e-4] if measure == "time" else [
        1 / 200, 1 / 500, 1 / 2016, 1e-4, 1e-5
    ]  # fmt: skip
    thresholds = [one.threshold(budget, measure) for budget in budgets]
    assert (np.diff(thresholds) > 0).all()
    for budget, threshold in zip(budgets, thresholds, strict=True):
        value, low, high = one.expected(threshold, measure)
        # What habituation asks for is counted up to the tail, and an estimate above it.
        assert value == pytest.approx(budget, rel=0.2 if policy.habituation_steps else 0.05)
        assert low < value < high


@pytest.mark.parametrize(
    "series", [autoregressive, moving_maximum], ids=["autoregressive", "moving maximum"]
)
def test_a_budget_of_time_holds_on_rows_not_seen(series):
    """Counted in ten weeks: the share of the time in events, however long they are."""
    one, unseen = tail(series(20_000)), series(60_000, seed=1)
    for share in (0.05, 0.01):
        threshold = one.threshold(share, "time")
        assert given(unseen, threshold)[1] == pytest.approx(share, rel=0.25)


def test_the_truth_lies_in_four_of_five_intervals():
    """Two weeks of an AR(1), budgets of one event a week and of a thousandth of the time."""
    unseen, inside = autoregressive(100_000, seed=99), []
    for seed in range(6):
        one = tail(autoregressive(14 * DAY, seed=seed))
        for place, (measure, budget) in enumerate((("events", 1 / 2016), ("time", 1e-3))):
            threshold = one.threshold(budget, measure)
            _, low, high = one.expected(threshold, measure)
            inside.append(low <= given(unseen, threshold)[place] <= high)
    assert np.mean(inside) >= 0.8


def test_more_rows_are_a_narrower_interval():
    """And the same rows always the same one."""
    widths = []
    for days in (14, 140):
        one = tail(autoregressive(days * DAY))
        _, low, high = one.expected(one.threshold(1 / 2016, "events"), "events")
        widths.append(high / low)
        assert one.expected(3.0, "time") == tail(autoregressive(days * DAY)).expected(3.0, "time")
    assert widths[1] < widths[0]


def test_a_peak_far_away_is_one_of_another_kind():
    """How far is no matter: a reading that was never before is no measure of the others."""
    severity = autoregressive(2000)
    found = []
    for far in (9.0, 90.0):
        severity[1000] = far
        found.append(tail(severity).threshold(1e-5, "events"))
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_rows_without_events_know_nothing():
    """Fewer than five events at any threshold."""
    quiet = np.zeros(2000)
    assert not tail(quiet).is_known
    quiet[[100, 200, 300, 400]] = 2.0
    assert not tail(quiet).is_known
    quiet[500] = 2.0
    assert tail(quiet).is_known


def test_no_more_than_all_of_the_time():
    """Where nearly all rows lie in events, other weeks cannot have more."""
    one = tail(np.ones(2000) * np.tile([1.0, 1, 1, 1, 0], 400))
    assert one.expected(0.9, "time").high <= 1.0
