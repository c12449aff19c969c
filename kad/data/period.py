"""The sampling period of a series: how long a step is, and where that changes."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from runtime.clock.forms import TimeStyle
from runtime.clock.timestamps import format_times
from runtime.counted import counted
from runtime.errors import InputError

__all__ = ["Change", "Period", "find_period", "infer_period"]

Times = npt.NDArray[np.int64]

_QUANTA: tuple[int, ...] = (60 * 10**9, *(10**power for power in range(9, -1, -1)))
_SEARCHED = 1024
"""Rows that the first look at the period takes."""
_WINDOW = 8
_ROUNDED = "stamps are rounded to"
_1990 = 631_152_000 * 10**9


@dataclass(frozen=True, slots=True)
class Change:
    """Where the step between rows changes for good."""

    time_ns: int
    """The last time of the old step."""
    before_s: float
    after_s: float


@dataclass(frozen=True, slots=True)
class Period:
    """A sampling period, and how it was found."""

    seconds: float
    how: str
    """In words, for people."""
    changes: tuple[Change, ...] = ()
    """Where the step changes, though all steps are multiples of the period."""

    def text(self, style: TimeStyle) -> str:
        """Returns it in words: seconds, how they were found, and where the step changes.

        Args:
            style: How to write times.
        """
        changes = "".join(
            f"; from {change.before_s:g} to {change.after_s:g} s at "
            f"{format_times(np.array([change.time_ns]), style)[0]}"
            for change in self.changes
        )
        return f"{self.seconds:.10g} s, {self.how}{changes}"


def infer_period(times: Times, *, mixed: bool = False) -> float:
    """Returns the sampling period in seconds, see `find_period`."""
    return find_period(times, mixed=mixed).seconds


def find_period(times: Times, *, mixed: bool = False) -> Period:
    """Finds the sampling period.

    Stamps are rounded, or come early and late: over a whole run without a gap these errors do not
    add up, so a run bounds the period, and the simplest number within the bounds is taken. 60 Hz in
    whole milliseconds has steps of 16 and 17 ms and a period of 1/60 s. Where the median step holds
    over the runs, it is the period.

    Args:
        times: int64 nanoseconds `(rows,)`, in the order of the file.
        mixed: Whether several periods are acceptable.

    Raises:
        InputError: Fewer than two distinct times; several rows at each time; several periods, or
            rows at no period, with where it changes.
    """
    unique = np.unique(times)
    steps = np.diff(unique)
    if not steps.size:
        raise InputError(
            "The series needs at least two rows at different times. Received: "
            f"{counted(len(times), 'row')}."
        )
    median = float(np.median(steps))
    shared = _rows_per_time(times)
    if shared > 1.25:
        step_s = median / 1e9
        bounds = step_s / (shared + 0.05), step_s / max(shared - 0.05, 1)
        seconds = simplest(step_s / shared, *bounds)
        if not mixed:
            raise _shared_times(len(times), len(unique), shared, median / 1e9, seconds)
        return Period(seconds, f"{shared:.3g} rows share each time")
    changes = tuple(_changes(unique, steps))
    if _holds(steps, median):
        off = _off(steps, median)
        if off <= 0.1 or mixed:
            return Period(median / 1e9, "the step between rows", changes)
    else:
        fitted = _fitted(unique, steps, median)
        if fitted is not None:
            return Period(fitted[0], fitted[1], changes)
        off = _off(steps, median)
        if mixed or off <= 0.1:
            return Period(median / 1e9, "the median step between rows", changes)
    raise _mixes(median / 1e9, off, steps, changes)


def simplest(value: float, low: float, high: float) -> float:
    """Returns the number of fewest digits between bounds, as seconds, minutes, hours, days or Hz.

    Args:
        value: What is likeliest, in seconds; of equally short numbers, the one next to it is taken.
        low: Bound in seconds.
        high: Bound in seconds.
    """
    found: list[tuple[int, float, float]] = []
    for unit in (1.0, 60.0, 3600.0, 86_400.0):
        if unit == 1 or value >= unit:
            digits, number = _shortest(value / unit, low / unit, high / unit)
            found.append((digits, abs(number * unit - value), number * unit))
    best = min(found)
    digits, rate = _shortest(1 / value, 1 / high, 1 / low)
    whole = rate >= 1 and rate.is_integer()
    return 1 / rate if digits < best[0] or (digits == best[0] and whole) else best[2]


def _shortest(value: float, low: float, high: float) -> tuple[int, float]:
    """Returns the digits of the shortest number between bounds, and the number."""
    for digits in range(1, 13):
        text = f"{value:.{digits - 1}e}"
        if low <= float(text) <= high:
            return len(text.split("e", maxsplit=1)[0].rstrip("0").replace(".", "")), float(text)
    return 13, value


def _rows_per_time(times: Times) -> float:
    """Returns how many rows in a row have the same time; 1 where not about as many throughout."""
    counts = np.diff(np.r_[0, np.flatnonzero(np.diff(times)) + 1, len(times)])
    if len(counts) <= 4:
        return 1.0
    inner = counts[1:-1]  # the first and the last time may be torn
    mean = float(inner.mean())
    even = float((np.abs(inner - mean) <= max(1.0, mean * 0.1)).mean()) >= 0.9
    halves = [float(half.mean()) for half in np.array_split(inner, 4) if len(half)]
    return mean if even and min(halves) > 1.1 else 1.0


def _holds(steps: Times, median: float) -> bool:
    """Whether steps of about one period add up to as many medians, in every run without a gap."""
    quantum = _quantum(steps)
    near = (steps > 0.5 * median) & (steps < 1.5 * median)
    if quantum >= 0.4 * median and float((steps != median).mean()) > 0.2:
        return False
    if near.mean() < 0.5:
        return True
    errors = np.where(near, steps - median, 0.0)
    summed = np.r_[0.0, np.cumsum(errors)]
    bounds = np.r_[0, np.flatnonzero(~near) + 1, len(steps)]
    widest = 0.0
    for start, end in pairwise(bounds.tolist()):
        part = summed[start : end + 1]
        widest = max(widest, float(np.ptp(part)))
    rough = float((errors[near] != 0).mean())
    return widest <= max(quantum * 0.5, 0.25 * median) and (rough < 0.5 or widest <= quantum)


def _quantum(steps: Times) -> int:
    """Returns what stamps are rounded to, in nanoseconds: 1 min, 1 s, or a decimal part of it."""
    common = int(np.gcd.reduce(steps))
    return next(quantum for quantum in _QUANTA if common % quantum == 0)


def _fitted(unique: Times, steps: Times, median: float) -> tuple[float, str] | None:
    """Returns the period of rounded or jittering stamps, and in words what they do."""
    quantum = _quantum(steps)
    bounds = np.r_[0, np.flatnonzero(steps > 4.5 * median) + 1, len(unique)]
    start, end = max(pairwise(bounds.tolist()), key=lambda run: run[1] - run[0])
    if end - start < _WINDOW:
        return None
    since = (unique[start:end] - unique[start]).astype(float)
    found = _fit(since, median, quantum, least=0.0)
    if found is None and quantum >= 0.4 * median:
        # All stamps are multiples of what they are rounded to: that is in step, too.
        found = _fit(since, median, quantum, least=1.1 * quantum)
        return found if found and found[1].startswith(_ROUNDED) else None
    if found and not found[1].startswith(_ROUNDED) and (steps == median).mean() > 0.3:
        return None  # a clock that is right more often than not, and then wrong for once
    return found


def _fit(
    since: npt.NDArray[np.float64], median: float, quantum: int, *, least: float
) -> tuple[float, str] | None:
    """Returns the period of one run, of at least `least` nanoseconds."""
    period = _searched(since[:_SEARCHED], median, least)
    slots, period = _slots(since, period)
    used, span = len(np.unique(slots)), float(np.ptp(slots))
    if used < 0.85 * len(since) or used < 0.7 * span:
        return None
    errors = since - period * slots
    spread = float(np.ptp(errors))
    if spread <= 1.02 * quantum + 1:
        centre, margin = float(since[-1]) / span, quantum / span
        how = f"{_ROUNDED} {quantum / 1e9:g} s"
    elif np.abs(errors - np.median(errors)).mean() > 0.23 * period:
        return None
    else:
        centre, margin = period, 4 * float(errors.std()) * float(np.sqrt(12 / span**3))
        how = f"rows come up to {spread / 2e9:.3g} s early or late"
    bounds = (centre - margin) / 1e9, (centre + margin) / 1e9
    return simplest(centre / 1e9, *bounds), how


def _searched(since: npt.NDArray[np.float64], median: float, least: float) -> float:
    """Returns the period near the median step at which the rows are most in step."""
    steps = np.diff(since)
    mean = float(steps[steps < 2.5 * median].mean())
    low, high = max(least, 0.9 * min(median, mean)), 1.1 * max(median, mean, least)
    span = float(since[-1])
    rates = np.arange(1 / high, 1 / low, 1 / (4 * span))
    strength = [abs(np.exp(2j * np.pi * rate * since).sum()) for rate in rates]
    return float(1 / rates[int(np.argmax(strength))])


def _slots(since: npt.NDArray[np.float64], period: float) -> tuple[npt.NDArray[np.float64], float]:
    """Returns the number of each row's slot, and the period that fits them best."""
    count = min(len(since), _SEARCHED)
    while True:
        part = since[:count]
        phase = np.angle(np.exp(2j * np.pi * part / period).sum()) / (2 * np.pi) * period
        slots = np.rint((part - phase) / period)
        period = float(np.polyfit(slots, part, 1)[0])
        if count == len(since):
            break
        count = min(len(since), 2 * count)
    return slots - slots[0], period


