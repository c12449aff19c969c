"""Rows that are none: an error in a file where rows follow, a footer where none do."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from runtime.counted import counted
from runtime.errors import InputError

__all__ = ["Suspects"]

_MOST = 50
_MOST_HELD = 10_000


class _Held(NamedTuple):
    row: int
    text: str
    error: InputError


class Suspects:
    """Holds back what could be a footer, or the half of a row that is still being written.

    Where the header comes again below them, and no row between, they belong to the report that
    ends there, or are the titles of the one that begins: they are left out and counted.

    Args:
        name: What to call the table in messages.
        live: They are counted; they end nothing.
    """

    def __init__(self, name: str, *, live: bool) -> None:
        self._name = name
        self._live = live
        self.count = 0
        """How many rows were none, without the titles."""
        self.texts: list[tuple[int, str]] = []
        """The first fifty: row and text."""
        self.title_count = 0
        """How many lines stood between joined reports."""
        self.titles: list[tuple[int, str]] = []
        """The first fifty of those: row and text."""
        self._held: list[_Held] = []
        self._headers: list[int] = []

    @property
    def first_error(self) -> InputError | None:
        """The error that the first of them would be where rows follow."""
        return self._held[0].error if self._held else None

    def take_row(self, cells: Sequence[str], row: int, width: int) -> None:
        """Takes a row of another length."""
        self.take(
            ",".join(cells),
            row,
            InputError(
                f"Every row of {self._name} must have {counted(width, 'cell')}, as its header. "
                f"Received: {len(cells)} in row {row}, {','.join(cells)[:60]!r}. Mend that row."
            ),
        )

    def take(self, text: str, row: int, error: InputError) -> None:
        """Takes a row, and the error that it is where others follow."""
        self.count += 1
        if len(self.texts) < _MOST:
            self.texts.append((row, text[:80]))
        if len(self._held) < (_MOST_HELD if not self._live else _MOST):
            self._held.append(_Held(row, text[:80], error))

    def take_header(self, row: int) -> None:
        """Takes note of the header that comes again."""
        self._headers.append(row)

    def follow(self, rows: Sequence[int]) -> None:
        """Takes note of good rows, by their numbers.

        Raises:
            InputError: One before them was none.
        """
        if self._live or not len(rows):
            self._headers.clear()
            return
        if self._held:
            self._held.sort(key=lambda held: held.row)
            between = [held for held in self._held if held.row < rows[-1]]
            for held in between:
                header, row = _next(self._headers, held.row), _next(rows, held.row)
                if header is None or row is None or header > row:
                    raise held.error
            self._held = self._held[len(between) :]
            self.texts = [(held.row, held.text) for held in self._held[:_MOST]]
            self.count -= len(between)
            self.title_count += len(between)
            self.titles += [(held.row, held.text) for held in between[: _MOST - len(self.titles)]]
        self._headers.clear()

    def finish(self) -> None:
        """Takes note of the end.

        Raises:
            InputError: So many that they are no footer.
        """
        if len(self._held) > _MOST and not self._live:
            raise self._held[0].error


def _next(rows: Sequence[int], row: int) -> int | None:
    """Returns the first of some rows, in order, after one."""
    place = bisect_right(rows, row)
    return int(rows[place]) if place < len(rows) else None
