"""Rows that are none: an error in a file where rows follow, a footer where none do."""

from collections.abc import Sequence

from runtime.errors import InputError

__all__ = ["Suspects"]

_MOST = 50


class Suspects:
    """Holds back what could be a footer, or the half of a row that is still being written.

    Args:
        name: What to call the table in messages.
        live: They are counted; they end nothing.
    """

    def __init__(self, name: str, *, live: bool) -> None:
        self._name = name
        self._live = live
        self.count = 0
        """How many rows were none."""
        self.texts: list[tuple[int, str]] = []
        """The first fifty: row and text."""
        self.errors: list[InputError] = []
        """The error that each would be where rows follow."""
        self._rows: list[int] = []

    def take_row(self, cells: Sequence[str], row: int, width: int) -> None:
        """Takes a row of another length."""
        self.take(
            ",".join(cells),
            row,
            InputError(
                f"Every row of {self._name} must have {width} cells, as its header. "
                f"Received: {len(cells)} in row {row}, {','.join(cells)[:60]!r}. Mend that row."
            ),
        )

    def take(self, text: str, row: int, error: InputError) -> None:
        """Takes a row, and the error that it is where others follow."""
        self.count += 1
        if len(self.texts) < _MOST:
            self.texts.append((row, text[:80]))
        if len(self.errors) <= _MOST:
            self.errors.append(error)
            self._rows.append(row)

    def follow(self, last: int) -> None:
        """Takes note of a good row.

        Raises:
            InputError: A row before it was none.
        """
        if self._rows and self._rows[0] < last and not self._live:
            raise self.errors[0]

    def finish(self) -> None:
        """Takes note of the end.

        Raises:
            InputError: So many that they are no footer.
        """
        if len(self.errors) > _MOST and not self._live:
            raise self.errors[0]
