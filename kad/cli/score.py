"""`kad score`."""

from pathlib import Path
from typing import Annotated

import typer

from kad.backend import select_backend
from kad.cli.command import BackendOption, DataFile, RunFolder, command, console, say_counts
from runtime.errors import InputError


@command
def score(
    run: RunFolder,
    data: DataFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Scores as CSV.")] = Path(
        "scores.csv"
    ),
    time: Annotated[str | None, typer.Option(help="Time column.", show_default=False)] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Also write 1-step, n-step and mean predictions.", show_default=False),
    ] = None,
    backend: BackendOption = None,
) -> None:
    """Score a CSV with a trained run, in Keras."""
    select_backend(backend)
    from kad.data.csv_text import csv_text
    from kad.data.tables import read_table
    from kad.runs.folder import files_of, load
    from runtime.files import check_outputs, open_output, write_atomically
    from runtime.tables.writers import ScoreWriter

    check_outputs(
        {"--output": output, "--predictions": predictions},
        inputs={"the data": data, **files_of(run)},
    )
    detector = load(run)
    table = read_table(data, time=time, channels=detector.channels, period_s=detector.period_s)
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
        f"Scored {len(scores)} steps, {scores.alarm.sum()} of them alarms, in "
        f"{len(detector.events_of(scores))} events. Wrote {output}."
    )
