"""Ctrl+C, SIGTERM and SIGHUP: work ends whole, and nothing swallows them."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

__all__ = ["SIGNALS", "Insistent", "Interruptible"]

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl+C; `kill`, systemd and Docker; a terminal that was closed."""

_PATIENCE_S = 5.0

T = TypeVar("T")


class _Handling:
    """Handles `SIGNALS` while it is entered, in the main thread; others are left alone.

    A signal that the process was started to ignore, as `nohup` does, stays ignored; Ctrl+C not.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        """The first signal that came."""
        self._before: dict[int, Any] = {}

    @property
    def interrupted(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """What a shell says of a process that ended so: 130, 143, 129; 0 where none came."""
        return 0 if self.signal is None else 128 + self.signal

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                    self._set(number, self._strike)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._before:
            number, handler = self._before.popitem()
            # None: a handler that was not set from Python cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _set(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._before[number] = signal.signal(number, handler)

    def _strike(self, number: int, _frame: FrameType | None) -> None:
        raise NotImplementedError


class Interruptible(_Handling):
    """Notes a signal, and iterates until one: it never strikes while the body of the loop runs.

    A second Ctrl+C strikes at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting = False

    def iterate(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items until a signal."""
        iterator = iter(items)
        while not self.interrupted:
            try:
                self._waiting = True
                item = next(iterator)
                self._waiting = False
            except StopIteration:
                return
            except KeyboardInterrupt:
                self.signal = self.signal or signal.SIGINT
                return
            finally:
                self._waiting = False
            yield item

    @contextmanager
    def striking(self, *, if_: bool = True) -> Iterator[None]:
        """Lets a signal strike at once while long work runs that may be lost.

        What a library makes of it, or lets pass, leaves the block as `KeyboardInterrupt`.

        Args:
            if_: Otherwise it is noted, as everywhere.
        """
        self._waiting = if_
        try:
            yield
        except Exception:
            if not (if_ and self.interrupted):
                raise
        finally:
            self._waiting = False
        if if_:
            self.let_strike()

    def let_strike(self) -> None:
        """Raises what was held back.

        Raises:
            KeyboardInterrupt: A signal has come.
        """
        if self.interrupted:
            raise KeyboardInterrupt

    def _strike(self, number: int, _frame: FrameType | None) -> None:
        again = number == signal.SIGINT and self.signal == signal.SIGINT
        self.signal = self.signal or number
        if self._waiting or again:
            raise KeyboardInterrupt


class Insistent(_Handling):
    """Ends what runs in it by `KeyboardInterrupt`, and the process where a library swallows that.

    Imports with a bare `except` do, and callbacks from C; others hang on locks that they held. What
    has not left the block five seconds after the signal is ended with its exit code; whatever error
    a library made of the signal leaves the block as `KeyboardInterrupt`.
    """

    def __enter__(self) -> Self:
        self.signal = None
        self._left = threading.Event()
        self._hook = sys.unraisablehook
        self._stderr = os.dup(2)  # libraries that load quietly put another in its place
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        super().__exit__(kind, error, trace)
        sys.unraisablehook = self._hook
        os.close(self._stderr)
        if self.interrupted and isinstance(error, Exception):
            raise KeyboardInterrupt from error

    def _strike(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
            sys.unraisablehook = _quiet
            threading.Thread(target=self._end, args=(self._left,), daemon=True).start()
        raise KeyboardInterrupt

    def _end(self, left: threading.Event) -> None:
        if not left.wait(_PATIENCE_S):
            os.write(self._stderr, b"kad: interrupted.\n")
            os._exit(self.exit_code)


def _quiet(_unraisable: Any) -> None:
    """Says nothing of what was swallowed: the process ends."""
