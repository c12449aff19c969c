"""Where a clock without a zone shows about an hour twice."""

from collections.abc import Sequence

import numpy as np

from runtime.clock.moments import NO_TIME, Times

__all__ = ["Repeats"]

_MINUTE = 60 * 10**9


class Repeats:
    """Steps back by 30 to 65 minutes in a column whose times otherwise go forward.

    Attributes:
        count: How many there were.
        first: Row and text of the first time that comes after such a step; `None` where none does.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: tuple[int, str] | None = None
        self._last: int | None = None

    def look(self, times: Times, cells: Sequence[str], first_row: int) -> None:
        """Takes the next times, int64 nanoseconds (rows,), their text and the first one's row."""
        rows = np.flatnonzero(times != NO_TIME)
        if not len(rows):
            return
        known = times[rows]
        before = np.r_[known[0] if self._last is None else self._last, known[:-1]]
        steps = known - before
        found = np.flatnonzero((steps <= -30 * _MINUTE) & (steps >= -65 * _MINUTE))
        self._last = int(known[-1])
        if len(found):
            self.count += len(found)
            if self.first is None:
                row = int(rows[found[0]])
                self.first = (first_row + row, cells[row])
