"""Snapshots: what all streams know, in two generations, so that one damaged file loses nothing.

The order that matters: write, fsync, rename, fsync of the folder; only then the generation before
the last is deleted, and the journal may release what the older of the two has seen.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import JournalError
from runtime.gateway.journal.disk import Disk, refused, write_all
from runtime.gateway.journal.lock import FolderLock
from runtime.gateway.journal.snapshot_file import (
    Part,
    UnreadableError,
    encode_begin,
    encode_end,
    encode_part,
    read_parts,
)

__all__ = ["Snapshot", "SnapshotWriter", "Snapshots"]

_NAME = re.compile(r"(\d{12})\.snapshot")
_GENERATIONS = 2
_DAMAGED = ".damaged"
_MOST_DAMAGED = 2
_PART = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A whole snapshot."""

    header: dict[str, Any]
    """What `commit` was given."""
    parts: Sequence[Part]
    """In the order in which they were added."""
    begun: int
    """Sequence of the last record when it was begun."""
    note: str = ""
    """What was wrong with a newer one, in words; empty: this is the newest."""

    @property
    def after(self) -> int:
        """All of it is behind this sequence: the least over its parts and `begun`."""
        return min([self.begun, *(part.sequence for part in self.parts)])

    @property
    def newest(self) -> int:
        """The greatest sequence that it has seen: the journal is read behind it."""
        return max([self.begun, *(part.sequence for part in self.parts)])


@dataclass(frozen=True, slots=True)
class _Generation:
    number: int
    needed: int
    """The least sequence that it needs of the journal."""


class Snapshots:
    """The snapshots in a folder of their own, for one process and one thread.

    Args:
        folder: Where they lie; created where it is missing.
        disk: The file system.

    Raises:
        InputError: Another process uses the folder.
        JournalError: The folder cannot be listed.
    """

    def __init__(self, folder: str | os.PathLike[str], *, disk: Disk | None = None) -> None:
        self.folder = Path(folder)
        self.damaged = 0
        """Damaged files that were found, and set aside where the disk let it."""
        self.discarded = 0
        """Damaged files set aside earlier that were deleted for newer ones."""
        self.notes: list[str] = []
        """What was wrong, in words."""
        self.trouble = ""
        """Why the disk refuses now, in words; empty: all is well."""
        self._disk = disk or Disk()
        self._lock = FolderLock(self.folder, self._disk)
        self._whole: list[_Generation] = []
        self._number = 0
        self._bytes = 0
        self._newest: Snapshot | None = None
        try:
            self._disk.make_folder(self.folder)
            self._lock.take()
        except OSError as error:
            self._error(error, "be opened for writing")
        self._find()

    @property
    def needed_from(self) -> int:
        """The journal's records before this sequence are needed by no snapshot that is kept.

        It is of the older of two whole generations; 0, nothing may be released, while there are
        not two.
        """
        if len(self._whole) < _GENERATIONS:
            return 0
        return min(generation.needed for generation in self._whole[-_GENERATIONS:])

    @property
    def bytes(self) -> int:
        """Size of the newest whole snapshot."""
        return self._bytes

    def load(self) -> Snapshot | None:
        """Returns the newest whole snapshot as it was on opening, once; None where there is none.

        Its `note` says what was wrong with a newer one; `notes` say it where there is none.
        """
        snapshot, self._newest = self._newest, None
        return snapshot

    def begin(self, sequence: int) -> "SnapshotWriter":
        """Begins the next generation; it counts when it is committed.

        Args:
            sequence: Of the last record that every stream has seen now: it holds for those which
                begin before the commit and get no part.

        Raises:
            JournalError: The disk refuses.
        """
        if self._lock.held:
            return SnapshotWriter(self, self._disk, sequence)
        try:
            self._disk.make_folder(self.folder)
            self._lock.take()
        except OSError as error:
            raise self._error(error, "be written") from error
        return SnapshotWriter(self, self._disk, sequence)

    def close(self) -> None:
        """Unlocks the folder."""
        self._lock.release()

    def _find(self) -> None:
        try:
            names = self._disk.names(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            self._lock.release()
            raise self._error(error, "be listed") from error
        for name in names:
            if name.endswith(_PART) and self._lock.held:
                with suppress(OSError):
                    self._disk.remove(self.folder / name)
        numbers = sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name)))
        self._number = max(numbers, default=0)
        for number in reversed(numbers):
            if len(self._whole) < _GENERATIONS:
                self._look_at(number)
            elif self._lock.held:  # its turn had come, and the disk had refused
                with suppress(OSError):
                    self._disk.remove(self._path(number))

    def _look_at(self, number: int) -> None:
        """Reads a generation, and keeps what is in it where it is the newest that is whole."""
        path, parts = self._path(number), []
        needed: list[int] = []
        try:
            for entry in read_parts(self._disk, path):
                if isinstance(entry, Part):
                    needed.append(entry.sequence)
                    if not self._whole:
                        parts.append(entry)
                else:
                    header, begun = entry
        except UnreadableError as error:
            self._set_aside(path, str(error))
            return
        if not self._whole:
            note = "; ".join(self.notes)
            self._newest = Snapshot(header=header, parts=parts, begun=begun, note=note)
            with suppress(OSError):
                self._bytes = self._disk.size(path)
        self._whole.insert(0, _Generation(number, min([*needed, begun])))

    def _set_aside(self, path: Path, why: str) -> None:
        """Renames a damaged file, and keeps the newest of those."""
        self.damaged += 1
        self.notes.append(f"The snapshot {path.name} must be whole. Received: {why}")
        if not self._lock.held:
            return
        try:
            self._disk.rename(path, path.with_name(path.name + _DAMAGED))
            old = sorted(name for name in self._disk.names(self.folder) if name.endswith(_DAMAGED))
            for name in old[:-_MOST_DAMAGED]:
                self._disk.remove(self.folder / name)
                self.discarded += 1
                self.notes.append(f"{name} was deleted: {_MOST_DAMAGED} newer ones are kept")
        except OSError as error:
            self._error(error, "be set aside")

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}.snapshot"

    def _next(self) -> Path:
        """Returns where the next generation goes."""
        self._number += 1
        return self._path(self._number)

    def _committed(self, needed: int, size: int) -> None:
        self._whole.append(_Generation(self._number, needed))
        self._bytes, self.trouble = size, ""
        while len(self._whole) > _GENERATIONS:
            oldest = self._whole[0]
            try:
                self._disk.remove(self._path(oldest.number))
            except OSError as error:  # it is found, and deleted or set aside, when it starts again
                self._error(error, "be deleted")
            del self._whole[0]

    def _error(self, error: OSError, action: str) -> JournalError:
        self.trouble = (
            f"A snapshot in {self.folder} must {action}. Received: {refused(error)}. "
            "Free space, or check the rights and the disk."
        )
        return JournalError(self.trouble)


