"""The bounded queue between two workers: takes one by one, gives all that has gathered."""

import threading
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Batches"]

T = TypeVar("T")


class Batches(Generic[T]):
    """A queue of things that weigh, closed by its writer at the end.

    Args:
        most: Together they weigh at most this; one that is heavier passes alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._things: deque[tuple[T, int]] = deque()
        self._change = threading.Condition()
        self._closed = False

    def put(self, thing: T, weight: int, *, timeout_s: float) -> bool:
        """Adds a thing; waits for room, and returns False where there was none in time."""
        with self._change:
            has_room = self._change.wait_for(
                lambda: self._weight + weight <= self._most or not self._things, timeout_s
            )
            if has_room:
                self._things.append((thing, weight))
                self._weight += weight
                self._change.notify_all()
            return has_room

    def take(self, most: int, *, timeout_s: float) -> list[T]:
        """Returns what has gathered, at most this weight and at least one thing, in order.

        Waits for the first; none came in time: an empty list.
        """
        with self._change:
            self._change.wait_for(lambda: self._things or self._closed, timeout_s)
            taken: list[T] = []
            weight = 0
            while self._things and (not taken or weight + self._things[0][1] <= most):
                thing, its = self._things.popleft()
                taken.append(thing)
                weight += its
            self._weight -= weight
            self._change.notify_all()
            return taken

    def close(self) -> None:
        """Says that nothing will be put any more."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    @property
    def ended(self) -> bool:
        """Whether it is closed and empty."""
        with self._change:
            return self._closed and not self._things

    @property
    def weight(self) -> int:
        """Of what waits."""
        return self._weight
