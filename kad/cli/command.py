"""What the commands share: options, one line per error, what is said on stderr."""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec

import typer
from rich.console import Console

from runtime.cli.say import say
from runtime.clock.counts import GridCounts
from runtime.clock.said import describe
from runtime.errors import KadError
from runtime.files import explained
from runtime.interrupt import Insistent
from runtime.standard import forget_stdout, prepare, settle


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


console = Console(stderr=True, highlight=False)
results = _Console(highlight=False)
"""Writes what a command is asked for, on stdout."""

_stop = Insistent()
_P = ParamSpec("_P")
_UsageError: Any = typer.BadParameter.__base__  # typer brings its own copy of click
DataFile = Annotated[Path, typer.Argument(help="CSV or JSON lines.", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(help="Run folder.", show_default=False)]

BackendOption = Annotated[
    str | None, typer.Option(help="Keras backend: jax, tensorflow or torch.", show_default=False)
]


def _say_version(wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        from kad.version import __version__

        typer.echo(f"kad {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version.")
]


class _EndedError(Exception):
    """A command that a signal ended; typer lets it through."""


def command(function: Callable[_P, None]) -> Callable[_P, None]:
    """Returns a command whose errors are one line on stderr and an exit code."""

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            function(*args, **kwargs)
            settle()
        except KadError as error:
            # Of the signal, a library may have made an error of its own.
            if _stop.interrupted and error.exit_code < 128:
                raise _EndedError from error
            say_error(str(error))
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError as error:
            # The reader of our output has gone, as `head` does.
            forget_stdout()
            raise typer.Exit(0) from error
        except OSError as error:
            if _stop.interrupted:
                raise _EndedError from error
            forget_stdout()
            say_error(explained(error))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            raise _EndedError from error

    return guarded


def run_app(app: typer.Typer) -> NoReturn:
    """Runs a command line and ends the process; a usage error is one line, as every other."""
    prepare()
    try:
        with _stop:
            code = app(standalone_mode=False)
    except _UsageError as error:
        say_error(error.format_message())
        code = 2
    except (_EndedError, typer.Abort, KeyboardInterrupt):
        say("interrupted.")
        code = _stop.exit_code or 130
    sys.exit(code or 0)


def say_error(text: str) -> None:
    """Says on one line what is wrong."""
    say(f"error: {' '.join(text.split())}")


def say_counts(counts: Mapping[str, int]) -> None:
    """Says what the time grid did with the rows, if anything."""
    for sentence in describe(GridCounts(**counts)):
        say(sentence)
