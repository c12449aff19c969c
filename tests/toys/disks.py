"""Disks that refuse, forget and take little at a time."""

import errno
import os
from pathlib import Path

from runtime.gateway.journal.disk import Disk

__all__ = ["CODES", "FaultyDisk", "PlugDisk"]

CODES = [errno.ENOSPC, errno.EIO, errno.EROFS]
_CALLS = [name for name, value in vars(Disk).items() if callable(value) and name[0] != "_"]


class FaultyDisk(Disk):
    """Asks `fails(call, name)` before each call, where `call` counts from 1.

    It gives an error number or an exception, "short" (a write takes one byte, another call is as
    usual) or None.
    Nothing is synced for real, so that it is fast.
    """

    def __init__(self, fails=lambda *_: None):
        self.calls = 0
        self.fails = fails

    def heal(self):
        """From now on all is well."""
        self.fails = lambda *_: None

    def sync_data(self, descriptor):
        """The test does not pull a real plug."""

    def sync_file(self, descriptor):
        """The test does not pull a real plug."""

    def sync_folder(self, folder):
        """The test does not pull a real plug."""


def _checked(name, plain):
    def method(self, *args):
        self.calls += 1
        verdict = self.fails(self.calls, name)
        if verdict == "short" and name == "write":
            return os.write(args[0], args[1][:1])
        if verdict in (None, "short"):
            return plain(self, *args)
        if name == "close":
            plain(self, *args)
        if name == "write":  # some of it may be there all the same
            os.write(args[0], args[1][: len(args[1]) // 2])
        raise (
            verdict
            if isinstance(verdict, BaseException)
            else OSError(verdict, os.strerror(verdict))
        )

    return method


for _name in _CALLS:
    setattr(FaultyDisk, _name, _checked(_name, getattr(FaultyDisk, _name)))


class PlugDisk(FaultyDisk):
    """Knows what a loss of power would leave of a folder: `pull` leaves that.

    What a sync was asked for and failed to write is lost, though it can be read until then, and a
    later sync that succeeds does not bring it back.
    """

    def __init__(self, fails=lambda *_: None):
        super().__init__(fails)
        self._synced, self._poisoned, self._named = {}, {}, {}

    def create(self, path):
        """A new file has nothing that is synced."""
        descriptor = super().create(path)
        number = os.fstat(descriptor).st_ino
        self._synced.pop(number, None)
        self._poisoned.pop(number, None)
        return descriptor

    def sync_data(self, descriptor):
        """Keeps what is in the file now, or loses it."""
        status = os.fstat(descriptor)
        number, kept = status.st_ino, self._synced.get(status.st_ino, 0)
        try:
            super().sync_data(descriptor)
        except OSError:
            self._poisoned.setdefault(number, set()).update(range(kept, status.st_size))
            raise
        self._synced[number] = status.st_size

    sync_file = sync_data

    def sync_folder(self, folder):
        """Keeps the names that are there now."""
        super().sync_folder(folder)
        self._named = {path.name: path.stat().st_ino for path in Path(folder).iterdir()}

    def truncate(self, path, size):
        """What is cut off is no longer lost: it can be written again."""
        super().truncate(path, size)
        number = path.stat().st_ino
        self._synced[number] = min(self._synced.get(number, 0), size)
        poisoned = self._poisoned.get(number, set())
        self._poisoned[number] = {at for at in poisoned if at < size}

    def pull(self, folder, rng):
        """Leaves of the files what was synced, and of the rest what chance lets stay."""
        for path in Path(folder).iterdir():
            status = path.stat()
            if self._named.get(path.name) != status.st_ino and rng.random() < 0.5:
                path.unlink()
                continue
            content = bytearray(path.read_bytes())
            for at in self._poisoned.get(status.st_ino, ()):
                content[at : at + 1] = bytes(at < len(content))
            synced = min(self._synced.get(status.st_ino, 0), len(content))
            path.write_bytes(content[: rng.choice([synced, rng.randint(synced, len(content))])])
