"""A false-alarm budget as people write it, `1/week` or `1 % of time`, and what comes of it."""

import re
from dataclasses import dataclass

from runtime.clock.durations import UNITS_S
from runtime.errors import InputError, shown

__all__ = ["Budget", "parse_budget", "parse_false_alarms", "rates_text", "shares_text"]

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_COUNT = re.compile(rf"\s*{_NUMBER}\s*/\s*([a-zA-Z]+)\s*")
_SHARE = re.compile(rf"\s*{_NUMBER}\s*(?:%|percent)\s*(?:of\s+(?:the\s+)?time)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What normal data may cost: so many events, or so much time in events."""

    text: str
    """As it was written."""
    per_s: float | None = None
    """Allowed events per second; None: the budget is a share of time."""
    share: float | None = None
    """Allowed share of normal time in events, 0 to 1; None: the budget is a count."""

    def per_sample(self, period_s: float) -> float:
        """Returns the allowed events, or steps in events, per normal sample.

        Args:
            period_s: Sampling period in seconds.
        """
        return self.share if self.share is not None else (self.per_s or 0.0) * period_s


def parse_budget(budget: str) -> Budget:
    """Reads a false-alarm budget.

    Args:
        budget: `COUNT/UNIT`, such as `1/week` or `0.5/day`. Units: s or second, min or minute, h
            or hour, d or day, week, month (30 days), year (365 days). Or `SHARE % of time`, such as
            `1 % of time`, of which `of time` may be left out.

    Raises:
        InputError: Another form, a count of 0, a share of 0 or of 100 % and more.
    """
    if isinstance(budget, str) and (match := _SHARE.fullmatch(budget)):
        share = float(match[1]) / 100
        if 0 < share < 1:
            return Budget(text=budget, share=share)
    elif isinstance(budget, str) and (match := _COUNT.fullmatch(budget)):
        seconds = UNITS_S.get(match[2].lower())
        if seconds is not None and float(match[1]) > 0:
            return Budget(text=budget, per_s=float(match[1]) / seconds)
    raise InputError(
        "A false-alarm budget must be COUNT/UNIT with a count above 0 and a unit among "
        f"{', '.join(UNITS_S)}, or a share of the time above 0 and below 100 %. "
        f"Received: {shown(budget)}. Write for example 1/week, 0.5/day or 1 % of time."
    )


def parse_false_alarms(budget: str) -> float:
    """Reads a false-alarm budget that counts events.

    Args:
        budget: `COUNT/UNIT`; see `parse_budget`.

    Returns:
        Allowed false alarms per second.

    Raises:
        InputError: Another form, a count of 0, or a share of the time.
    """
    read = parse_budget(budget)
    if read.per_s is None:
        raise InputError(
            "A rate of false alarms must be a budget of events, such as 1/week. "
            f"Received: {shown(budget)}."
        )
    return read.per_s


_SPANS = (
    ("an hour", UNITS_S["hour"]),
    ("a day", UNITS_S["day"]),
    ("a week", UNITS_S["week"]),
    ("a year", UNITS_S["year"]),
)


def rates_text(low: float, high: float) -> str:
    """Returns a range of rates as people say it: `0.4 to 2.1 events a week`.

    Args:
        low: Events per second.
        high: The same.
    """
    word, seconds = next((s for s in _SPANS if high * s[1] >= 1), _SPANS[-1])
    return f"{low * seconds:.2g} to {high * seconds:.2g} events {word}"


def shares_text(low: float, high: float) -> str:
    """Returns a range of shares as people say it: `0.2 to 1.5 %`.

    Args:
        low: 0 to 1.
        high: The same.
    """
    return f"{100 * low:.2g} to {100 * high:.2g} %"
