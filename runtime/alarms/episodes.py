"""The state machine behind events: from severities to episodes, by an alarm policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy
from runtime.streams.threshold import as_threshold, level_of

__all__ = ["Episodes", "Piece"]

_LONG_AGO = -(2**62)


@dataclass(slots=True, kw_only=True)
class Piece:
    """The part of one episode that lies in one chunk."""

    is_new: bool
    """The episode began in this chunk."""
    is_closed: bool = False
    """It ended in this chunk."""
    is_kept: bool = False
    """It ended, and was long enough to be an event."""
    rows: list[int] = field(default_factory=list)
    """Its rows of the chunk; none where the chunk only shows that it has ended."""


class Episodes:
    """Finds episodes in severities, chunk by chunk; any chunking finds the same.

    Args:
        policy: See `AlarmPolicy`.
        threshold: Severity that opens an episode, before habituation.

    Raises:
        InputError: A threshold that is no severity above 0.
    """

    def __init__(self, policy: AlarmPolicy, threshold: float) -> None:
        self.policy = policy
        self.threshold = as_threshold(threshold)
        self._level = level_of(self.threshold)
        self.next_number = 0
        """Number of the step after the last one seen."""
        self.first: int | None = None
        """Number of the first step of the open episode."""
        self._last = 0
        self._opened = _LONG_AGO
        self._ended = _LONG_AGO
        self._memory = 0.0

    @property
    def is_open(self) -> bool:
        """Whether an episode is open that is long enough to be an event."""
        return self.first is not None and self._is_long

    def passes(self, severity: float) -> bool:
        """Takes the severity of the next step, where that changes nothing else.

        That is so where no episode is open and the step does not reach the threshold: it is the
        state of a quiet stream.

        Args:
            severity: Of the step after the last one, which is no restart, from float32.

        Returns:
            False where it may change something; `update` must take it then.
        """
        if self.first is not None or severity >= self._level:
            return False
        self.next_number += 1
        return True

    @property
    def open_steps(self) -> tuple[int | None, int]:
        """Numbers of the first and the last step of the open episode."""
        return self.first, self._last

    def update(
        self,
        severity: npt.NDArray[np.floating],
        *,
        numbers: npt.NDArray[np.int64],
        restart: npt.NDArray[np.bool_],
    ) -> list[Piece]:
        """Takes the next severities.

        Args:
            severity: `(rows,)`; steps that are left out are below the release level.
            numbers: Number of each row's step, increasing, not before `next_number`.
            restart: True where an episode must not reach across: before each such row.

        Returns:
            A piece of every episode that lay in the chunk or ended there, in order.
        """
        if not len(severity):
            return []
        above = severity >= self.threshold
        on = severity >= self.policy.release * self.threshold
        pieces: list[Piece] = []
        open_piece = Piece(is_new=False) if self.first is not None else None
        # Rows below the release level change nothing by themselves: only the others are visited.
        for row in np.flatnonzero(on | above | restart).tolist():
            number = int(numbers[row])
            if open_piece and (restart[row] or number > self._reach):
                pieces.append(self._close(open_piece))
                open_piece = None
            if open_piece is None:
                if not (above[row] and self._opens(number, float(severity[row]))):
                    continue
                self.first = number
                open_piece = Piece(is_new=True)
            elif not (above[row] or number == self._last + 1):
                continue
            self._last = number
            open_piece.rows.append(row)
        self.next_number = int(numbers[-1]) + 1
        if open_piece:
            ended = self.next_number > self._reach
            pieces.append(self._close(open_piece) if ended else open_piece)
        return pieces

    def finish(self) -> Piece | None:
        """Ends the open episode, at the end of the data."""
        return None if self.first is None else self._close(Piece(is_new=False))

    def state(self) -> dict[str, Any]:
        """Returns everything that `restore` needs, for JSON."""
        return {
            "next_number": self.next_number,
            "first": self.first,
            "last": self._last,
            "opened": self._opened,
            "ended": self._ended,
            "memory": self._memory,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from `state`.

        Raises:
            InputError: Numbers that no episodes come to.
        """
        number, first, last = state["next_number"], state["first"], state["last"]
        opened, ended, memory = state["opened"], state["ended"], state["memory"]
        counts = [number, last, opened, ended, *([] if first is None else [first])]
        sound = (
            all(type(count) is int for count in counts)
            and type(memory) is float
            and 0 <= memory < np.inf
            and 0 <= number < -_LONG_AGO
            and 0 <= last <= number
            and (first is None or 0 <= first <= last < number)
            and (opened == ended == _LONG_AGO or 0 <= opened <= ended <= last)
        )
        if not sound:
            raise InputError("Episodes must continue from what `state` returned.")
        self.next_number, self.first, self._last = number, first, last
        self._opened, self._ended, self._memory = opened, ended, memory

    @property
    def _reach(self) -> int:
        """The last step at which the open episode can still go on."""
        reach = self._last + self.policy.merge_gap_steps + 1
        if self.policy.max_duration_steps and self.first is not None:
            reach = min(reach, self.first + self.policy.max_duration_steps - 1)
        return reach

    @property
    def _is_long(self) -> bool:
        first = self._last if self.first is None else self.first
        return self._last - first + 1 >= self.policy.min_duration_steps

    def _opens(self, number: int, severity: float) -> bool:
        policy = self.policy
        if number - self._opened < policy.refractory_steps:
            return False
        if number - self._ended < policy.cool_down_steps:
            return False
        if not (policy.habituation_steps and self._memory):
            return True
        level = self.threshold * (1 + policy.habituation_rise * self._remembered(number))
        return severity >= level_of(level)

    def _remembered(self, number: int) -> float:
        half_lives = (number - self._opened) / self.policy.habituation_steps
        return float(self._memory * 2.0**-half_lives)

    def _close(self, piece: Piece) -> Piece:
        piece.is_closed, piece.is_kept = True, self._is_long
        if piece.is_kept and self.first is not None:
            # A candidate that turns out too short must not count, and nothing else can open
            # while it is open: so everything is booked at its end, as of its first step.
            if self.policy.habituation_steps:
                self._memory = 1.0 + (self._remembered(self.first) if self._memory else 0.0)
            self._opened, self._ended = self.first, self._last
        self.first = None
        return piece
