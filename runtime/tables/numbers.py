"""Text as a number: decimal marks, thousands, signs, limits, units behind it."""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal

import numpy as np

from runtime.tables.words import PLAIN_SWITCHES, is_missing_word

__all__ = [
    "Decimal",
    "UnclearNumberError",
    "both_readings",
    "decimal_evidence",
    "is_number",
    "is_stated",
    "parse_cell",
    "unit_stated",
]

Decimal = Literal[".", ","]

_SPACES = "\u0020\u00a0\u2009\u202f'\u2019"
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d*)?")
_NUMBER = r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?"
_WHOLE = re.compile(_NUMBER)
_WORDS = r"(?:[^\W\d_]{1,8}(?:(?<=[A-Z])\d[^\W\d_]{0,4}|[23])?|[°%‰€$£¥])[²³]?"
_UNIT = (
    rf"°?{_WORDS}(?:[/·*^.](?:-?{_WORDS}|\({_WORDS}(?:[·*. ]{_WORDS})+\)))*(?:(?:\^-?|-)\d)?"
    r"(?: [^\W\d_]{1,8})?(?: ?\([^\W\d_]{1,8}\))?"
)
_WITH_UNIT = re.compile(rf"({_NUMBER})\s?({_UNIT})")
_EXPONENT = re.compile(r"([^eE]*)((?:[eE].*)?)")
_FIRST = re.compile(r"([+-]?(?:\d[\d.,]*|[.,]\d+))((?:[eE][+-]?\d+)?)")
_LIMIT = re.compile(rf"(?:[<>≤≥]=?)\s*({_NUMBER})")
_MINUS_BEHIND = re.compile(r"[\d.,].*[\d.,]\s?-|\d\s?-")
_POINTS = re.compile(r"\.[^.\n]*\.")
_CERTAIN_POINT = re.compile(r"^[+-]?\d+\.(?:\d\d?|\d{4,})?$", re.MULTILINE)
_CURRENCIES = frozenset("€$£¥")
_MULTIPLES = {"k": 1e3, "M": 1e6, "G": 1e9}
"""Behind numbers without a unit, as dashboards write them: 940, 1.02k."""


class UnclearNumberError(ValueError):
    """A cell that two readings fit, such as `1,204`."""


def parse_cell(text: str, decimal: Decimal | None) -> tuple[float | None, str | None, bool]:
    """Reads one cell without spaces around it.

    Returns:
        Its number, `None` where it is none; the unit behind it; whether it is a limit (`<0.05`).

    Raises:
        UnclearNumberError: Two readings fit.
    """
    sign = 1.0
    if text.startswith("'"):
        # Cells in apostrophes, and the apostrophe by which a spreadsheet keeps text as it is.
        text = text[1:].removesuffix("'").strip()
    text = text.replace("−", "-")
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1].strip(), -1.0
    elif _MINUS_BEHIND.fullmatch(text):
        text, sign = text[:-1].rstrip(), -1.0
    currency = None
    if text[:1] in _CURRENCIES and text[1:2]:
        currency, text = text[0], text[1:].lstrip()
    is_limit = False
    if match := _LIMIT.fullmatch(text):
        text, is_limit = match[1], True
    number = _number(text, decimal)
    unit = None
    if number is None:
        flat = _ungrouped(text)
        match = _WITH_UNIT.fullmatch(flat)
        if match:
            number, unit = _number(match[1], decimal), match[2]
        elif flat != text:
            number = _number(flat, decimal)
    if number is None or (sign < 0 and (number < 0 or np.isnan(number))):
        return None, None, False
    if unit in _MULTIPLES:
        number, unit = number * _MULTIPLES[unit], None
    return sign * number, currency or unit, is_limit


def _ungrouped(text: str) -> str:
    """Takes away the spaces or apostrophes between groups of three digits."""
    if match := _GROUPED.match(text):
        head = match[0]
        for space in _SPACES:
            head = head.replace(space, "")
        return head + text[match.end() :]
    return text


