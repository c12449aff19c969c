"""One process at a time writes a run folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runtime.errors import InputError

__all__ = ["LOCK", "check_unlocked", "locked"]

LOCK = ".lock"
"""The file in a run folder that its trainer holds; the process number is in it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a run folder, which must exist, against other processes and against ourselves.

    The system lets go when the process ends, however it ends: a file that was left behind locks
    nobody out. File systems that know no locks are not guarded.

    Raises:
        InputError: Another process holds it, or it cannot be written.
    """
    path = folder / LOCK
    try:
        file = _held(path)
    except BlockingIOError as error:
        raise _taken(folder, path) from error
    except OSError as error:
        raise InputError(
            f"The run folder {folder} cannot be written: {error.strerror}. "
            "Choose another --out, or mend its rights."
        ) from error
    with file:
        try:
            yield
        finally:
            # While it is held: who opened it meanwhile sees that its name is gone.
            with suppress(OSError):
                path.unlink()


def check_unlocked(folder: Path) -> None:
    """Refuses a folder that another process holds, before any work; takes nothing.

    Raises:
        InputError: Another process holds it.
    """
    path = folder / LOCK
    try:
        with path.open("r+b") as file:
            _lock(file)
    except BlockingIOError as error:
        raise _taken(folder, path) from error
    except OSError:
        return


def _held(path: Path) -> BinaryIO:
    """Opens and locks the file under this name, with our number in it."""
    while True:
        file = path.open("a+b")
        try:
            _lock(file)
            if _is_at(file, path):
                file.truncate(0)
                file.write(f"{os.getpid()}\n".encode())
                file.flush()
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # its holder removed it between our two steps


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _taken(folder: Path, path: Path) -> InputError:
    number = ""
    with suppress(OSError, UnicodeDecodeError):
        number = path.read_text("ascii").strip()
    who = f"process {number}" if number.isdigit() else "another process"
    return InputError(
        f"Only one training at a time may write {folder}. Received: a second one, beside {who}. "
        "Wait for it, stop it, or choose another --out."
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        try:
            file.seek(1 << 30)  # beyond what is read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error

else:
    import errno
    import fcntl

    def _lock(file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
