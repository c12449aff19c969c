"""`kad score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kad.backend import select_backend
from kad.cli.command import BackendOption, DataFile, RunFolder, command, console, say_counts
from kad.cli.reading import say_read, takes_reading
from runtime.counted import counted
from runtime.errors import InputError

if TYPE_CHECKING:
    from runtime.tables.reading import Reading


@command
@takes_reading
def score(
    run: RunFolder,
    data: DataFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Scores as CSV.")] = Path(
        "scores.csv"
    ),
    reading: "Reading | None" = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Also write 1-step, n-step and mean predictions.", show_default=False),
    ] = None,
    backend: BackendOption = None,
) -> None:
    """Score a CSV with a trained run, in Keras."""
    select_backend(backend)
    from kad.data.csv_text import csv_text
    from kad.runs.folder import files_of, load
    from kad.runs.reading import read_for
    from runtime.files import check_outputs, open_output, write_atomically
    from runtime.tables.writers import ScoreWriter

    check_outputs(
        {"--output": output, "--predictions": predictions},
        inputs={"the data": data, **files_of(run)},
    )
    detector = load(run)
    table = read_for(detector, data, reading=reading)
    say_read(table)
    if predictions is not None:
        if not hasattr(detector, "predictions"):
            raise InputError(f"The detector {detector.detector_name} makes no predictions.")
        predicted = detector.predictions(table.frame)
        write_atomically(predictions, csv_text(predicted, index_label="time"))
    scores, counts = detector.scores(table.frame)
    with open_output(str(output)) as file:
        writer = ScoreWriter(file, detector.channels, table.style)
        writer.header()
        writer.write(scores)
    say_counts(counts)
    console.print(
        f"Scored {counted(len(scores), 'step')}: {counted(int(scores.alarm.sum()), 'alarm')} in "
        f"{counted(len(detector.events_of(scores)), 'event')}. Wrote {output}."
    )
