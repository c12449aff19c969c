"""Budgets: events after the policy on calibration rows, and what follows beyond them."""

import re

import numpy as np
import pytest

from runtime.alarms.budget import event_threshold, severity_threshold
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy
from toys.severities import (
    autoregressive,
    calibration_rows,
    heavy_tailed,
    moving_maximum,
    severities,
)

PERIOD_S = 300.0


WEEK, DAY = 2016, 288


def events(severity, threshold, policy):
    """How many events there are at a threshold."""
    return calibration_rows(severity, most=len(severity)).events(threshold, policy)


def of_budget(budget, rows, policy):
    calibration = {"severest": rows.to_dict()}
    return event_threshold(budget, period_s=PERIOD_S, calibration=calibration, policy=policy)


@pytest.mark.parametrize(
    ("series", "index"),
    [
        (heavy_tailed(60_000, rho=0.5), 0.5),
        (heavy_tailed(60_000, rho=0.8), 0.2),
        (moving_maximum(60_000), 0.1),
        (severities(np.random.default_rng(0).random(60_000)), 1.0),
    ],
    ids=["AR(1) 0.5", "AR(1) 0.8", "moving maximum", "independent"],
)
def test_the_extremal_index_is_found(series, index):
    """1 − ρ for a Cauchy AR(1), 1/10 for a maximum of ten samples; hysteresis off."""
    found = of_budget("1/day", calibration_rows(series), AlarmPolicy(release=1.0))
    assert found.index == pytest.approx(index, rel=0.1)


@pytest.mark.parametrize(
    "policy",
    [
        AlarmPolicy(),
        AlarmPolicy(release=1.0),
        AlarmPolicy(merge_gap_steps=12, refractory_steps=48),
        AlarmPolicy(habituation_steps=300, refractory_steps=24),
        AlarmPolicy(min_duration_steps=3, cool_down_steps=24),
    ],
    ids=["plain", "no hysteresis", "refractory", "habituation", "min duration"],
)
def test_a_budget_holds_on_rows_not_seen(policy):
    """An AR(1) with ρ = 0.9, in ten weeks of which 1/day and 1/week are counted."""
    seen, unseen = autoregressive(20_000), autoregressive(200_000, seed=1)
    for budget, allowed, tolerance in (
        ("1/day", len(unseen) / DAY, 0.25),
        ("1/week", len(unseen) / WEEK, 0.5),
    ):
        found = of_budget(budget, calibration_rows(seen), policy)
        assert not found.is_extrapolated
        assert found.note == ""
        counted = events(unseen, found.threshold, policy)
        assert counted / allowed == pytest.approx(1.0, rel=tolerance)


def test_an_extrapolation_takes_the_tail_for_one_of_many_series():
    """Eight days of AR(1) and a budget of one a month: its tail is lighter, so there are fewer."""
    unseen, policy, ratios = autoregressive(300_000, seed=99), AlarmPolicy(), []
    for seed in range(8):
        found = of_budget("1/month", calibration_rows(autoregressive(8 * DAY, seed=seed)), policy)
        assert found.is_extrapolated
        assert found.note.startswith(
            "a budget of 1/month is an extrapolation: calibration rows span 8 days"
        )
        ratios.append(events(unseen, found.threshold, policy) / (len(unseen) / DAY / 30))
    assert np.median(ratios) == pytest.approx(0.4, abs=0.3)


def test_counting_samples_allows_too_few_events():
    """What the rule is for: one sample in 288 is far less than an event a day."""
    unseen = moving_maximum(200_000, seed=1)
    threshold = severity_threshold("1/day", PERIOD_S)
    per_day = events(unseen, threshold, AlarmPolicy()) / (len(unseen) / DAY)
    assert per_day == pytest.approx(0.1, rel=0.1)


def test_few_rows_come_to_counting_samples():
    """Nothing to extrapolate from: the threshold is that of one sample per alarm."""
    quiet = np.zeros(200)
    quiet[50:54] = 1.5
    found = of_budget("1/week", calibration_rows(quiet), AlarmPolicy())
    assert found.threshold == severity_threshold("1/week", PERIOD_S)
    assert found.note == (
        "a budget of 1/week is an extrapolation: calibration rows span 17 hours, "
        "in which it allows 0.099 events"
    )