class SnapshotWriter:
    """A generation that is being written, a part at a time; made by `Snapshots.begin`."""

    def __init__(self, owner: Snapshots, disk: Disk, sequence: int) -> None:
        self._owner, self._disk = owner, disk
        self._path = owner._next()
        self._part = self._path.with_name(self._path.name + _PART)
        self._begun = self._needed = sequence
        self._count = self._seal = self._size = 0
        self._descriptor: int | None = None
        try:
            self._descriptor = disk.create(self._part)
            self._write(encode_begin())
        except OSError as error:
            raise self._failed(error) from error

    def add(self, name: str, sequence: int, blob: bytes) -> None:
        """Writes a part.

        Args:
            name: Of what it is.
            sequence: Of the last record that it has seen.
            blob: What is known.

        Raises:
            JournalError: The disk refuses: this generation is given up, those before it stay.
        """
        self._check_open()
        content, self._seal = encode_part(Part(name, sequence, blob), self._seal)
        try:
            self._write(content)
        except OSError as error:
            raise self._failed(error) from error
        except BaseException:  # half of a part may be there: nothing may follow it
            self.close()
            raise
        self._count += 1
        self._needed = min(self._needed, sequence)

    def commit(self, header: Mapping[str, Any]) -> None:
        """Seals it: fsync, rename, fsync of the folder. Then it is the newest generation.

        Args:
            header: What else there is to know, for JSON, without NaN.

        Raises:
            JournalError: The disk refuses: this generation is given up, those before it stay.
        """
        self._check_open()
        end = encode_end(header, parts=self._count, begun=self._begun, seal=self._seal)
        try:
            self._write(end)
            if self._descriptor is not None:
                self._disk.sync_file(self._descriptor)
            self._end()
            self._disk.rename(self._part, self._path)
            self._disk.sync_folder(self._path.parent)
        except OSError as error:
            with suppress(OSError):
                self._disk.remove(self._path)
            raise self._failed(error) from error
        self._owner._committed(self._needed, self._size)

    def close(self) -> None:
        """Gives it up, where it was not committed."""
        self._end()
        with suppress(OSError):
            self._disk.remove(self._part)

    def _write(self, content: bytes) -> None:
        if self._descriptor is not None:
            write_all(self._disk, self._descriptor, content)
            self._size += len(content)

    def _end(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                self._disk.close(descriptor)

    def _check_open(self) -> None:
        if self._descriptor is None:
            raise JournalError(
                f"A snapshot in {self._path.parent} must be open. Received: one that was committed "
                "or given up. Begin another."
            )

    def _failed(self, error: OSError) -> JournalError:
        self.close()
        return self._owner._error(error, "be written")
