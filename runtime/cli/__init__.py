"""The command line of the runtime."""

from runtime.cli.app import main

__all__ = ["main"]