def test_a_smaller_budget_is_a_higher_threshold():
    """From counted to extrapolated, and then by as many decades as the tail falls."""
    rows, policy = calibration_rows(autoregressive(5000)), AlarmPolicy(refractory_steps=12)
    budgets = ["10/day", "3/day", "1/day", "4/week", "2/week", "1/week", "1/month", "1/year"]
    thresholds = [of_budget(budget, rows, policy).threshold for budget in budgets]
    assert (np.diff(thresholds) > 0).all()
    week, month, year = thresholds[-3:]
    decades = np.log10([30 / 7, 365 / 30])
    assert (year - month) / (month - week) == pytest.approx(decades[1] / decades[0], rel=1e-3)


def test_more_alarms_than_the_policy_lets_through():
    """The threshold that gives most events, not a lower one that merges them."""
    rows, policy = calibration_rows(autoregressive(5000)), AlarmPolicy(refractory_steps=100)
    found = of_budget("100/day", rows, policy)
    most = max(rows.events(t, policy) for t in np.arange(rows.lowest(policy), 3, 0.02))
    assert rows.events(found.threshold, policy) == pytest.approx(most, abs=1)


def test_more_alarms_than_the_kept_rows_can_tell():
    """Below the lowest threshold that they are good for, events per sample stay as they are."""
    series, policy = moving_maximum(100_000), AlarmPolicy(release=1.0)
    rows = calibration_rows(series, most=500)
    found = of_budget("2/day", rows, policy)
    assert found.threshold < rows.lowest(policy)
    per_day = events(series, found.threshold, policy) / (len(series) / DAY)
    assert per_day == pytest.approx(2.0, rel=0.1)


def test_a_budget_of_time_has_its_own_threshold():
    """That of the share of the rows in events; with few rows it says of how many events it is."""
    rows, policy = calibration_rows(autoregressive(20_000)), AlarmPolicy()
    found = of_budget("1 % of time", rows, policy)
    _, steps = rows.found(found.threshold, policy)
    assert steps.sum() / rows.rows == pytest.approx(0.01, rel=0.05)
    assert found.expected == pytest.approx(len(steps), rel=0.1)
    assert found.time_share.value == pytest.approx(0.01)
    assert (found.is_extrapolated, found.note) == (False, "")
    few = of_budget("0.01 % of time", calibration_rows(autoregressive(8 * DAY)), policy)
    assert few.is_extrapolated
    assert re.search(r"0.01 % of time is an extrapolation.* it comes to 0\.\d+ events$", few.note)


def test_what_is_to_be_expected_is_said():
    """In words, and for the file: events a week and the share of the time, each with its ends."""
    found = of_budget("1/week", calibration_rows(autoregressive(20_000)), AlarmPolicy())
    said = found.to_dict()
    assert said["events_per_week"][0] == pytest.approx(1.0, rel=1e-3)
    for low, high in (said["events_per_week"][1:], said["time_share"][1:]):
        assert 0 < low < high
    text = r"in 4 of 5 cases [\d.]+ to [\d.]+ events a week on normal data, with [\d.]+ to [\d.]+ %"
    assert re.match(text, found.promise)
    quiet = of_budget("1/week", calibration_rows(np.zeros(200)), AlarmPolicy())
    assert (quiet.promise, quiet.to_dict()) == ("", {})


def test_files_without_calibration_rows_count_samples():
    """The rule of files from before it."""
    found = event_threshold("1/week", period_s=PERIOD_S, calibration={}, policy=AlarmPolicy())
    assert found.threshold == severity_threshold("1/week", PERIOD_S)
    assert "counts samples" in found.note
    with pytest.raises(InputError, match="less than one alarm per sample"):
        event_threshold("1/min", period_s=60, calibration={}, policy=AlarmPolicy())


def test_threshold_of_a_budget():
    """One alarm per week of 5-minute samples is one in 2016."""
    assert severity_threshold("1/week", 300) == pytest.approx(np.log10(2016))
    assert severity_threshold("1 % of time", 300) == pytest.approx(2.0)
    with pytest.raises(InputError, match="less than one alarm per sample"):
        severity_threshold("1/min", 60)
