"""One process a folder: two that write the same journal would destroy it."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from runtime.errors import InUseError
from runtime.gateway.journal.disk import Disk

__all__ = ["FolderLock"]

_NAME = "lock"
_UNKNOWN_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""A file system without locks, such as some network shares."""


class FolderLock:
    """A lock on a folder, which ends with the process that holds it, however that ends.

    Args:
        folder: What is locked; a file `lock` lies in it.
        disk: Where it lies.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._path = folder / _NAME
        self._disk = disk
        self._descriptor: int | None = None
        self._without = False

    @property
    def held(self) -> bool:
        """Whether nobody else can use the folder, or nobody can tell."""
        return self._without or self._descriptor is not None

    def take(self) -> None:
        """Takes the lock; does nothing where it is held already.

        On a disk that can only be read an existing `lock` is locked; a file system without locks
        is used without.

        Raises:
            InUseError: Another gateway uses the folder.
            OSError: The file cannot be opened.
        """
        if self.held:
            return
        try:
            descriptor = self._disk.open_update(self._path)
        except OSError:
            if not self._path.exists():
                raise
            descriptor = self._disk.open_read(self._path)
        try:
            _lock(descriptor)
        except OSError as error:
            holder = self._holder(descriptor)
            os.close(descriptor)
            if error.errno in _UNKNOWN_HERE:
                self._without = True
                return
            raise InUseError(
                f"The folder {self._path.parent} must be used by one gateway at a time. "
                f"Received: one that {holder} uses. Stop it, or name another folder."
            ) from error
        self._descriptor = descriptor
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Gives the lock back; the file stays."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _holder(self, descriptor: int) -> str:
        with suppress(OSError):
            text = self._disk.read(descriptor, 20, 0).decode("ascii", "replace").strip()
            if text.isdecimal():
                return f"process {text}"
        return "another process"


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
