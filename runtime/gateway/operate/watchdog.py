"""Which worker makes progress, and which stands still."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Watchdog", "Worker"]

LIMIT_S = 30.0
"""A worker that made no progress for longer than this stands still."""


class Worker:
    """One loop in a thread of its own. Its methods are for that thread, and cheap."""

    def __init__(self, name: str, *, limit_s: float, clock: Callable[[], float]) -> None:
        self.name = name
        """As in messages."""
        self._limit_s = limit_s
        self._clock = clock
        self._at = clock()
        self._waits = ""
        self._ended = False

    def beat(self) -> None:
        """Says that a round of the loop is done; an idle loop beats too."""
        self._at = self._clock()

    @contextmanager
    def outside(self, what: str) -> Iterator[None]:
        """Marks a wait for what is not ours, such as a disk or a broker.

        It may take for ever without the worker being counted as standing: to start the process
        again would not help. `Watchdog.waiting` names it.
        """
        self._waits = what
        try:
            yield
        finally:
            self._waits = ""
            self.beat()

    def end(self) -> None:
        """Says that the loop is over, as it should be."""
        self._ended = True

    @property
    def idle_s(self) -> float:
        """Seconds since it last made progress."""
        return self._clock() - self._at

    @property
    def waits(self) -> str:
        """What it has waited for, from outside, longer than its limit; empty: nothing."""
        return self._waits if self._late else ""

    @property
    def stands(self) -> bool:
        """Whether it stands still without a reason from outside."""
        return self._late and not self._waits

    @property
    def _late(self) -> bool:
        return not self._ended and self.idle_s > self._limit_s


class Watchdog:
    """The workers of a process.

    Args:
        limit_s: See `LIMIT_S`.
        clock: Seconds that never go back.
    """

    def __init__(
        self, *, limit_s: float = LIMIT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}

    def worker(self, name: str, *, limit_s: float | None = None) -> Worker:
        """Enters a worker, in place of an older one of this name.

        Args:
            name: Such as `reader`, `committer` or `scorer`.
            limit_s: Where one round of it may take longer than others'.
        """
        worker = Worker(
            name, limit_s=self._limit_s if limit_s is None else limit_s, clock=self._clock
        )
        with self._lock:
            self._workers[name] = worker
        return worker

    @property
    def workers(self) -> list[Worker]:
        """All of them, in the order in which they were entered."""
        with self._lock:
            return list(self._workers.values())

    def standing(self) -> list[str]:
        """Returns a sentence for each worker that stands still; empty: all is well.

        It is what `/healthz` and the watchdog of systemd go by.
        """
        return [
            f"The {worker.name} has made no progress for {worker.idle_s:.0f} s."
            for worker in self.workers
            if worker.stands
        ]

    def waiting(self) -> list[str]:
        """Returns a sentence for each worker that has long waited for what is not ours.

        It is for `/readyz`.
        """
        return [
            f"The {worker.name} has waited for {waits} for {worker.idle_s:.0f} s."
            for worker in self.workers
            if (waits := worker.waits)
        ]
