"""What the commands share: options, one line per error, what is said on stderr."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer
from rich.console import Console

from runtime.clock.counts import GridCounts
from runtime.clock.said import describe
from runtime.errors import KadError

console = Console(stderr=True, highlight=False)
_P = ParamSpec("_P")
DataFile = Annotated[Path, typer.Argument(help="CSV or JSON lines.", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(help="Run folder.", show_default=False)]

BackendOption = Annotated[
    str | None, typer.Option(help="Keras backend: jax, tensorflow or torch.", show_default=False)
]


def command(function: Callable[_P, None]) -> Callable[_P, None]:
    """Returns a command whose errors are one line on stderr and an exit code."""

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except KadError as error:
            console.print(f"kad: error: {error}", markup=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from error

    return guarded


def say_counts(counts: dict[str, int]) -> None:
    """Says what the time grid did with the rows, if anything."""
    for sentence in describe(GridCounts(**counts)):
        console.print(sentence, markup=False, soft_wrap=True)
