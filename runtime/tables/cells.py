"""Cells of text as numbers: decimal marks, units, switches, words that mean missing.

What a cell says is settled per column, from its first cells (`settle`); `ColumnCells` then reads
block by block, and counts what was no number.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError
from runtime.tables.units import unit_factor
from runtime.tables.words import (
    PLAIN_SWITCHES,
    SWITCHES,
    is_beyond,
    is_missing_word,
    is_word,
)

__all__ = [
    "CellStyle",
    "ColumnCells",
    "Decimal",
    "decimal_evidence",
    "is_number",
    "is_stated",
    "unit_stated",
]

Decimal = Literal[".", ","]

_SPACES = "\u0020\u00a0\u2009\u202f'\u2019"
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d*)?")
_NUMBER = r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?"
_WHOLE = re.compile(_NUMBER)
_WORDS = r"(?:[^\W\d_]{1,8}|[°%‰€$£¥])[23²³]?"
_UNIT = rf"°?{_WORDS}(?:[/·*^.]-?{_WORDS})*(?: [^\W\d_]{{1,8}})?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s?({_UNIT})")
_EXPONENT = re.compile(r"([^eE]*)((?:[eE].*)?)")
_FIRST = re.compile(r"([+-]?(?:\d[\d.,]*|[.,]\d+))((?:[eE][+-]?\d+)?)")
_LIMIT = re.compile(rf"(?:[<>≤≥]=?)\s*({_NUMBER})")
_POINTS = re.compile(r"\.[^.\n]*\.")
_CERTAIN_POINT = re.compile(r"^[+-]?\d+\.(?:\d\d?|\d{4,})?$", re.MULTILINE)
_MOST_WORDS = 50
_CURRENCIES = frozenset("€$£¥")
_MULTIPLES = {"k": 1e3, "M": 1e6, "G": 1e9}
"""Behind numbers without a unit, as dashboards write them: 940, 1.02k."""


class UnclearNumberError(ValueError):
    """A cell that two readings fit, such as `1,204`."""


@dataclass(frozen=True, slots=True)
class CellStyle:
    """How a column writes its numbers."""

    decimal: Decimal | None = None
    """Decimal mark; `None`: only what can be read in one way is read."""
    unit: str | None = None
    """Unit that its numbers are in, where cells state one."""
    switch: bool = False
    """Whether it says on and off in words."""


@dataclass(slots=True)
class CellCounts:
    """What the cells of a column were, so far."""

    cells: int = 0
    numbers: int = 0
    limits: int = 0
    """Cells such as `<0.05`, taken as that number."""
    words: Counter[str] = field(default_factory=Counter)
    """Words in the place of numbers, taken as missing; at most fifty different ones."""
    more_words: int = 0
    """Cells with other words than those."""

    @property
    def missing(self) -> int:
        """Cells without a number."""
        return self.cells - self.numbers

    @property
    def worded(self) -> int:
        """Cells with a word in the place of a number."""
        return self.words.total() + self.more_words


class ColumnCells:
    """Reads the cells of one column.

    Args:
        name: Of the column, for messages.
        table: What to call the table in messages.
        style: How numbers are written.
        missing: What else means no reading: words in any case, or numbers.
        lenient: A cell that cannot be read is missing and counted, instead of an error.
    """

    def __init__(
        self,
        name: str,
        table: str,
        *,
        style: CellStyle | None = None,
        missing: Collection[str | float] = (),
        lenient: bool = False,
    ) -> None:
        self.name = name
        self._table = table
        self.style = style or CellStyle()
        self.counts = CellCounts()
        self.bad: tuple[str, int] | None = None
        """The first cell that could not be read, and its row."""
        self._advice = ""
        self.bad_cells = 0
        self.units: dict[str, tuple[str, int]] = {}
        """Units that cells stated, each with its first cell and row."""
        self._lenient = lenient
        self._words = {str(word).strip().lower() for word in missing}
        self._absent = np.array(
            [number for word in missing if (number := _plain(word)) is not None]
        )

    def read(self, cells: Sequence[str], rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """Returns numbers, float64 (cells,); NaN where missing.

        Args:
            cells: Text.
            rows: Their numbers in the file, for messages.

        Raises:
            InputError: A cell that is no number.
        """
        values = None if self.style.switch else self._fast(cells)
        if values is None:
            values = np.fromiter(map(self._cell, cells, rows), np.float64, len(cells))
        return self.take(values)

    def take(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Counts numbers, float64 (cells,), and returns them without those that mean missing."""
        if len(self._absent):
            values[np.isin(values, self._absent)] = np.nan
        self.counts.cells += len(values)
        self.counts.numbers += len(values) - int(np.isnan(values).sum())
        return values

    def _fast(self, cells: Sequence[str]) -> npt.NDArray[np.float64] | None:
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass
        else:
            # float() reads "1_000", which is no number elsewhere, and 1.204 where that is 1204.
            text = "".join(cells)
            return None if "_" in text or (self.style.decimal == "," and "." in text) else values
        if self.style.decimal != ",":
            return None
        text = "\n".join(cells)
        if "." in text or "_" in text:
            return None
        try:
            return np.fromiter(map(float, text.replace(",", ".").split("\n")), np.float64)
        except ValueError:
            return None

    def _cell(self, cell: str, row: int) -> float:
        text = cell.strip()
        if self.style.switch and (said := SWITCHES.get(text.lower())) is not None:
            return said
        try:
            number, unit, is_limit = parse_cell(text, self.style.decimal)
        except UnclearNumberError:
            return self._refused(cell, row, both_readings(text))
        if number is not None:
            self.counts.limits += is_limit
            if unit is not None:
                return self._in_unit(number, unit, cell, row)
            return number
        return self._worded(cell, text, row)

    def _worded(self, cell: str, text: str, row: int) -> float:
        """Takes a cell that is no number: a word that means missing, or an error."""
        lower = text.lower()
        if lower not in self._words and is_beyond(lower):
            advice = (
                "It says that the reading is beyond what the sensor can show, which is no missing "
                f"value. Write the limit itself, or say missing = [{text!r}] in [data]."
            )
            return self._refused(cell, row, advice)
        if not is_word(lower) and lower not in self._words:
            return self._refused(cell, row, _advice(text))
        if lower not in ("", "nan", "null"):
            self._count_word(text)
        return np.nan

    def _in_unit(self, number: float, unit: str, cell: str, row: int) -> float:
        base = self.style.unit
        self.units.setdefault(unit, (cell, row))
        factor = None if base is None else unit_factor(unit, base)
        if base is None:
            return self._refused(cell, row, _advice(cell.strip()))
        if factor is None:
            first = next(iter(self.units.values()))[0] if len(self.units) > 1 else base
            advice = (
                f"It is in another unit than {first!r}, and one cannot be told from the other. "
                "Write the column in one unit."
            )
            return self._refused(cell, row, advice)
        return number * factor

    def _count_word(self, word: str) -> None:
        words = self.counts.words
        if word in words or len(words) < _MOST_WORDS:
            words[word[:60]] += 1
        else:
            self.counts.more_words += 1

    def _refused(self, cell: str, row: int, advice: str) -> float:
        self.bad_cells += 1
        if self.bad is None:
            self.bad = (cell, row)
            self._advice = advice
        if not self._lenient:
            raise no_number(cell, self.name, self._table, row, advice)
        return np.nan

    def error(self) -> InputError | None:
        """Returns the error for the first cell that could not be read."""
        if self.bad is None:
            return None
        cell, row = self.bad
        return no_number(cell, self.name, self._table, row, self._advice)


