"""Durations as people write them: `90`, `2h`, `1.5 days`."""

import math
import re

from runtime.errors import InputError, shown

__all__ = ["UNITS_S", "parse_duration", "steps_of"]

UNITS_S = {
    "s": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "week": 604_800.0,
    "month": 30 * 86_400.0,
    "year": 365 * 86_400.0,
}
"""Seconds of each unit."""

_LONGEST = 1e15
_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*")


def parse_duration(duration: str | float) -> float:
    """Reads a duration.

    Args:
        duration: Seconds, or a number with a unit such as `2h`, `30 min` or `1.5 days`. Units: s or
            second, min or minute, h or hour, d or day, week, month (30 days), year (365 days).

    Returns:
        Seconds, at least 0.

    Raises:
        InputError: Another form, a negative number, or more than 1e15 seconds.
    """
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        if 0 <= duration <= _LONGEST:
            return float(duration)
    elif isinstance(duration, str) and (match := _FORM.fullmatch(duration)):
        unit = match[2].lower() or "s"
        seconds = UNITS_S.get(unit) or UNITS_S.get(unit.removesuffix("s"))
        if seconds and float(match[1]) * seconds <= _LONGEST:
            return float(match[1]) * seconds
    raise InputError(
        "A duration must be seconds, or a number with a unit among "
        f"{', '.join(UNITS_S)}. Received: {shown(duration)}. Write for example 2h or 7200."
    )


def steps_of(seconds: float, period_s: float) -> int:
    """Returns how many steps of a time grid cover a duration, rounded up."""
    return math.ceil(seconds / period_s - 1e-9)


def nanoseconds(seconds: float) -> int:
    """Returns seconds as whole nanoseconds, the unit of all times."""
    return round(seconds * 1e9)
