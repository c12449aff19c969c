"""Numbers, times and durations as an operator reads them."""

from typing import Literal

import numpy as np
import pandas as pd

from runtime.alarms.budget_text import parse_budget
from runtime.counted import noun

_UNITS = {
    "s": "second",
    "min": "minute",
    "h": "hour",
}
_STEPS = ((86_400.0, "day", "d"), (3600.0, "hour", "h"), (60.0, "minute", "min"))
_CALENDAR_NS = 10**17
_NS = 10**9


class TimeAxis:
    """The horizontal axis: calendar time, or time elapsed where the data have no dates.

    A `DatetimeIndex` is calendar time in UTC (its own clock where it has no time zone); so is a
    number index whose first entry is a Unix time after 1973. Other numbers count from 0.

    Args:
        times_ns: int64 `(rows,)`, nanoseconds, at least one.
        index: The index that they came from.
        period_s: Sampling period in seconds.
    """

    def __init__(self, times_ns: np.ndarray, index: pd.Index, *, period_s: float) -> None:
        dates = isinstance(index, pd.DatetimeIndex)
        self.is_calendar = dates or int(times_ns[0]) > _CALENDAR_NS
        self.fine: Literal["ms", "s", "m"] = "ms" if period_s < 1 else "s" if period_s % 60 else "m"
        span_s = float(times_ns.max() - times_ns.min()) / _NS
        seconds, name = 1.0, "second"
        for step, word, _ in _STEPS:
            if span_s >= 3 * step:
                seconds, name = step, word
                break
        self._scale = 1e6 if self.is_calendar else seconds * _NS
        self.unit = name
        if not self.is_calendar:
            self.title = f"{name}s"
        elif isinstance(index, pd.DatetimeIndex) and index.tz is None:
            self.title = ""
        else:
            self.title = "UTC"

    def x(self, times_ns: np.ndarray | int) -> np.ndarray:
        """Returns plotly's coordinates: milliseconds since 1970, or elapsed units."""
        return np.asarray(times_ns, "float64") / self._scale

    def width(self, seconds: float) -> float:
        """Returns how wide a duration is in these coordinates."""
        return seconds * _NS / self._scale

    def text(self, time_ns: int) -> str:
        """Returns one time as text."""
        if self.is_calendar:
            moment = np.array([int(time_ns)], "M8[ns]")
            return str(np.datetime_as_string(moment, unit=self.fine)[0]).replace("T", " ")
        return f"{time_ns / self._scale:.7g} {self.unit}s"


def count(number: int, one: str) -> str:
    """Returns `1 event`, `2 events`, `no events`; thousands are separated."""
    return f"{number:,} {noun(number, one)}" if number else f"no {noun(0, one)}"


def duration(seconds: float) -> str:
    """Returns a duration to its two largest units: `17 h 50 min`, `3 days`, `0.25 s`."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    number, (size, word, short) = next((i, s) for i, s in enumerate(_STEPS) if seconds >= s[0])
    finer, _, finer_short = (*_STEPS, (1.0, "second", "s"))[number + 1]
    whole = int(seconds // size)
    part = int((seconds - whole * size) // finer)
    unit = short if word != "day" else noun(whole, word)
    return f"{whole:,} {unit}" + (f" {part} {finer_short}" if part else "")


def span(seconds: float) -> str:
    """Returns a rounded duration for a headline: `28 days`, `5 hours`."""
    for size, word, _ in _STEPS:
        if seconds >= 2 * size:
            return f"{round(seconds / size):,} {word}s"
    return f"{seconds:.3g} seconds"


def budget(false_alarms: str) -> str:
    """Returns `1/week` as `1 false alarm a week`, a share as `1 % of the time in false alarms`."""
    if (share := parse_budget(false_alarms).share) is not None:
        return f"{100 * share:.4g} % of the time in false alarms"
    number, _, unit = (part.strip() for part in false_alarms.partition("/"))
    alarms = noun(float(number), "false alarm")
    word = _UNITS.get(unit.lower(), unit.lower())
    return f"{number} {alarms} {'an' if word == 'hour' else 'a'} {word}"
