"""When a socket is read again: not for every packet, where many come one after the other."""

import math

__all__ = ["Pace"]

_GATHER_S = 0.025
_MUCH = 32 << 10


class Pace:
    """Lets packets gather where they come in a stream of small ones.

    A look at a socket, and whom it wakes, cost as much CPU as ten messages. What comes alone is
    read at once; where the last two reads lay close together and the last one brought little, the
    next one waits. Times are seconds of the monotonic clock.

    Args:
        gather_s: So long packets gather.
        much: A read of so many bytes is followed by the next one at once.
    """

    def __init__(self, *, gather_s: float = _GATHER_S, much: int = _MUCH) -> None:
        self._gather_s, self._much = gather_s, much
        self._last_s = -math.inf
        self._next_s = -math.inf

    def was_read(self, size: int, now_s: float) -> None:
        """Takes note of a read that brought something.

        Args:
            size: Bytes that it brought.
            now_s: When it was.
        """
        is_often = now_s - self._last_s < 2 * self._gather_s
        self._next_s = now_s + self._gather_s if is_often and size < self._much else now_s
        self._last_s = now_s

    def left_s(self, now_s: float) -> float:
        """Returns how long the next read may wait; 0 or less: not at all."""
        return self._next_s - now_s
