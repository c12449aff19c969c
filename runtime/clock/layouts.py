"""Cells of one layout at once: digits lie in the same places, all other characters are the same.

A column has few layouts. The expression of its form is matched once per layout; then the numbers of
all its cells are read by their places.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.clock.forms import TimeForm
from runtime.clock.moments import LIMIT, NO_TIME, Times
from runtime.clock.patterns import patterns
from runtime.clock.words import ZONES_S, month_of

__all__ = ["LayoutReader"]

Codes = npt.NDArray[np.unsignedinteger]
"""Characters: (cells, characters)."""

_PEELED = 32
_TURN = 69  # two digits from here on are 19xx, as POSIX has it


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the parts of a layout lie, and those that its letters say."""

    spans: dict[str, tuple[int, int]]
    month: int | None
    half: str
    """`a` or `p` of a 12-hour clock, or nothing."""
    sign: int
    aware: bool
    offset_s: int


class LayoutReader:
    """Reads the cells of one form of text.

    Args:
        form: Any but numbers.

    Raises:
        InputError: A `strptime` format that cannot be used.
    """

    def __init__(self, form: TimeForm) -> None:
        self.form = form
        self._patterns = patterns(form)
        self._plans: dict[str, _Plan | None] = {}

    def read(self, cells: Sequence[str]) -> Times:
        """Returns nanoseconds, int64 (cells,): since 1970 UTC, or since the start.

        What is no time of this form is `NO_TIME`; so is a zone where the form has none, or none
        where it has one. What is outside 1823 to 2116 is at the limit.
        """
        times = np.full(len(cells), NO_TIME, np.int64)
        for codes, rows in _by_width(cells):
            for layout, chosen in _layouts(codes):
                plan = self._plan(layout)
                if plan is not None:
                    times[rows[chosen]] = self._numbers(codes[chosen], plan)
        return times

    def is_other_zone(self, cell: str) -> bool:
        """Whether a cell would be a time, but has a zone where the form has none, or none."""
        layout = re.sub(r"[0-9]", "0", " ".join(cell.split()))
        plan = _match(self._patterns, layout)
        return plan is not None and plan.aware != self.form.aware

    def has_hour(self, cell: str) -> bool:
        """Whether a cell that is a time has a time of day."""
        plan = self._plan(re.sub(r"[0-9]", "0", cell))
        return plan is not None and "h" in plan.spans

    def _plan(self, layout: str) -> _Plan | None:
        if layout not in self._plans:
            if len(self._plans) > 10_000:
                self._plans.clear()
            plan = _match(self._patterns, layout)
            self._plans[layout] = plan if plan and plan.aware == self.form.aware else None
        return self._plans[layout]

    def _numbers(self, codes: Codes, plan: _Plan) -> Times:
        def number(name: str) -> Times:
            start, end = plan.spans.get(name, (0, 0))
            return _number(codes, start, end)

        good = np.ones(len(codes), np.bool_)
        hour, minute, second = number("h"), number("mi"), number("s")
        fraction = number("f")
        start, end = plan.spans.get("f", (0, 0))
        digits = end - start
        fraction = fraction // 10 ** (digits - 9) if digits > 9 else fraction * 10 ** (9 - digits)
        if self.form.is_elapsed:
            days = number("dd")
            if "s" not in plan.spans and (self.form.unit == "min" or digits):
                hour, minute, second = np.zeros_like(hour), hour, minute
                good &= second < 60
            else:
                good &= (minute < 60) & (second < 60)
                good &= (hour < 24) | ("dd" not in plan.spans)
        else:
            days, valid = self._days(number, plan)
            good &= valid & _in_day(hour, minute, second, fraction)
        if plan.half:
            good &= hour <= 12
            hour = hour % 12 + 12 * (plan.half == "p")
        zone = number("zh") * 3600 + number("zm") * 60
        good &= zone <= 18 * 3600
        seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - plan.offset_s
        sign = plan.sign if plan.aware else 1
        seconds = seconds - sign * zone if plan.aware else seconds
        limit = LIMIT // 10**9 + 1
        times = np.clip(seconds, -limit, limit) * 10**9 + fraction
        if not plan.aware and plan.sign < 0:
            times = -times
        result: Times = np.where(good, times, NO_TIME)
        return result

    def _days(
        self, number: Callable[[str], Times], plan: _Plan
    ) -> tuple[Times, npt.NDArray[np.bool_]]:
        year, day = number("y"), number("d")
        start, end = plan.spans.get("y", (0, 0))
        if end - start == 2:
            year = year + np.where(year < _TURN, 2000, 1900)
        if "j" in plan.spans:
            first = _first_days(year, np.ones_like(year))
            day_of_year = number("j")
            return first + day_of_year - 1, (day_of_year >= 1) & (day_of_year <= 366)
        month = number("m") if plan.month is None else np.full(len(year), plan.month)
        day = day if "d" in plan.spans else np.ones_like(year)
        good = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
        month = np.where(good, month, 1)
        year = np.where(good, year, 1970)
        first = _first_days(year, month)
        good &= day <= _first_days(year + month // 12, month % 12 + 1) - first
        return first + day - 1, good


def _first_days(year: Times, month: Times) -> Times:
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)


