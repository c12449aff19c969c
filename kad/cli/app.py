"""The `kad` program."""

import sys
from typing import Any

import typer

from kad.cli.command import console
from kad.cli.demo import demo
from kad.cli.evaluate import evaluate
from kad.cli.report import report
from kad.cli.score import score
from kad.cli.train import train

app = typer.Typer(
    name="kad",
    help="Train detectors for sensor streams; export them with python -m export, run them with "
    "python -m runtime.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

_UsageError: Any = typer.BadParameter.__base__  # typer brings its own copy of click

for _command in (train, report, score, evaluate, demo):
    app.command()(_command)


def main() -> None:
    """Runs the command line; a usage error is one line, as every other error."""
    try:
        code = app(standalone_mode=False)
    except _UsageError as error:
        console.print(f"kad: error: {error.format_message()}", markup=False, soft_wrap=True)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
