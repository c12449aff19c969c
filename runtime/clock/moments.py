"""Single moments, whatever a program has, as nanoseconds since 1970-01-01 UTC."""

import math
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown

__all__ = [
    "LIMIT",
    "NO_TIME",
    "UNITS_NS",
    "Times",
    "datetime_of",
    "ns_of",
    "ns_of_float",
    "to_ns",
]

Times = npt.NDArray[np.int64]

UNITS_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Nanoseconds of the units that numbers count."""
LIMIT = 2**62
"""Times lie within this many nanoseconds of 1970: 1823 to 2116."""
NO_TIME = -(2**63)
"""In the place of a time that cannot be read: int64's least, numpy's NaT."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 60
_MONTHS = {"Y": 12, "M": 1}
_MOST_MONTHS = 12 * 200
_UNITS_FS = {
    "W": 604_800 * 10**15,
    "D": 86_400 * 10**15,
    "h": 3_600 * 10**15,
    "m": 60 * 10**15,
    "s": 10**15,
    "ms": 10**12,
    "us": 10**9,
    "ns": 10**6,
    "ps": 10**3,
    "fs": 1,
}


def to_ns(time: object) -> int:
    """Converts one time to nanoseconds since 1970-01-01 UTC.

    Args:
        time: A datetime or an ISO string (UTC unless it has a time zone), `np.datetime64`, or
            seconds since 1970 as int or float.

    Raises:
        InputError: Anything else (a duration, digits as text, a bool), NaN, or a time outside 1823
            to 2116.
    """
    kind = type(time)
    ns: int | None = None
    if kind is int:
        ns = time * 10**9  # type: ignore[operator]
    elif kind is float:
        ns = ns_of_float(time, 10**9)  # type: ignore[arg-type]
    elif isinstance(time, datetime):
        ns = ns_of(time) if time == time else None  # noqa: PLR0124 - pandas' NaT is a datetime
    elif isinstance(time, str):
        moment = datetime_of(time)
        ns = None if moment is None else ns_of(moment)
    elif isinstance(time, np.datetime64):
        ns = _ns_of_datetime64(time)
    elif isinstance(time, int | np.integer) and not isinstance(time, bool | np.timedelta64):
        ns = int(time) * 10**9
    elif isinstance(time, float | np.floating):
        ns = ns_of_float(float(time), 10**9)
    if ns is None or not -LIMIT < ns < LIMIT:
        raise InputError(
            "A time must be a datetime, an ISO string, a np.datetime64 or seconds since 1970, "
            f"between 1823 and 2116. Received: {shown(time)}."
        )
    return ns


def datetime_of(cell: str) -> datetime | None:
    """Returns the moment that ISO text means; `None` for other text."""
    text = cell.strip()
    if not text[:4].isdigit() or not 8 <= len(text) <= _LONGEST or text.isdigit():
        return None
    if text[4] == text[7] == "-" and text[10:11].isdigit():
        return None  # `fromisoformat` takes any character between date and time
    if text[13:14] in ("+", "-"):
        return None  # an offset behind the hour alone, 08-10, may be minutes
    if text[4] == "/":
        text = text.replace("/", "-", 2)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def ns_of(moment: datetime) -> int:
    """Returns nanoseconds since 1970; a moment without a zone is in UTC."""
    aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000


def ns_of_float(number: float, unit: int) -> int:
    """As `_ns_of_floats`; what is beyond the limit, NaN included, is at it."""
    if not abs(number) * unit < LIMIT:
        return -LIMIT if number < 0 else LIMIT
    digits = min(unit, 10**6)
    whole = math.floor(number)
    return whole * unit + round((number - whole) * digits) * (unit // digits)


def _ns_of_datetime64(time: np.datetime64) -> int | None:
    """Returns None for NaT. In whole numbers of any size: a cast to nanoseconds overflows."""
    if np.isnat(time):
        return None
    unit, count = np.datetime_data(time.dtype)
    number = int(time.astype(np.int64)) * count
    if unit in _MONTHS:
        months = number * _MONTHS[unit]
        if abs(months) > _MOST_MONTHS:
            return LIMIT
        return int(np.datetime64(months, "M").astype("datetime64[ns]").astype(np.int64))
    if unit == "as":
        return number // 10**9
    return number * _UNITS_FS[unit] // 10**6
