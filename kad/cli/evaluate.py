"""`kad evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kad.backend import select_backend
from kad.cli.command import BackendOption, DataFile, command, console, results
from kad.cli.reading import takes_reading

if TYPE_CHECKING:
    from runtime.tables.reading import Reading


@command
@takes_reading
def evaluate(
    run: Annotated[
        Path, typer.Argument(help="Run folder, or a detector's .onnx.", show_default=False)
    ],
    data: DataFile,
    labels: Annotated[Path, typer.Option(help="CSV with start and end.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Figures as CSV.", show_default=False),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="Rows that count, START:END, numbers or times.",
            show_default="all that did not train",
        ),
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(
            help="What trained the run, for the baseline, where DATA does not hold it.",
            show_default=False,
        ),
    ] = None,
    reading: "Reading | None" = None,
    backend: BackendOption = None,
) -> None:
    """Compare scores with labels, beside a random score and the moving Gaussian."""
    select_backend(backend)
    from kad.cli.figures import as_text
    from kad.data.csv_text import csv_text
    from kad.evaluation.judge import evaluate_run
    from kad.runs.folder import files_of
    from runtime.files import check_outputs, write_atomically

    check_outputs(
        {"--output": output},
        inputs={"the data": data, "--labels": labels, "--training": training, **files_of(run)},
    )
    result = evaluate_run(run, data, labels, test=test, training=training, reading=reading)
    for note in (*result.read, *result.notes):
        console.print(note, markup=False, soft_wrap=True)
    if output is not None:
        write_atomically(output, csv_text(result.table))
        console.print(f"Wrote {output}.")
    results.print(as_text(result))
