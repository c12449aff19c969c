"""False-alarm budgets: `1/week` as a rate, and as a threshold on severity."""

import math
import re

from runtime.durations import UNITS_S
from runtime.errors import InputError

__all__ = ["parse_false_alarms", "severity_threshold"]

_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*/\s*([a-zA-Z]+)\s*")


def parse_false_alarms(budget: str) -> float:
    """Reads a false-alarm budget.

    Args:
        budget: `COUNT/UNIT`, such as `1/week` or `0.5/day`. Units: s or second, min or minute, h
            or hour, day, week, month (30 days), year (365 days).

    Returns:
        Allowed false alarms per second.

    Raises:
        InputError: Another form, or a count of 0.
    """
    match = _FORM.fullmatch(budget)
    seconds = UNITS_S.get(match[2].lower()) if match else None
    if match is None or seconds is None or not float(match[1]) > 0:
        raise InputError(
            "A false-alarm budget must be COUNT/UNIT with a count above 0 and a unit among "
            f"{', '.join(UNITS_S)}. Received: {budget!r}. Write for example 1/week or 0.5/day."
        )
    return float(match[1]) / seconds


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
