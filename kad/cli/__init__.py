"""The `kad` command line: words, flags and exit codes."""

import os
import signal
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Runs `kad`. While it loads, a signal ends it at once: nothing has been begun."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and (name == "SIGINT" or signal.getsignal(number) == signal.SIG_DFL):
            signal.signal(number, _leave)
    from kad.cli.app import main as run

    try:
        run()
    except SystemExit as ended:
        if isinstance(ended.code, int) and ended.code > 128:
            os._exit(ended.code)  # libraries that were stopped while they loaded may hang at exit
        raise


def _leave(number: int, _frame: FrameType | None) -> None:
    # No exception: an import may swallow it.
    os.write(2, b"kad: interrupted.\n")
    os._exit(128 + number)
