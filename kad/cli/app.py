"""The `kad` command line."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console

from runtime.errors import KadError

app = typer.Typer(
    name="kad",
    help="Train detectors for sensor streams; export them with python -m export, run them with "
    "python -m runtime.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

console = Console(stderr=True, highlight=False)
_P = ParamSpec("_P")
_UsageError: Any = typer.BadParameter.__base__  # typer brings its own copy of click
_DataFile = Annotated[Path, typer.Argument(help="CSV or JSON lines.", show_default=False)]
_RunFolder = Annotated[Path, typer.Argument(help="Run folder.", show_default=False)]

_Backend = Annotated[
    str | None, typer.Option(help="Keras backend: jax, tensorflow or torch.", show_default=False)
]


def _command(function: Callable[_P, None]) -> Callable[_P, None]:
    """Registers a command whose errors are one line on stderr and an exit code."""

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except KadError as error:
            console.print(f"kad: error: {error}", markup=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from error

    return app.command()(guarded)


def _say_counts(counts: dict[str, int]) -> None:
    """Says what the time grid did with the rows, if anything."""
    said = [
        f"{counts[name]} {what}"
        for name, what in (
            ("duplicates", "duplicate rows dropped"),
            ("late", "late rows dropped"),
            ("missing", "missing rows"),
            ("restarts", "restarts of the warm-up"),
        )
        if counts[name]
    ]
    if said:
        console.print(f"Time grid: {', '.join(said)}.")


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
