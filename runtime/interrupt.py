"""Ctrl+C between blocks, so that what has been scored is written whole."""

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Self, TypeVar

__all__ = ["Interruptible"]

T = TypeVar("T")


class Interruptible:
    """Iterates until Ctrl+C, which never strikes while the body of the loop runs.

    A second Ctrl+C strikes at once.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._waiting = False
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._strike)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def iterate(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items until Ctrl+C."""
        iterator = iter(items)
        while not self.interrupted:
            try:
                self._waiting = True
                item = next(iterator)
                self._waiting = False
            except StopIteration:
                return
            except KeyboardInterrupt:
                self.interrupted = True
                return
            finally:
                self._waiting = False
            yield item

    def _strike(self, _number: int, _frame: FrameType | None) -> None:
        again, self.interrupted = self.interrupted, True
        if self._waiting or again:
            raise KeyboardInterrupt
