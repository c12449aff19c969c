"""Files that appear whole or not at all, and never in place of what they were made from."""

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from runtime.errors import InputError

__all__ = [
    "check_file",
    "check_outputs",
    "explained",
    "open_output",
    "replacing",
    "write_atomically",
]

Paths = Mapping[str, str | os.PathLike[str] | None]
"""Files by what a user calls them, `-o` or `the data`; `None`: not given."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file that appears under its name only when all of it has been written.

    It is written beside its place, synced and moved there; on any error it is removed and an
    older file of that name stays. Devices and pipes are written directly.

    Raises:
        OSError: The file cannot be created or written.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file so that readers see the old one or the whole new one.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def open_output(path: str) -> Iterator[BinaryIO]:
    """Opens an output of the command line: `-` is stdout; for the rest see `replacing`.

    Raises:
        InputError: The file cannot be created, or stdout is closed.
    """
    if path == "-":
        if sys.stdout is None:
            raise InputError("stdout must be open. Received: a closed one. Name a file with -o.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(replacing(path))
        except OSError as error:
            raise InputError(
                f"The output {path} must be a file that can be written. Received: {error.strerror}."
            ) from error
        yield file


def check_file(path: str | os.PathLike[str], *, name: str, pipes: bool = True) -> None:
    """Refuses what has no end, such as a device, before it is read to its end.

    Args:
        path: What is going to be read; whoever opens it says what else is wrong with it.
        name: What a user calls it.
        pipes: Whether it may be a pipe, which can be read once.

    Raises:
        InputError: It is a device, or a pipe where none is taken.
    """
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISFIFO(mode) and not pipes:
        raise InputError(
            f"{name} must be a file: it is read more than once. Received: {path}, a pipe. "
            "Write it to a file first."
        )
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise InputError(f"{name} must be a file. Received: {path}, a device. Name a file.")


def explained(error: OSError) -> str:
    """Returns the one line for what the system refused in the middle of the work."""
    where = f" at {error.filename}" if error.filename else ""
    return (
        "Files must be readable and writable to the end. "
        f"Received: {error.strerror or error}{where}. Free space, or check the rights and the disk."
    )


def check_outputs(outputs: Paths, *, inputs: Paths, advice: str = "Name another file.") -> None:
    """Refuses to write over what is read, or one output over another; writes nothing itself.

    Every command that writes calls it before it computes anything. Two names are the same file
    where the system says so: through symbolic and hard links, or written in other letters where
    case does not count. What is no file, a pipe, a device or a folder, is nobody's place.

    Args:
        outputs: What is going to be written; `-` is stdout.
        inputs: What is read, or must stay as it is; `-` is stdin.
        advice: What to do about it.

    Raises:
        InputError: Two of them are the same file.
    """
    written = [(*item, _identity(item[1], sys.stdout)) for item in outputs.items()]
    read = [(*item, _identity(item[1], sys.stdin)) for item in inputs.items()]
    for number, (name, path, place) in enumerate(written):
        for other, its_path, its_place in [*read, *written[:number]]:
            if place is not None and place == its_place:
                raise InputError(
                    f"{name} must not be the same file as {other}. "
                    f"Received: {path} and {its_path}. {advice}"
                )


def _identity(path: str | os.PathLike[str] | None, standard: Any) -> object:
    """Returns what is equal for two names of one file; None for what cannot be overwritten."""
    if path is None or (os.fspath(path) == "-" and standard is None):
        return None
    try:
        status = os.fstat(standard.fileno()) if os.fspath(path) == "-" else Path(path).stat()
    except FileNotFoundError:
        return os.path.normcase(os.path.realpath(path))
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
