"""Timestamps: text, numbers and datetimes to int64 nanoseconds since 1970-01-01 UTC, and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown

__all__ = ["TimeStyle", "TimestampParser", "format_times", "to_ns"]

Times = npt.NDArray[np.int64]

ACCEPTED = (
    "2014-07-01 00:00:00, 2014-07-01T00:00:00.123, the same with Z or an offset such as +02:00, "
    "or seconds, ms, us or ns since 1970"
)
"""The accepted forms, for messages."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMIT = 2**62
_LONGEST = 60
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
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


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How a file writes its times, so that output can look the same."""

    kind: Literal["naive", "aware", "number"] = "naive"
    """`naive`: no time zone, taken as UTC; `aware`: with Z or an offset, written as UTC with Z."""
    separator: Literal[" ", "T"] = " "
    """Between date and time."""
    unit: Literal["s", "ms", "us", "ns"] = "s"
    """Of numbers: since 1970-01-01."""


class TimestampParser:
    """Parses the time column of one file; the first cell decides the style.

    Numbers below 1e11 are seconds, below 1e14 milliseconds, below 1e17 microseconds, else
    nanoseconds, decided once for the file.

    Args:
        style: The style, where it is known.
    """

    def __init__(self, style: TimeStyle | None = None) -> None:
        self.style = style

    def parse(self, cells: Sequence[str], first_row: int = 1) -> Times:
        """Returns nanoseconds since 1970-01-01 UTC, int64 (cells,).

        Args:
            cells: Timestamps as text.
            first_row: Row number of the first cell, for messages.

        Raises:
            InputError: An unparsable time, times with a time zone among such without, or a time
                outside 1823 to 2116; the message names the row and the text.
        """
        if not cells:
            return np.empty(0, np.int64)
        if self.style is None:
            self.style = _style_of(cells[0], first_row)
        if self.style.kind == "number":
            times = _parse_numbers(cells, _UNITS[self.style.unit], first_row)
        else:
            times = self._parse_iso(cells, first_row)
        outside = (times <= -_LIMIT) | (times >= _LIMIT)
        if outside.any():
            row = int(outside.argmax())
            raise _unparsable(cells[row], first_row + row, "a time between 1823 and 2116")
        return times

    def _parse_iso(self, cells: Sequence[str], first_row: int) -> Times:
        aware = self.style is not None and self.style.kind == "aware"
        times = np.empty(len(cells), np.int64)
        try:
            # Bytes with their zero padding: one column per character position.
            text = np.array(cells, dtype=np.bytes_)
        except UnicodeEncodeError:
            text = np.zeros(len(cells), "S1")
        lengths = np.char.str_len(text)
        for length in np.unique(lengths):
            at = np.flatnonzero(lengths == length)
            if len(at) == len(cells):
                at = np.arange(len(cells))
            codes = np.ascontiguousarray(text[at]).view(np.uint8).reshape(len(at), -1)
            parsed, good = _parse_codes(codes[:, :length], aware=aware)
            times[at] = parsed
            for row in at[~good]:
                times[row] = self._parse_one(cells[row], first_row + int(row))
        return times

    def _parse_one(self, cell: str, row: int) -> int:
        moment = _datetime_of(cell)
        if moment is None:
            raise _unparsable(cell, row)
        style = self.style or TimeStyle()
        if (moment.tzinfo is not None) != (style.kind == "aware"):
            first = "with" if style.kind == "aware" else "without"
            raise InputError(
                f"Times must either all have a time zone or all have none; the first is {first} "
                f"one. Received: {cell!r} in row {row}. Write all times in UTC with Z."
            )
        return max(-_LIMIT, min(_LIMIT, _ns_of(moment)))


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
        ns = _ns_of_float(time, 10**9)  # type: ignore[arg-type]
    elif isinstance(time, datetime):
        ns = _ns_of(time) if time == time else None  # noqa: PLR0124 - pandas' NaT is a datetime
    elif isinstance(time, str):
        moment = _datetime_of(time)
        ns = None if moment is None else _ns_of(moment)
    elif isinstance(time, np.datetime64):
        ns = _ns_of_datetime64(time)
    elif isinstance(time, int | np.integer) and not isinstance(time, bool | np.timedelta64):
        ns = int(time) * 10**9
    elif isinstance(time, float | np.floating):
        ns = _ns_of_float(float(time), 10**9)
    if ns is None or not -_LIMIT < ns < _LIMIT:
        raise InputError(
            "A time must be a datetime, an ISO string, a np.datetime64 or seconds since 1970, "
            f"between 1823 and 2116. Received: {shown(time)}."
        )
    return ns


def format_times(times_ns: Times, style: TimeStyle) -> list[str]:
    """Writes times in a file's style; fractions of a second only where there are any.

    Args:
        times_ns: Nanoseconds since 1970-01-01 UTC, int64 (rows,).
        style: Style of the file that the times came from.
    """
    if style.kind == "number":
        unit = _UNITS[style.unit]
        whole, rest = np.divmod(times_ns, unit)
        text = list(map(str, whole.tolist()))
        for row in np.flatnonzero(rest):
            # Through decimal digits: a float would lose nanoseconds.
            sign = "-" if times_ns[row] < 0 else ""
            units, part = divmod(abs(int(times_ns[row])), unit)
            digits = str(part).zfill(len(str(unit)) - 1).rstrip("0")
            text[row] = f"{sign}{units}.{digits}"
        return text
    moments = times_ns.view("datetime64[ns]")
    iso = np.datetime_as_string(moments, unit="s")
    if len(iso) and style.separator != "T":
        # One character of each fixed-width row: far faster than a replace per cell.
        iso = iso.astype("U19")
        iso.view("U1").reshape(len(iso), -1)[:, 10] = style.separator
    text = iso.tolist()
    for row in np.flatnonzero(times_ns % 10**9):
        digits = f"{times_ns[row] % 10**9:09d}"
        text[row] += "." + digits.rstrip("0")
    return [t + "Z" for t in text] if style.kind == "aware" else text


def _style_of(cell: str, row: int) -> TimeStyle:
    number = _number(cell)
    if number is not None:
        size = abs(number)
        unit: Literal["s", "ms", "us", "ns"]
        unit = "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"
        return TimeStyle("number", unit=unit)
    moment = _datetime_of(cell)
    if moment is None:
        raise _unparsable(cell, row)
    kind: Literal["naive", "aware"] = "naive" if moment.tzinfo is None else "aware"
    return TimeStyle(kind, separator="T" if "T" in cell else " ")


def _parse_numbers(cells: Sequence[str], unit: int, first_row: int) -> Times:
    # int() and float() read "1_000", which is no number elsewhere.
    if not any("_" in cell for cell in cells):
        limit = _LIMIT // unit + 1
        try:
            return np.clip(np.array(list(map(int, cells)), np.int64), -limit, limit) * unit
        except (ValueError, OverflowError):
            pass
        try:
            numbers = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            numbers = np.full(1, np.nan)
        # Beyond, whole numbers among the fractions would lose digits, and NaN is for the loop.
        if (np.abs(numbers) < min(2**53, limit)).all():
            return _ns_of_floats(numbers, unit)
    times = np.empty(len(cells), np.int64)
    for index, cell in enumerate(cells):
        number = _number(cell)
        if number is None:
            raise _unparsable(cell, first_row + index)
        ns: int = number * unit if isinstance(number, int) else _ns_of_float(number, unit)
        times[index] = max(-_LIMIT, min(_LIMIT, ns))
    return times


def _number(cell: str) -> int | float | None:
    if "_" in cell:
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _ns_of_floats(numbers: npt.NDArray[np.float64], unit: int) -> Times:
    # A double of seconds since 1970 resolves 0.2 us: more digits would be noise.
    digits = min(unit, 10**6)
    whole = np.floor(numbers)
    part = np.rint((numbers - whole) * digits).astype(np.int64)
    times: Times = whole.astype(np.int64) * unit + part * (unit // digits)
    return times


def _ns_of_float(number: float, unit: int) -> int:
    """As `_ns_of_floats`; what is beyond the limit, NaN included, is at it."""
    if not abs(number) * unit < _LIMIT:
        return -_LIMIT if number < 0 else _LIMIT
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
            return _LIMIT
        return int(np.datetime64(months, "M").astype("datetime64[ns]").astype(np.int64))
    if unit == "as":
        return number // 10**9
    return number * _UNITS_FS[unit] // 10**6


def _datetime_of(cell: str) -> datetime | None:
    text = cell.strip()
    if not text[:4].isdigit() or not 8 <= len(text) <= _LONGEST or text.isdigit():
        return None
    if text[4] == text[7] == "-" and text[10:11].isdigit():
        return None  # `fromisoformat` takes any character between date and time
    if text[4] == "/":
        text = text.replace("/", "-", 2)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _ns_of(moment: datetime) -> int:
    aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000


def _unparsable(cell: str, row: int, wanted: str = ACCEPTED) -> InputError:
    shown = cell if len(cell) <= 60 else cell[:60] + "…"
    return InputError(f"Times must be {wanted}. Received: {shown!r} in row {row}.")


def _parse_codes(
    codes: npt.NDArray[np.uint8], *, aware: bool
) -> tuple[Times, npt.NDArray[np.bool_]]:
    """Parses rows of equal length: YYYY-MM-DD[ T]hh:mm[:ss[.f…]][Z|±hh[:]mm].

    Returns:
        Nanoseconds, and which rows have this form and the wanted zone; the caller looks closer
        at the others.
    """
    count, length = codes.shape
    zeros = np.zeros(count, np.int64)
    good = np.ones(count, np.bool_)
    if length < 16 or count == 0:
        return zeros, np.zeros(count, np.bool_)
    end = length
    offset = zeros
    if aware:
        if codes[0, -1] == ord("Z"):
            good &= codes[:, -1] == ord("Z")
            end -= 1
        else:
            colon = int(codes[0, -3] == ord(":"))
            end -= 5 + colon
            if end < 16:
                return zeros, np.zeros(count, np.bool_)
            sign = codes[:, end]
            good &= (sign == ord("+")) | (sign == ord("-"))
            if colon:
                good &= codes[:, end + 3] == ord(":")
            hours = _digits(codes, end + 1, end + 3, good)
            minutes = _digits(codes, end + 3 + colon, end + 5 + colon, good)
            good &= (hours < 24) & (minutes < 60)
            offset = np.where(sign == ord("-"), -1, 1) * (hours * 60 + minutes) * 60
    separators = [(4, "-"), (7, "-"), (13, ":")]
    if end > 16:
        separators.append((16, ":"))
    if end > 19:
        separators.append((19, "."))
    for position, character in separators:
        if position >= end:
            return zeros, np.zeros(count, np.bool_)
        good &= codes[:, position] == ord(character)
    if end not in (16, 19) and not 21 <= end <= 29:
        return zeros, np.zeros(count, np.bool_)
    good &= (codes[:, 10] == ord(" ")) | (codes[:, 10] == ord("T"))
    year, month, day = (_digits(codes, a, b, good) for a, b in ((0, 4), (5, 7), (8, 10)))
    hour, minute = _digits(codes, 11, 13, good), _digits(codes, 14, 16, good)
    second = _digits(codes, 17, 19, good) if end >= 19 else zeros
    good &= (month >= 1) & (month <= 12) & (year > 1822) & (year < 2117)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    next_month = (months + 1).astype("datetime64[D]").astype(np.int64)
    good &= (day >= 1) & (days < next_month)
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
    fraction = zeros
    if end > 19:
        fraction = _digits(codes, 20, end, good) * 10 ** (9 - (end - 20))
    return np.where(good, seconds * 10**9 + fraction, 0), good


def _digits(
    codes: npt.NDArray[np.uint8], start: int, end: int, good: npt.NDArray[np.bool_]
) -> Times:
    """Reads decimal digits; clears `good` where there are others."""
    number = np.zeros(len(codes), np.int64)
    for position in range(start, end):
        # Wraps below "0" to large numbers: one comparison finds every non-digit.
        digit = codes[:, position] - np.uint8(ord("0"))
        good &= digit < 10
        number = number * 10 + digit
    return number
