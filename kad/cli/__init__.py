"""The `kad` command line: words, flags and exit codes."""

import os
import signal
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Runs `kad`. While it loads, Ctrl+C ends it at once: nothing has been begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from kad.cli.app import main as run

    run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    # No exception: an import may swallow it.
    os.write(2, b"kad: interrupted.\n")
    os._exit(130)
