"""Cells of text as numbers: decimal marks, units, switches, words that mean missing.

What a cell says is settled per column, from its first cells (`settle`); `ColumnCells` then reads
block by block, and counts what was no number.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError
from runtime.tables.numbers import Decimal, UnclearNumberError, both_readings, parse_cell
from runtime.tables.units import unit_factor
from runtime.tables.words import SWITCHES, is_beyond, is_word

__all__ = ["CellCounts", "CellStyle", "ColumnCells"]

_MOST_WORDS = 50


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
        """Cells that could not be read."""
        self.other_units = 0
        """Those among them that are numbers in a unit that is not the column's."""
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
        plain = text.replace(",", ".").split("\n")
        if len(plain) != len(cells):
            return None
        try:
            return np.fromiter(map(float, plain), np.float64, len(cells))
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
            self.other_units += 1
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


def _plain(word: str | float) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _advice(text: str) -> str:
    return f"Correct the cell, leave it empty, or say missing = [{text[:40]!r}] in [data]."
