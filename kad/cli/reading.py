"""Options of how a table is read, and what is said of it."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kad.cli.command import console
from runtime.errors import InputError

if TYPE_CHECKING:
    from kad.data.tables import Table
    from runtime.tables.reading import Reading

TimeOption = Annotated[
    str | None, typer.Option(help="Time column.", show_default="found by name or cells")
]
FormatOption = Annotated[
    str | None,
    typer.Option(help="day-first, month-first, or strptime's.", show_default="found"),
]
UnitOption = Annotated[
    str | None,
    typer.Option(help="What numbers count: s, ms, us, ns, min, h, d, excel.", show_default="found"),
]
ZoneOption = Annotated[
    str | None, typer.Option(help="Of local times, such as Europe/Berlin.", show_default="UTC")
]
DecimalOption = Annotated[
    str | None, typer.Option(help="Decimal mark, . or a comma.", show_default="found")
]
MissingOption = Annotated[
    str | None,
    typer.Option(help="What means no reading: -9999,X.", show_default="words such as NaN, Bad"),
]

ResampleOption = Annotated[
    str | None,
    typer.Option(help="mean: of each period, where rows come faster.", show_default=False),
]

_FLAGS: dict[str, Any] = {
    "time": TimeOption,
    "time_format": FormatOption,
    "time_unit": UnitOption,
    "timezone": ZoneOption,
    "decimal": DecimalOption,
    "missing": MissingOption,
    "resample": ResampleOption,
}


def takes_reading(function: Callable[..., None]) -> Callable[..., None]:
    """Returns a command with the flags of how a table is read in the place of its `reading`."""
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name != "reading":
            parameters.append(parameter)
            continue
        parameters += [
            parameter.replace(name=name, default=None, annotation=flag)
            for name, flag in _FLAGS.items()
        ]

    @wraps(function)
    def flagged(**given: Any) -> None:
        flags = {name: given.pop(name, None) for name in _FLAGS}
        function(**given, reading=reading_of(**flags))

    flagged.__dict__["__signature__"] = inspect.Signature(parameters)
    flagged.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return flagged


def reading_options(
    time: str | None = None,
    time_format: str | None = None,
    time_unit: str | None = None,
    timezone: str | None = None,
    decimal: str | None = None,
    missing: str | None = None,
    resample: str | None = None,
) -> dict[str, Any]:
    """Returns the keys of `[data]` that the flags give.

    Raises:
        InputError: A decimal mark that is none.
    """
    if decimal not in (None, ".", ","):
        raise InputError(f"--decimal takes . or a comma. Received: {decimal!r}.")
    if resample not in (None, "mean"):
        raise InputError(f"--resample takes mean. Received: {resample!r}.")
    words = None if missing is None else [_word(word) for word in missing.split(",")]
    given = {
        "time": time,
        "time_format": time_format,
        "time_unit": time_unit,
        "timezone": timezone,
        "decimal": decimal,
        "missing": words,
        "resample": resample,
    }
    return {name: value for name, value in given.items() if value is not None}


def reading_of(**options: str | None) -> "Reading":
    """Returns how a table is read, as far as the flags say; see `reading_options`."""
    from runtime.tables.reading import Reading

    given = reading_options(**options)
    return Reading(**{**given, "missing": tuple(given.get("missing", ()))})


def say_read(table: "Table") -> None:
    """Says what was read."""
    for line in table.report.lines():
        console.print(line, markup=False, soft_wrap=True)


def _word(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text.strip()
