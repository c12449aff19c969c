"""Lines on stdout and stderr."""

import sys
from contextlib import suppress

from runtime.errors import InputError

__all__ = ["say", "write"]


def say(text: str) -> None:
    """Tells the user something, on stderr, if anybody is left to hear it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"kad: {text}\n")


def write(text: str) -> None:
    """Writes a line of the result, on stdout.

    Raises:
        InputError: stdout is closed.
    """
    if sys.stdout is None:
        raise InputError("stdout must be open. Received: a closed one. Leave out >&-.")
    sys.stdout.write(f"{text}\n")
