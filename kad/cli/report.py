"""`kad report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kad.backend import select_backend
from kad.cli.command import BackendOption, RunFolder, command, console
from kad.cli.reading import takes_reading

if TYPE_CHECKING:
    from runtime.tables.reading import Reading


@command
@takes_reading
def report(
    run: RunFolder,
    data: Annotated[
        Path | None, typer.Argument(help="CSV or JSON lines.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV with start and end.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page.", show_default="RUN/report.html")
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(help="Also write a picture, a .png or into a folder.", show_default=False),
    ] = None,
    reading: "Reading | None" = None,
    backend: BackendOption = None,
) -> None:
    """Write the HTML report of a run, with the scores of a CSV."""
    select_backend(backend)
    from kad.report.write import write_report

    page = write_report(run, data, labels=labels, output=output, png=png, reading=reading)
    console.print(f"Wrote {page}.")