def _in_day(hour: Times, minute: Times, second: Times, fraction: Times) -> npt.NDArray[np.bool_]:
    """24:00 is the end of a day; a leap second, :60, is the beginning of the next minute."""
    end = (hour == 24) & (minute == 0) & (second == 0) & (fraction == 0)
    leap = (second == 60) & (minute % 15 == 14)
    good: npt.NDArray[np.bool_] = ((hour < 24) | end) & (minute < 60) & ((second < 60) | leap)
    return good


def _number(codes: Codes, start: int, end: int) -> Times:
    number = np.zeros(len(codes), np.int64)
    for position in range(start, end):
        number = number * 10 + (codes[:, position] - ord("0"))
    return number


def _match(expressions: Sequence[re.Pattern[str]], layout: str) -> _Plan | None:
    lead = len(layout) - len(layout.lstrip())
    text = layout.strip()
    for expression in expressions:
        match = expression.fullmatch(text)
        if match is None:
            continue
        parts = {name: value for name, value in match.groupdict().items() if value is not None}
        plan = _planned(parts)
        if plan is not None:
            for name in parts:
                start, end = match.span(name)
                plan.spans[name] = (start + lead, end + lead)
            return plan
    return None


def _planned(parts: dict[str, str]) -> _Plan | None:
    """Returns what the letters of a layout say; `None` where they make no time."""
    if parts.get("sep1") != parts.get("sep2"):
        return None
    if "h" in parts and "mi" not in parts:
        # 08-10: what is it that comes behind the hour? 4.3.2024 8: an hour, or part of the date?
        is_bare = "ap" not in parts and "d" in parts and len(parts["h"]) < 2
        if "zs" in parts or is_bare:
            return None
    month = None
    if "mon" in parts:
        month = month_of(parts["mon"])
        if month is None:
            return None
    zones = [parts[name].upper() for name in ("z", "zone") if name in parts]
    offset = 0
    aware = "zs" in parts
    for name in zones:
        if name in ZONES_S:
            if aware and ZONES_S[name] and "z" in parts and parts["z"].upper() == name:
                return None  # "CET+01:00": counted from what?
            offset = offset if aware else ZONES_S[name]
            aware = True
        elif not ("zs" in parts and parts.get("zone", "").upper() == name):
            return None
    sign = -1 if parts.get("zs") == "-" or "neg" in parts else 1
    return _Plan({}, month, parts.get("ap", "")[:1].lower(), sign, aware, offset)


def _by_width(cells: Sequence[str]) -> Iterator[tuple[Codes, Times]]:
    """Yields the cells of equal length as codes (cells, characters), and their places."""
    text: npt.NDArray[np.bytes_] | npt.NDArray[np.str_]
    size: type[np.uint8 | np.uint32]
    try:
        text, size = np.array(cells, dtype=np.bytes_), np.uint8
    except UnicodeEncodeError:
        text, size = np.array([_spaces(cell) for cell in cells], dtype=np.str_), np.uint32
    lengths = np.char.str_len(text)
    for length in np.unique(lengths):
        if length == 0:
            continue
        rows = np.flatnonzero(lengths == length)
        part = np.ascontiguousarray(text[rows] if len(rows) < len(text) else text)
        codes: Codes = part.view(size).reshape(len(rows), -1)[:, :length]  # type: ignore[assignment]
        yield codes, rows


def _spaces(cell: str) -> str:
    """Spaces that do not break, and the minus of typesetters, are those of the keyboard."""
    return cell.replace("\u202f", " ").replace("\xa0", " ").replace("\u2212", "-")


def _layouts(codes: Codes) -> Iterator[tuple[str, Times]]:
    """Yields each layout, digits as `0`, and the places of its cells."""
    zero = codes.dtype.type(ord("0"))
    shapes = np.where(codes - zero < 10, zero, codes)
    left = np.arange(len(codes))
    for _ in range(_PEELED):
        if not len(left):
            return
        same = (shapes == shapes[0]).all(axis=1)
        yield "".join(map(chr, shapes[0].tolist())), left[same]
        left, shapes = left[~same], shapes[~same]
    if len(left):
        unique, inverse = np.unique(shapes, axis=0, return_inverse=True)
        order = np.argsort(inverse.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(inverse.ravel(), minlength=len(unique)))
        for shape, rows in zip(unique, np.split(order, ends[:-1]), strict=True):
            yield "".join(map(chr, shape.tolist())), left[rows]
