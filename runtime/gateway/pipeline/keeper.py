"""The keeper: writes snapshots beside the scoring, and lets the journal forget what is in them."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from runtime.errors import JournalError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.snapshots import Snapshots, SnapshotWriter
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log

__all__ = ["Keeper"]

Part = tuple[str, int, bytes]
"""Its name, the sequence of the last record that is in it, and bytes."""

_MOST_BYTES = 16 * 2**20
"""Of parts that are not written yet: whoever cuts them waits then."""


class _End(NamedTuple):
    """All parts of a snapshot were added."""

    header: Any
    put_aside: Mapping[str, int]


class Keeper:
    """Writes one snapshot at a time, in a thread of its own.

    Args:
        snapshots: Where they go.
        journal: What is released then; None: there is none.
        aside: Streams that were put aside.
        families: The metrics.
        say: The log.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        *,
        journal: Journal | None,
        aside: Aside,
        families: Families,
        say: Log,
    ) -> None:
        self._snapshots, self._journal, self._aside = snapshots, journal, aside
        self._families, self._say = families, say
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Part | _End | None] = deque()
        self._bytes = 0
        self.trouble = ""
        """Why the last snapshot could not be written; empty: it was."""
        self.written = 0
        """Snapshots that were written."""

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_full(self) -> bool:
        """Whether no more parts should be added now: the disk is behind."""
        return self._bytes >= _MOST_BYTES

    def begin(self, sequence: int) -> None:
        """Begins a snapshot; not while `busy`.

        Args:
            sequence: Of the last record before its first part.
        """
        self._waiting.clear()
        self._bytes = 0
        self._thread = threading.Thread(
            target=self._write, args=(sequence,), name="keeper", daemon=True
        )
        self._thread.start()

    def add(self, parts: Sequence[Part]) -> None:
        """Adds parts to the one that was begun; never waits."""
        with self._changed:
            self._waiting.extend(parts)
            self._bytes += sum(len(blob) for *_, blob in parts)
            self._changed.notify_all()

    def commit(self, header: Any, put_aside: Mapping[str, int]) -> None:
        """Says that all parts were added: it counts when they are on the disk.

        Args:
            header: Plain data that says what it is.
            put_aside: See `Engine.put_aside`.
        """
        self._put(_End(header, dict(put_aside)))

    def abandon(self) -> None:
        """Gives up the one that was begun; the one before it stays."""
        with self._changed:
            self._waiting.clear()
        self._put(None)

    def finish(self, timeout_s: float) -> None:
        """Waits for the one that is being written."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _put(self, last: _End | None) -> None:
        with self._changed:
            self._waiting.append(last)
            self._changed.notify_all()

    def _next(self) -> Part | _End | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            one = self._waiting.popleft()
            if isinstance(one, tuple) and not isinstance(one, _End):
                self._bytes -= len(one[2])
            return one

    def _write(self, sequence: int) -> None:
        started = time.perf_counter()
        try:
            with closing(self._snapshots.begin(sequence)) as writer:
                put_aside = self._write_parts(writer)
        except (JournalError, OSError) as error:
            self.trouble = f"No snapshot could be written: {error}"
            self._say.error("snapshot", self.trouble)
            return
        if put_aside is None:
            return
        self.trouble = ""
        self.written += 1
        self._families.snapshot.observe(time.perf_counter() - started)
        needed = self._snapshots.needed_from
        if self._journal is not None:
            self._journal.release(needed)
        try:
            self._aside.clean(dict(put_aside), before=needed)
        except OSError as error:
            self._say.warning("aside", f"Streams put aside cannot be cleaned: {error.strerror}.")

    def _write_parts(self, writer: SnapshotWriter) -> Mapping[str, int] | None:
        """Writes parts as they come; returns who is put aside, None where it was given up."""
        while True:
            one = self._next()
            if one is None:
                return None
            if isinstance(one, _End):
                writer.commit(one.header)
                return one.put_aside
            writer.add(*one)
