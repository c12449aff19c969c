"""The keeper: writes snapshots beside the scoring, and lets the journal forget what is in them."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from runtime.errors import JournalError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.snapshots import Snapshots
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log

__all__ = ["Keeper"]

Parts = Sequence[tuple[str, bytes]]


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
        self.trouble = ""
        """Why the last snapshot could not be written; empty: it was."""
        self.written = 0
        """Snapshots that were written."""

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._thread is not None and self._thread.is_alive()

    def keep(
        self,
        sequence: int,
        parts: Parts,
        put_aside: dict[str, int],
        header: Any,
    ) -> None:
        """Begins to write a snapshot; not while `busy`.

        Args:
            sequence: Of the last record that is in it.
            parts: Names and bytes.
            put_aside: See `Engine.put_aside`.
            header: Plain data that says what it is.
        """
        self._thread = threading.Thread(
            target=self._write, args=(sequence, parts, put_aside, header), name="keeper"
        )
        self._thread.start()

    def finish(self, timeout_s: float) -> None:
        """Waits for the one that is being written."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _write(
        self,
        sequence: int,
        parts: Parts,
        put_aside: dict[str, int],
        header: Any,
    ) -> None:
        started = time.perf_counter()
        try:
            with closing(self._snapshots.begin(sequence)) as writer:
                for name, content in parts:
                    writer.add(name, sequence, content)
                writer.commit(header)
        except (JournalError, OSError) as error:
            self.trouble = f"No snapshot could be written: {error}"
            self._say.error("snapshot", self.trouble)
            return
        self.trouble = ""
        self.written += 1
        self._families.snapshot.observe(time.perf_counter() - started)
        needed = self._snapshots.needed_from
        if self._journal is not None:
            self._journal.release(needed)
        try:
            self._aside.clean(put_aside, before=needed)
        except OSError as error:
            self._say.warning("aside", f"Streams put aside cannot be cleaned: {error.strerror}.")
