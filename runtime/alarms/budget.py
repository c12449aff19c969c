"""False-alarm budgets as thresholds on severity, and what normal data will give at these."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.alarms.budget_text import Budget, parse_budget, rates_text, shares_text
from runtime.alarms.calibration_rows import CalibrationRows
from runtime.alarms.tail import LEVEL, Expected, Measure, Tail
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy

__all__ = ["BudgetThreshold", "Thresholds", "event_threshold", "severity_threshold"]

ENOUGH = 5
"""Events from which a budget is known from a count, with an error of 45 % or less."""
_DAY_S = 86_400.0


def severity_threshold(budget: str, period_s: float) -> float:
    """Returns the severity that normal samples exceed just as often as the budget allows.

    Severity is −log10 of the probability that a normal sample scores this high, so one false
    alarm in N samples is the severity log10 N, and so is one N-th of the time.

    Args:
        budget: See `parse_budget`.
        period_s: Sampling period in seconds.

    Raises:
        InputError: A budget of one alarm per sample or more.
    """
    per_sample = parse_budget(budget).per_sample(period_s)
    if not per_sample < 1.0:
        raise InputError(
            "A false-alarm budget must allow less than one alarm per sample, and there is a "
            f"sample every {period_s:g} s. Received: {budget!r}. Allow fewer false alarms."
        )
    return -math.log10(per_sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetThreshold:
    """The threshold that a false-alarm budget stands for, and how well that is known."""

    threshold: float
    """On severity."""
    false_alarms: str
    """The budget."""
    index: float
    """Events per sample at or above the threshold, in the end the extremal index; 1 where every
    such sample counts as an event."""
    expected: float | None
    """Events that are to be expected in as many rows as calibrate; `None`: the file has none."""
    span_s: float | None
    """Time that the calibration rows cover."""
    events_per_s: Expected | None
    """Events on normal data, per second; None: nothing is known of them."""
    time_share: Expected | None
    """Share of normal time in events; None: nothing is known of it."""

    @property
    def is_extrapolated(self) -> bool:
        """Whether the calibration rows are too few to count what the budget allows."""
        return self.expected is None or self.expected < ENOUGH

    @property
    def note(self) -> str:
        """One line about an extrapolation, for people; empty where events were counted."""
        if self.expected is None or self.span_s is None:
            return (
                f"a budget of {self.false_alarms} counts samples: the file has no calibration rows"
            )
        if not self.is_extrapolated:
            return ""
        does = "allows" if parse_budget(self.false_alarms).share is None else "comes to"
        return (
            f"a budget of {self.false_alarms} is an extrapolation: calibration rows span "
            f"{_span(self.span_s)}, in which it {does} {self.expected:.2g} events"
        )

    @property
    def promise(self) -> str:
        """What normal data will give, in words; empty where nothing is known."""
        if self.events_per_s is None or self.time_share is None:
            return ""
        events, time = self.events_per_s, self.time_share
        return (
            f"in 4 of 5 cases {rates_text(events.low, events.high)} on normal data, with "
            f"{shares_text(time.low, time.high)} of the time in them"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns what a detector file says of it, for people who read it without kad."""
        if self.events_per_s is None or self.time_share is None:
            return {}
        return {
            "level": LEVEL,
            "events_per_week": [round(7 * _DAY_S * rate, 6) for rate in self.events_per_s],
            "time_share": [round(share, 8) for share in self.time_share],
        }


def event_threshold(
    budget: str,
    *,
    period_s: float,
    calibration: Mapping[str, Any],
    policy: AlarmPolicy,
) -> BudgetThreshold:
    """Returns the threshold at which a policy gives as many events as the budget allows.

    Neighbouring samples score alike, so one excursion gives many samples above a threshold and one
    event. Where the budget allows events enough in the calibration rows, the threshold is the one
    that gives that many there, or that share of the rows in events. A smaller one is extrapolated
    by the tail of the events' peaks (`runtime.alarms.tail`), at what is to be expected: as often
    too many as too few. Where rows are so few that no threshold gives `FEWEST` events, every sample
    counts as one. What it cannot know is how other rows differ from the calibration rows: two days
    know no weekend. How far that has misled on many series is in the intervals.

    Reference: M. Leadbetter (1983), "Extremes and Local Dependence in Stationary Sequences", for
    the extremal index. Ours counts events of the policy at a finite threshold.

    Args:
        budget: See `parse_budget`.
        period_s: Sampling period in seconds.
        calibration: Of a detector's metadata; files without `severest` count samples.
        policy: What makes an event.

    Raises:
        InputError: A budget of one alarm per sample or more.
        ModelFileError: Damaged `severest`.
    """
    by_sample = severity_threshold(budget, period_s)
    if "severest" not in calibration:
        return BudgetThreshold(
            threshold=by_sample,
            false_alarms=budget,
            index=1.0,
            expected=None,
            span_s=None,
            events_per_s=None,
            time_share=None,
        )
    rows = CalibrationRows.from_dict(calibration["severest"])
    return Thresholds(rows, policy, period_s=period_s).of(parse_budget(budget))


class Thresholds:
    """Thresholds and what they promise, from calibration rows under one policy.

    Args:
        rows: Calibration rows.
        policy: What makes an event.
        period_s: Sampling period in seconds.
    """

    def __init__(self, rows: CalibrationRows, policy: AlarmPolicy, *, period_s: float) -> None:
        self._rows, self._period_s = rows.rows, period_s
        self._tail = Tail(rows, policy)

    def of(self, budget: Budget) -> BudgetThreshold:
        """Returns the threshold that a budget stands for.

        Raises:
            InputError: A budget of one alarm per sample or more.
        """
        threshold = severity_threshold(budget.text, self._period_s)
        measure: Measure = "events" if budget.share is None else "time"
        if self._tail.is_known:
            threshold = self._tail.threshold(budget.per_sample(self._period_s), measure)
        return self.at(threshold, budget)

    def at(self, threshold: float, budget: Budget) -> BudgetThreshold:
        """Returns what a threshold promises, wherever it comes from.

        Args:
            threshold: On severity.
            budget: That it stands for.
        """
        per_sample = budget.per_sample(self._period_s)
        events = time = None
        if self._tail.is_known:
            found = self._tail.expected(threshold, "events")
            events = Expected(*(value / self._period_s for value in found))
            time = self._tail.expected(threshold, "time")
        if budget.share is not None:
            per_sample = 10**-threshold if events is None else events.value * self._period_s
        return BudgetThreshold(
            threshold=threshold,
            false_alarms=budget.text,
            index=min(1.0, per_sample * 10**threshold),
            expected=per_sample * self._rows,
            span_s=self._rows * self._period_s,
            events_per_s=events,
            time_share=time,
        )


def _span(seconds: float) -> str:
    name, size = next(
        ((n, s) for n, s in (("days", 86_400.0), ("hours", 3600.0)) if seconds >= 2 * s),
        ("minutes", 60.0),
    )
    return f"{seconds / size:.2g} {name}"
