"""Files that appear whole or not at all."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from runtime.errors import InputError

__all__ = ["open_output", "replacing", "write_atomically"]


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
        InputError: The file cannot be created.
    """
    if path == "-":
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
