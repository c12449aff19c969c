"""False-alarm budgets: `1/week` as a rate, and as a threshold on severity."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from runtime.alarms.budget_text import parse_false_alarms
from runtime.alarms.calibration_rows import CalibrationRows
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy

__all__ = ["BudgetThreshold", "event_threshold", "severity_threshold"]

ENOUGH = 5
"""Events from which a count is taken as it is, with its error of 45 % or less; below, the tail
extrapolates."""
GROWTH = 0.3
"""Decades by which events per exceeding sample grow per unit of severity, beyond what was counted.
It is at most 0.1 in stationary processes; 0.3 was seen where the rarest scores come from other
causes than the frequent ones, so that every exceedance stands alone in the end. The farther the
extrapolation, the more it comes to counting samples."""
DEAFEST = 0.5
"""Most severity that caution adds to the threshold of counting samples: three times rarer."""
_GRID = 64


def severity_threshold(budget: str, period_s: float) -> float:
    """Returns the severity that normal samples exceed just as often as the budget allows.

    Severity is −log10 of the probability that a normal sample scores this high, so one false
    alarm in N samples is the severity log10 N.

    Args:
        budget: See `parse_false_alarms`.
        period_s: Sampling period in seconds.

    Raises:
        InputError: A budget of one alarm per sample or more.
    """
    samples = 1.0 / (parse_false_alarms(budget) * period_s)
    if not samples > 1.0:
        raise InputError(
            "A false-alarm budget must allow less than one alarm per sample, and there is a "
            f"sample every {period_s:g} s. Received: {budget!r}. Allow fewer false alarms."
        )
    return math.log10(samples)


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
    """Events that the budget allows in the calibration rows; `None`: the file has none."""
    span_s: float | None
    """Time that the calibration rows cover."""

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
        return (
            f"a budget of {self.false_alarms} is an extrapolation: calibration rows span "
            f"{_span(self.span_s)}, in which it allows {self.expected:.2g} events"
        )


def event_threshold(
    budget: str,
    *,
    period_s: float,
    calibration: Mapping[str, Any],
    policy: AlarmPolicy,
) -> BudgetThreshold:
    """Returns the threshold at which a policy gives as many events as the budget allows.

    Neighbouring samples score alike, so one excursion gives many samples above a threshold and one
    event. Where the budget allows at least `ENOUGH` events in the calibration rows, the threshold
    is the one that gives that many there. A smaller budget is extrapolated from the threshold that
    gives `ENOUGH`. From there on the samples above the threshold follow the fitted tail,
    10^−severity, and the events per such sample grow by `GROWTH` up to 1.

    The extrapolation errs on the side of too few alarms: the threshold's distance from what was
    counted is raised by the relative standard error of a tail known from n independent events,
    1/√n, as far as `DEAFEST` allows; habituation is left out; and the time in which one event keeps
    others from opening is made up for. Where rows are so few that no threshold gives `ENOUGH`
    events, every sample counts as one. What it cannot know is how other rows differ from the
    calibration rows: two days know no weekend.

    Reference: M. Leadbetter (1983), "Extremes and Local Dependence in Stationary Sequences", for
    the extremal index. Ours counts events of the policy at a finite threshold.

    Args:
        budget: See `parse_false_alarms`.
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
            threshold=by_sample, false_alarms=budget, index=1.0, expected=None, span_s=None
        )
    rows = CalibrationRows.from_dict(calibration["severest"])
    expected = 10**-by_sample * rows.rows
    counted = expected >= ENOUGH
    threshold = (_counted if counted else _extrapolated)(rows, policy, by_sample)
    return BudgetThreshold(
        threshold=threshold,
        false_alarms=budget,
        index=min(1.0, 10 ** (threshold - by_sample)),
        expected=expected,
        span_s=rows.rows * period_s,
    )


def _counts(rows: CalibrationRows, policy: AlarmPolicy) -> tuple[np.ndarray, np.ndarray]:
    """Returns thresholds and at least how many events they give, never more at a higher one."""
    lowest = rows.lowest(policy)
    thresholds = np.linspace(lowest, max(rows.highest, lowest), _GRID)
    events = np.array([rows.events(float(t), policy) for t in thresholds], np.float64)
    # Far down everything merges into a few long events: that is not the tail.
    return thresholds, np.maximum.accumulate(events[::-1])[::-1]


def _counted(rows: CalibrationRows, policy: AlarmPolicy, by_sample: float) -> float:
    """Returns the threshold that gives as many events as the budget allows."""
    thresholds, events = _counts(rows, policy)
    expected = 10**-by_sample * rows.rows
    above = np.flatnonzero(events > expected)
    if len(above) and above[-1] + 1 < len(events):
        low = int(above[-1])
        more, fewer = np.log(np.maximum(events[[low, low + 1]], 0.5))
        share = (more - math.log(expected)) / (more - fewer)
        return float(thresholds[low] + share * (thresholds[low + 1] - thresholds[low]))
    peak = int(np.flatnonzero(events == events.max())[-1])
    if peak or not rows.level:
        # More than the policy lets through: as many as it does.
        return float(thresholds[peak])
    # More than the kept rows can tell: the events per sample of the lowest threshold.
    lowest = float(thresholds[0])
    index = math.log10(max(float(events[0]), 0.5) / rows.rows) + lowest
    return min(lowest, max(by_sample + index, lowest / 10))


def _extrapolated(rows: CalibrationRows, policy: AlarmPolicy, by_sample: float) -> float:
    """Returns the threshold from the count at one threshold and the fitted tail."""
    policy = replace(policy, habituation_steps=0)
    thresholds, events = _counts(rows, policy)
    enough = np.flatnonzero(events >= ENOUGH)
    if not len(enough):
        return by_sample
    at = int(enough[-1])
    dead = max(policy.refractory_steps, policy.cool_down_steps, policy.merge_gap_steps)
    free = max(0.1, 1 - events[at] * dead / rows.rows)
    start = float(thresholds[at])
    index = math.log10(events[at] / free / rows.rows) + start
    # log10 of the events per sample, index + GROWTH (θ − θ_at) up to 0, minus θ, is the budget.
    threshold = (by_sample + index - GROWTH * start) / (1 - GROWTH)
    threshold = max(start, min(by_sample + max(index, 0.0), threshold))
    cautious = threshold + (threshold - start) / math.sqrt(events[at])
    return min(cautious, max(threshold, by_sample + DEAFEST))


def _span(seconds: float) -> str:
    name, size = next(
        ((n, s) for n, s in (("days", 86_400.0), ("hours", 3600.0)) if seconds >= 2 * s),
        ("minutes", 60.0),
    )
    return f"{seconds / size:.2g} {name}"
