"""What this life of the gateway knows of those before, and tells the next."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.errors import JournalError
from runtime.gateway.journal.meta import Meta, read_meta, write_meta
from runtime.gateway.operate.logs import Log

__all__ = ["META", "Memory"]

META = "meta.json"
"""In the state folder."""


class Memory:
    """The file `meta.json` of a state folder. Thread-safe.

    Args:
        folder: The state folder; nothing is written before something changes.
        say: The log.
    """

    def __init__(self, folder: Path, say: Log) -> None:
        self._path, self._say = folder / META, say
        self._lock = threading.Lock()
        found, trouble = read_meta(self._path)
        if trouble:
            say.warning("state", trouble)
        self._now = found or Meta()
        self._is_written = found is not None
        self.before = self._now
        """What was known when it was opened."""

    def sources(
        self, filters: Mapping[str, Sequence[str]], sessions: Mapping[str, str | None]
    ) -> None:
        """Takes note of what sources ask for, and of sessions that end.

        Args:
            filters: Topic filters, by name of the source; those of other sources stay.
            sessions: Where a broker keeps a session for a source, by name; None: it is not asked
                to. Sessions elsewhere are forgotten.
        """
        wanted = {name: tuple(some) for name, some in filters.items()}
        kept = {
            name: where
            for name, where in self._now.sessions.items()
            if sessions.get(name, where) == where
        }
        self._change(filters={**self._now.filters, **wanted}, sessions=kept)

    def session(self, source: str, where: str) -> None:
        """Takes note that a broker has a session for a source."""
        self._change(sessions={**self._now.sessions, source: where})

    def swap(self, model: str, file: Path, instead_of: Path) -> None:
        """Takes note of a file that a command put in the place of another.

        Where that one was put there by a command too, it has the place of the configuration's.
        """
        before, first = self._now.swapped.get(model, ("", ""))
        old = first if before == str(instead_of) else str(instead_of)
        self._change(swapped={**self._now.swapped, model: (str(file), old)})

    def begin(self) -> None:
        """A life begins: whether it ends well is not known."""
        self._change(ended=False)

    def end(self) -> None:
        """It ends as asked, and all that it has scored is in the journal."""
        self._change(ended=True)

    def _change(self, **changes: Any) -> None:
        with self._lock:
            now = replace(self._now, **changes)
            if now == self._now and self._is_written:
                return
            self._now = now
            try:
                write_meta(self._path, now)
            except JournalError as error:
                self._is_written = False
                self._say.warning("state", str(error))
            else:
                self._is_written = True