def no_number(cell: object, column: str, table: str, row: int, advice: str) -> InputError:
    """Returns the error for a cell that is no number."""
    return InputError(
        f"Column {column} of {table} must hold numbers. "
        f"Received: {str(cell)[:60]!r} in row {row}. {advice}"
    )


def parse_cell(text: str, decimal: Decimal | None) -> tuple[float | None, str | None, bool]:
    """Reads one cell without spaces around it.

    Returns:
        Its number, `None` where it is none; the unit behind it; whether it is a limit (`<0.05`).

    Raises:
        UnclearNumberError: Two readings fit.
    """
    sign = 1.0
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1].strip(), -1.0
    text = text.replace("−", "-")
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
    """Whether the digits before a decimal mark are in threes, or without any marks."""
    first, *others = whole.lstrip("+-").split(mark)
    return not others or (0 < len(first) <= 3 and all(len(group) == 3 for group in others))


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
    return cell.strip().lstrip("(<>≤≥=− ").rstrip(") ")


def unit_stated(cells: Iterable[str]) -> str | None:
    """Returns the unit that most cells state, the first of them; `None`: most state none."""
    units = []
    count = 0
    for cell in cells:
        text = cell.strip()
        if is_stated(text):
            count += 1
            with suppress(UnclearNumberError):
                units.append(parse_cell(text, ".")[1])
    stated = [unit for unit in units if unit is not None]
    return stated[0] if stated and 2 * len(stated) > count else None


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


def _plain(word: str | float) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def both_readings(text: str) -> str:
    mark, other = (",", ".") if "," in text else (".", ",")
    return (
        f"It is {text.replace(mark, '')} where {mark!r} parts thousands, and "
        f"{text.replace(mark, '.')} where it is the decimal mark. Say decimal = {mark!r} or "
        f"decimal = {other!r} in [data] (--decimal)."
    )


def _advice(text: str) -> str:
    return f"Correct the cell, leave it empty, or say missing = [{text[:40]!r}] in [data]."
