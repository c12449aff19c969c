"""The `kad` command line: words, flags and exit codes."""

from kad.cli.app import main

__all__ = ["main"]
