"""Lines on stdout and stderr."""

import sys


def say(text: str) -> None:
    """Tells the user something, on stderr."""
    sys.stderr.write(f"kad: {text}\n")


def write(text: str) -> None:
    """Writes a line of the result, on stdout."""
    sys.stdout.write(f"{text}\n")
