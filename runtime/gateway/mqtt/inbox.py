"""Messages between the thread that reads them and the one that takes them."""

import time
from collections import deque
from collections.abc import Sequence
from threading import Condition

from runtime.gateway.samples import Message

__all__ = ["Inbox"]


class Inbox:
    """Messages in order of arrival, and whether too many wait. All under one condition's lock.

    Args:
        ready: Its lock guards the inbox; it is notified when messages come.
        most: Messages that may wait before `full`.
        most_bytes: The same in bytes of payloads.
    """

    def __init__(self, ready: Condition, most: int, most_bytes: int) -> None:
        self._ready = ready
        self._most = most
        self._most_bytes = most_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether nothing more should be read for now."""
        return len(self._messages) >= self._most or self._bytes >= self._most_bytes

    def put(self, messages: Sequence[Message]) -> None:
        """Takes messages; the lock is held."""
        self._messages.extend(messages)
        self._bytes += sum([len(message.payload) for message in messages])
        self._ready.notify_all()

    def take(self, most: int, wait_s: float) -> tuple[list[Message], bool]:
        """Returns up to `most` messages, and whether it is full no more; takes the lock itself."""
        with self._ready:
            until = time.monotonic() + wait_s
            while not self._messages and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    return [], False
                self._ready.wait(left)
            before = self.full
            if len(self._messages) <= most:
                taken = list(self._messages)
                self._messages.clear()
                self._bytes = 0
            else:
                taken = [self._messages.popleft() for _ in range(max(0, most))]
                self._bytes -= sum([len(message.payload) for message in taken])
            return taken, before and not self.full

    def close(self) -> None:
        """Ends all waits; what is there can be taken still; the lock is held."""
        self._closed = True
        self._ready.notify_all()
