"""Standard input, output and error as a process finds them: closed, full, in another encoding."""

import io
import os
import sys
from contextlib import suppress

__all__ = ["forget_stdout", "prepare", "settle"]


def prepare() -> None:
    """Makes the standard streams safe to use; a command calls it first.

    A character that the terminal's encoding lacks is written as its code, never an error. A stream
    that the process was started without (`>&-`) stays `None` in `sys`, but its number is taken, so
    that no file which is opened later gets what a library writes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, which is this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def settle() -> None:
    """Writes what is still held for stdout, so that an error of it is not met at exit.

    Raises:
        OSError: It cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def forget_stdout() -> None:
    """Drops what could not be written to stdout: the interpreter must not try again at exit."""
    with suppress(OSError, ValueError, AttributeError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