def _number(text: str, decimal: Decimal | None) -> float | None:
    if "," not in text and not (decimal == "," and "." in text):
        try:
            return None if "_" in text else float(text)
        except ValueError:
            return None
    if not _WHOLE.fullmatch(text):
        return None
    digits, exponent = _EXPONENT.fullmatch(text).groups()  # type: ignore[union-attr]
    mark, is_clear = _mark_of(digits, exponent)
    if not is_clear:
        if decimal is None:
            raise UnclearNumberError(text)
        mark = decimal
    if mark is None:
        return None
    whole, _, rest = digits.partition(mark)
    return float(f"{re.sub('[.,]', '', whole)}.{rest}{exponent}")


def _mark_of(digits: str, exponent: str) -> tuple[Decimal | None, bool]:
    """Returns the decimal mark of a number with commas or points, and whether it is clear.

    No mark: no number.
    """
    points, commas = digits.count("."), digits.count(",")
    mark: Decimal = "." if digits.rfind(".") > digits.rfind(",") else ","
    other: Decimal = "," if mark == "." else "."
    if points and commas:
        whole, _, rest = digits.partition(mark)
        is_one = mark not in rest and other not in rest
        return (mark, True) if is_one and _is_grouped(whole, other) else (None, True)
    if points + commas > 1:
        return (other, True) if _is_grouped(digits, mark) else (None, True)
    whole = digits.lstrip("+-").partition(mark)[0]
    is_grouped = _is_grouped(digits, mark) and whole.strip("0") and not exponent
    return mark, not is_grouped


def _is_grouped(whole: str, mark: str) -> bool:
    """Whether the digits before a decimal mark are in groups, or without any marks.

    Groups have three digits; in India, by commas, all but the last have two.
    """
    first, *others = whole.lstrip("+-").split(mark)
    if not others:
        return True
    *middle, last = map(len, others)
    in_threes = 0 < len(first) <= 3 and all(size == 3 for size in middle)
    in_twos = mark == "," and 0 < len(first) <= 2 and all(size == 2 for size in middle)
    return last == 3 and (in_threes or in_twos)


def decimal_evidence(cells: Iterable[str]) -> set[str]:
    """Returns the decimal marks that cells show: `.` and `,` for certain, `?.` and `?,` perhaps."""
    cells = list(cells)
    text = "\n".join(cells)
    if "," not in text and not _POINTS.search(text) and _CERTAIN_POINT.search(text):
        return {"."}
    found: set[str] = set()
    for cell in cells:
        if ("," in cell or "." in cell) and (match := _FIRST.match(_ungrouped(_bare(cell)))):
            mark, is_clear = _mark_of(match[1], match[2] or "")
            if mark is not None and ("," in match[1] or "." in match[1]):
                found.add(mark if is_clear else f"?{mark}")
    return found


def _bare(cell: str) -> str:
    return cell.strip().lstrip("'(<>≤≥=− ").rstrip(") ")


def unit_stated(cells: Iterable[str]) -> str | None:
    """Returns the unit that cells state most often; `None`: most state none."""
    units = []
    count = 0
    for cell in cells:
        text = cell.strip()
        if is_stated(text):
            count += 1
            with suppress(UnclearNumberError):
                units.append(parse_cell(text, ".")[1])
    stated = Counter(unit for unit in units if unit is not None)
    return stated.most_common(1)[0][0] if 2 * stated.total() > count else None


def is_stated(cell: str) -> bool:
    """Whether a cell says anything."""
    return not is_missing_word(cell.strip().lower())


def is_number(cell: str) -> bool:
    """Whether a cell is a number in any of the ways that are read, or a switch."""
    text = cell.strip()
    try:
        return parse_cell(text, None)[0] is not None or text.lower() in PLAIN_SWITCHES
    except UnclearNumberError:
        return True


def both_readings(text: str) -> str:
    """Says which two numbers a cell may be, and how to decide."""
    mark, other = (",", ".") if "," in text else (".", ",")
    return (
        f"It is {text.replace(mark, '')} where {mark!r} parts thousands, and "
        f"{text.replace(mark, '.')} where it is the decimal mark. Say decimal = {mark!r} or "
        f"decimal = {other!r} in [data] (--decimal)."
    )