def _off(steps: Times, period: float) -> float:
    multiples = steps / period
    off = (multiples < 0.75) | (np.abs(multiples - np.rint(multiples)) > 0.25)
    return float(off.mean())


def _changes(unique: Times, steps: Times) -> list[Change]:
    """Returns where the step changes from one length to another that stays."""
    window = max(_WINDOW, len(steps) // 200)
    if len(steps) < 2 * window:
        return []
    parts = np.array_split(steps, len(steps) // window)
    found: list[Change] = []
    usual: float | None = None
    start = at = 0
    for part in parts:
        middle = float(np.median(part))
        at += len(part)
        if float((np.abs(part - middle) <= 0.25 * middle).mean()) < 0.8:
            continue
        if usual is not None and not 2 / 3 < middle / usual < 1.5:
            old = np.abs(np.log(steps[start:at] / usual)) < np.abs(np.log(steps[start:at] / middle))
            place = start + int(np.argmax(np.cumsum(np.where(old, 1, -1)))) + 1
            found.append(Change(int(unique[place]), usual / 1e9, middle / 1e9))
        usual, start = middle, at - len(part)
    return found if len(found) <= 8 else []


def _shared_times(
    rows: int, times: int, shared: float, step_s: float, seconds: float
) -> InputError:
    return InputError(
        f"The series must have one row at each time. Received: {rows} rows at {times} times, about "
        f"{shared:.3g} rows at the same time throughout. Where stamps were cut to {step_s:g} s, "
        f"rows come every {seconds:.4g} s: say [data] grid = 'rows' with period = {seconds:.4g}, "
        "or export fractions of a second; where the file holds several sensors, give each a column."
    )


def _mixes(median_s: float, off: float, steps: Times, changes: tuple[Change, ...]) -> InputError:
    advice = (
        "Resample it, or give the period with [data] period, or ignore the timestamps with "
        "[data] grid = 'rows'."
    )
    if changes:
        words = "; ".join(
            f"{change.before_s:g} s up to {_written(change.time_ns)}, then {change.after_s:g} s"
            for change in changes[:3]
        )
        return InputError(f"The series mixes sampling periods: {words}. {advice}")
    low, high = np.quantile(steps, [0.05, 0.95]) / 1e9
    cause = "; a row is written when a value changes, it seems" if high > 4 * low else ""
    return InputError(
        f"The series mixes sampling periods: the median step is {median_s:g} s, but {off:.0%} of "
        f"the steps are no multiple of it, most lie between {low:g} and {high:g} s{cause}. {advice}"
    )


def _written(time_ns: int) -> str:
    if time_ns < _1990:
        return f"{time_ns / 1e9:g} s"
    return str(np.datetime64(time_ns, "ns").astype("M8[s]")).replace("T", " ")
