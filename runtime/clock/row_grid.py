"""The grid of rows that are numbered: each is one step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from runtime.clock.counts import GridCounts
from runtime.clock.incidents import Incidents
from runtime.clock.rows import (
    TIME_LIMIT,
    Placed,
    Times,
    Values,
    check_rows,
    copied,
    is_count,
    joined,
)
from runtime.errors import InputError, shown

__all__ = ["RowGrid"]


class RowGrid:
    """Every row is one step: stamps are carried through as they are, in order of arrival.

    It has the interface of `TimeGrid` and never drops, adds or reorders.
    """

    due_ns: int | None = None

    def __init__(self, channels: int) -> None:
        if not is_count(channels, 1):
            raise InputError(f"A grid needs at least 1 channel. Received: {shown(channels)}.")
        self._channels = channels
        self._received = 0
        self.incidents = Incidents()

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows so far: they were received."""
        return GridCounts(received=self._received)

    def slot_ns(self, time_ns: int) -> int | None:
        """Returns the time of the row's step, its own; None for the first row."""
        return time_ns if self._received else None

    def advance(self, time_ns: int, values: Values) -> int:  # noqa: ARG002
        """Takes note of a row that was emitted without `place`; returns its number."""
        self._received += 1
        return self._received - 1

    def advance_many(self, times_ns: Sequence[int], sums: Sequence[int]) -> int:  # noqa: ARG002
        """Takes note of rows that were emitted without `place`; returns the first's number."""
        first = self._received
        self._received = first + len(times_ns)
        return first

    def place(self, times_ns: Times, values: Values) -> Placed:
        """Returns the rows; see `TimeGrid.place`."""
        check_rows(times_ns, values, self._channels)
        rows = np.arange(self._received, self._received + len(times_ns))
        self._received += len(times_ns)
        return Placed(np.array(times_ns), copied(values), rows == 0, rows)

    def flush(self) -> Placed:
        """Returns no slot: nothing is ever held."""
        return joined([], self._channels)

    def resume(self, time_ns: int) -> Placed:  # noqa: ARG002 - as a time grid has it
        """Returns no slot: there are no gaps.

        Args:
            time_ns: Of no meaning here.
        """
        return self.flush()

    def follow(self, before: object) -> None:
        """Goes on as it is: every row is a step, also one that comes again.

        Args:
            before: Of no meaning here.
        """

    def snapshot(self) -> dict[str, Any]:
        """Returns the whole state."""
        return {"received": self._received}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Takes the state that `snapshot` returned.

        Raises:
            InputError: A negative number.
        """
        if not 0 <= snapshot["received"] < TIME_LIMIT:
            raise InputError("A grid of rows must continue from what `snapshot` returned.")
        self._received = int(snapshot["received"])
