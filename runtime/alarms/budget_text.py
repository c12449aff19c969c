"""A false-alarm budget as people write it."""

import re

from runtime.clock.durations import UNITS_S
from runtime.errors import InputError

__all__ = ["parse_false_alarms"]

_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*/\s*([a-zA-Z]+)\s*")


def parse_false_alarms(budget: str) -> float:
    """Reads a false-alarm budget.

    Args:
        budget: `COUNT/UNIT`, such as `1/week` or `0.5/day`. Units: s or second, min or minute, h
            or hour, d or day, week, month (30 days), year (365 days).

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
