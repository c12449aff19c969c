"""What is owed to the broker: acknowledgements, in the order in which messages came."""

from collections import deque
from collections.abc import Iterable

__all__ = ["Owed"]


class Owed:
    """Packet ids without acknowledgement. What goes out is a front of them, in order of arrival.

    A token is a running number, never given twice: of a message from an older connection it is
    below all that are owed, and does nothing. Not thread-safe.
    """

    def __init__(self) -> None:
        self._ids: deque[int] = deque()
        self._first = 1
        self._settled: set[int] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def came(self, packet_id: int) -> int:
        """Takes the packet id of a message that came, and returns its token."""
        self._ids.append(packet_id)
        return self._first + len(self._ids) - 1

    def forget(self) -> None:
        """Forgets all: the connection is gone, and packet ids with it."""
        self._first += len(self._ids)
        self._ids.clear()
        self._settled.clear()

    def settle(self, tokens: Iterable[int]) -> list[int]:
        """Takes tokens of messages that may be acknowledged.

        Returns:
            Packet ids to acknowledge now: messages before which none is left.
        """
        ids, settled, out = self._ids, self._settled, []
        for token in tokens:
            if token == self._first:
                out.append(ids.popleft())
                self._first += 1
            elif self._first < token < self._first + len(ids):
                settled.add(token)
            while settled and self._first in settled:
                settled.remove(self._first)
                out.append(ids.popleft())
                self._first += 1
        return out
