"""Lines on stdout and stderr."""

import sys


def _say(text: str) -> None:
    sys.stderr.write(f"kad: {text}\n")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
