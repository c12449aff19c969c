"""What is asked of the operating system, call by call: tests put a disk that refuses in its place.

Every method raises `OSError` where the system refuses.
"""

import os
from pathlib import Path

__all__ = ["Disk", "refused", "write_all"]

_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_MODE = 0o640


class Disk:
    """A file system. Descriptors are plain integers; nothing is held back in memory."""

    def make_folder(self, folder: Path) -> None:
        """Creates a folder and those above it, so that they outlast a loss of power."""
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(exist_ok=True)
            self.sync_folder(place.parent)

    def names(self, folder: Path) -> list[str]:
        """Returns the names of what lies in a folder, in any order."""
        return os.listdir(folder)  # noqa: PTH208 - names, not paths

    def size(self, path: Path) -> int:
        """Returns the bytes of a file."""
        return path.stat().st_size

    def create(self, path: Path) -> int:
        """Opens a new file for writing, in place of one of that name."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _PLAIN, _MODE)

    def gone(self, descriptor: int) -> bool:
        """Returns whether somebody deleted an open file: what is written to it is nowhere."""
        return os.fstat(descriptor).st_nlink == 0

    def open_append(self, path: Path) -> int:
        """Opens a file for writing at its end."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | _PLAIN)

    def open_update(self, path: Path) -> int:
        """Opens a file for reading and writing anywhere, and creates it where it is missing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | _PLAIN, _MODE)

    def open_read(self, path: Path) -> int:
        """Opens a file for reading."""
        return os.open(path, os.O_RDONLY | _PLAIN)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Returns up to `size` bytes from `offset` on; fewer at the end of the file alone."""
        parts, left = [], size
        os.lseek(descriptor, offset, os.SEEK_SET)
        while left and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def write(self, descriptor: int, data: memoryview | bytes) -> int:
        """Writes, and returns how many bytes were taken: perhaps not all."""
        return os.write(descriptor, data)

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        """Writes a few bytes in place."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data)

    def sync_data(self, descriptor: int) -> None:
        """Returns when what was written is on the disk, with the file's size."""
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def sync_file(self, descriptor: int) -> None:
        """Returns when what was written is on the disk, with all that is known of the file."""
        os.fsync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Returns when the names in a folder are on the disk."""
        if os.name == "nt":
            return
        descriptor = os.open(folder, os.O_RDONLY | _PLAIN)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        """Closes a descriptor; it is gone whatever the system says."""
        os.close(descriptor)

    def truncate(self, path: Path, size: int) -> None:
        """Cuts a file."""
        os.truncate(path, size)

    def remove(self, path: Path) -> None:
        """Deletes a file; one that is gone already is no error."""
        path.unlink(missing_ok=True)

    def rename(self, path: Path, target: Path) -> None:
        """Moves a file over another of the same folder, in one step."""
        path.replace(target)


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Writes all of it, however little the system takes at a time.

    Raises:
        OSError: The system refuses, or takes nothing.
    """
    rest = memoryview(data)
    while rest:
        taken = disk.write(descriptor, rest)
        if taken <= 0:
            raise OSError(f"{len(rest)} of {len(data)} bytes were not taken")
        rest = rest[taken:]


def refused(error: OSError) -> str:
    """Returns why, in the system's words."""
    return error.strerror or str(error) or type(error).__name__
