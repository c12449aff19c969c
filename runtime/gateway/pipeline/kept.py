"""The state folder: journal, snapshots and streams put aside, opened; the engine brought back."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import InputError, KadError
from runtime.gateway.config.options import JournalOptions
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.engine import Engine
from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.snapshots import Snapshot, Snapshots
from runtime.gateway.operate.logs import Log
from runtime.gateway.protocols import Resuming, Sink
from runtime.gateway.records import Record

__all__ = ["JOURNAL", "SNAPSHOTS", "Kept", "pending_parts"]

JOURNAL, SNAPSHOTS = "journal", "snapshots"
"""Folders in the state folder."""

_CHUNK_ROWS = 5_000
_PENDING = "pending/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a gateway keeps on the disk."""

    folder: Path
    snapshots: Snapshots
    aside: Aside
    journal: Journal | None
    """None: snapshots alone."""
    snapshot: Snapshot | None
    """The newest, as it was on opening."""

    @classmethod
    def open(cls, folder: Path, options: JournalOptions, *, journal: bool) -> "Kept":
        """Opens the folder, or makes it.

        Raises:
            InputError: It cannot be used, or another process uses it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        snapshots = Snapshots(folder / SNAPSHOTS)
        newest = snapshots.load()
        start = newest.newest + 1 if newest else 1
        opened = None
        try:
            if journal:
                opened = Journal.open(
                    folder / JOURNAL,
                    max_bytes=options.max_mb * 2**20,
                    full=options.when_full,
                    start=start,
                )
        except KadError:
            snapshots.close()
            raise
        return cls(
            folder=folder,
            snapshots=snapshots,
            aside=Aside(folder / "aside"),
            journal=opened,
            snapshot=newest,
        )

    def restore(self, engine: Engine, say: Log) -> None:
        """Brings the engine to the newest snapshot; without one it stays as it is."""
        for note in self.snapshots.notes:
            say.warning("snapshot", note)
        snapshot = self.snapshot
        if snapshot is None:
            return
        try:
            engine.restore(
                (part.name, part.blob)
                for part in snapshot.parts
                if not part.name.startswith(_PENDING)
            )
        except InputError as error:
            say.error("snapshot", f"{error} The journal is read from its beginning.")

    def pending(self) -> dict[str, bytes]:
        """Returns what each sink had not delivered at the newest snapshot, by its name."""
        parts = self.snapshot.parts if self.snapshot else ()
        return {
            part.name.removeprefix(_PENDING): part.blob
            for part in parts
            if part.name.startswith(_PENDING)
        }

    def acknowledged(self, sequence: int) -> dict[str, int]:
        """Returns how far each sink was by the end of the journal behind a sequence."""
        found: dict[str, int] = {}
        if self.journal is not None:
            for _, payload in self.journal.read(sequence):
                with suppress(InputError):
                    found |= Record.acknowledged_in(payload)
        return found

    def behind(self, sequence: int, say: Log) -> Iterator[list[tuple[int, Record]]]:
        """Yields the records of the journal behind a sequence, some at a time."""
        if self.journal is None:
            return
        some: list[tuple[int, Record]] = []
        rows = 0
        for number, payload in self.journal.read(sequence):
            try:
                record = Record.decode(payload)
            except InputError as error:
                say.error("journal", str(error))
                continue
            some.append((number, record))
            rows += record.samples
            if rows >= _CHUNK_ROWS:
                yield some
                some, rows = [], 0
        if some:
            yield some

    def history(self, after: int, upto: int) -> Iterator[tuple[int, Record]]:
        """Yields the records of the journal behind a sequence, up to another."""
        if self.journal is None:
            return
        for number, payload in self.journal.read(after):
            if number > upto:
                return
            try:
                yield number, Record.decode(payload)
            except InputError:
                continue

    def close(self) -> None:
        """Lets another process have the folder."""
        self.snapshots.close()
        if self.journal is not None:
            self.journal.close()


def pending_parts(sinks: Sequence[Sink]) -> list[tuple[str, bytes]]:
    """Returns parts of a snapshot: what the sinks have not delivered, see `Kept.pending`."""
    every = [(sink.name, sink.pending()) for sink in sinks if isinstance(sink, Resuming)]
    return [(_PENDING + name, blob) for name, blob in every if blob]
