"""The `kad` command line."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console

from kad.backend.loop import select_backend
from kad.detectors import detector_names
from runtime.errors import InputError, KadError

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


@_command
def train(
    data: _DataFile,
    detector: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(detector_names())}.", show_default="vae-lstm"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="default, multichannel, paper or tiny, as far as the detector has them.",
            show_default="multichannel or default, by the number of channels",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML or JSON; flags win.", show_default=False)
    ] = None,
    time: Annotated[str | None, typer.Option(help="Time column.", show_default=False)] = None,
    channels: Annotated[
        str | None, typer.Option(help="Columns to watch: A,B.", show_default="all numeric")
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--train", help="Training rows START:END, numbers or times.", show_default="all"
        ),
    ] = None,
    false_alarms: Annotated[
        str | None, typer.Option(help="Budget, such as 2/day.", show_default="1/week")
    ] = None,
    backend: _Backend = None,
    seed: Annotated[int | None, typer.Option(help="Seed.", show_default="0")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of every phase.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.", show_default="runs/<data>")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run.")] = False,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Start from the networks of this run.", show_default=False),
    ] = None,
    impute: Annotated[
        str | None,
        typer.Option(help="What replaces missing samples: last or forecast.", show_default=False),
    ] = None,
) -> None:
    """Train a detector on a CSV without labels.

    In a checkout, DATA may also be a series of `python -m datasets list`; its published training
    rows are taken where --train is not given.
    """
    folder = out or Path("runs") / data.stem
    if resume and config is None and (folder / "config.toml").is_file():
        config = folder / "config.toml"
        preset = preset or "default"  # the run's file has every key
    chosen = select_backend(backend or _configured_backend(config))
    from kad.config import build_config

    overrides: dict[str, dict[str, Any]] = {
        "data": {
            "time": time,
            "channels": _names(channels),
            "train": rows,
        },
        "detector": {"impute": impute},
        "training": {"seed": seed, "backend": chosen},
        "alarm": {"false_alarms": false_alarms},
    }
    kept = {s: {k: v for k, v in d.items() if v is not None} for s, d in overrides.items()}
    settings = build_config(file=config, preset=preset, detector=detector, overrides=kept)
    if epochs is not None:
        phases = [name for name in type(settings.training).model_fields if "epochs" in name]
        kept["training"] |= dict.fromkeys(phases or ["epochs"], epochs)
        settings = build_config(file=config, preset=preset, detector=detector, overrides=kept)
    from kad.runs.checkout import named_series

    with named_series(data) as series:
        options = {"resume": resume, "overwrite": overwrite, "pretrained": pretrained}
        if series is None:
            _run_training(settings, data, folder, **options)
            return
        known = series.defaults(settings.data.channels)
        fresh = {k: v for k, v in known.items() if not getattr(settings.data, k)}
        settings = replace(settings, data=settings.data.model_copy(update=fresh))
        _run_training(settings, data, folder, series=series, **options)


def _names(channels: str | None) -> list[str] | None:
    if channels is None:
        return None
    names = [name.strip() for name in channels.split(",") if name.strip()]
    if not names:
        raise InputError(f"--channels takes column names, A,B. Received: {channels!r}.")
    return names


def _run_training(
    settings: Any,
    data: Path,
    folder: Path,
    *,
    labels: Path | None = None,
    series: Any = None,
    **options: Any,
) -> None:
    from kad.cli.progress import ProgressBar
    from kad.report.write import write_report
    from kad.runs.train import train as run_train
    from kad.training.session import TrainingInterruptedError

    file = data if series is None else series.data
    try:
        run = run_train(settings, file, out=folder, progress=ProgressBar(console), **options)
    except TrainingInterruptedError as error:
        kept = "The best weights so far are in the run. " if error.usable else ""
        again = " ".join(["kad train", str(data), "--out", str(folder), "--resume"])
        raise TrainingInterruptedError(
            f"{error} {kept}Continue with: {again}", usable=error.usable, history=error.history
        ) from error
    if series is not None:
        labels = series.keep(folder)
    write_report(run, run.frame, labels=labels)
    card = run.detector.card
    _say_counts(card["training"]["grid"])
    console.print(
        f"Trained on {card['training']['rows']} rows; alarm at severity {card['threshold']:.2f} "
        f"(false alarms: {card['false_alarms']}). Wrote {folder}/model.keras and report.html."
    )
    if note := run.detector.budget.note:
        console.print(f"Note: {note}.")


@_command
def report(
    run: _RunFolder,
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
    backend: _Backend = None,
) -> None:
    """Write the HTML report of a run, with the scores of a CSV."""
    select_backend(backend)
    from kad.report.write import write_report

    page = write_report(run, data, labels=labels, output=output, png=png)
    console.print(f"Wrote {page}.")


@_command
def score(
    run: _RunFolder,
    data: _DataFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Scores as CSV.")] = Path(
        "scores.csv"
    ),
    time: Annotated[str | None, typer.Option(help="Time column.", show_default=False)] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Also write 1-step, n-step and mean predictions.", show_default=False),
    ] = None,
    backend: _Backend = None,
) -> None:
    """Score a CSV with a trained run, in Keras."""
    select_backend(backend)
    from kad.data.tables import read_table
    from kad.files import write_atomically
    from kad.runs.train import load
    from runtime.tables.writers import ScoreWriter

    if output.exists() and output.samefile(data):
        raise InputError(f"--output {output} is the data itself. Name another file.")
    detector = load(run)
    table = read_table(data, time=time, channels=detector.channels, period_s=detector.period_s)
    if predictions is not None:
        if not hasattr(detector, "predictions"):
            raise InputError(f"The detector {detector.detector_name} makes no predictions.")
        predicted = detector.predictions(table.frame)
        write_atomically(predictions, predicted.to_csv(index_label="time"))
    scores, counts = detector.scores(table.frame)
    content = io.BytesIO()
    writer = ScoreWriter(content, detector.channels, table.style)
    writer.header()
    writer.write(scores)
    write_atomically(output, content.getvalue())
    _say_counts(counts)
    console.print(
        f"Scored {len(scores)} steps, {scores.alarm.sum()} of them alarms, in "
        f"{len(detector.events_of(scores))} events. Wrote {output}."
    )


@_command
def evaluate(
    run: Annotated[
        Path, typer.Argument(help="Run folder, or a detector's .onnx.", show_default=False)
    ],
    data: _DataFile,
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
    time: Annotated[str | None, typer.Option(help="Time column.", show_default=False)] = None,
    backend: _Backend = None,
) -> None:
    """Compare scores with labels, beside a random score and the moving Gaussian."""
    select_backend(backend)
    from kad.evaluation.judge import as_text, evaluate_run
    from kad.files import write_atomically

    inputs = [path for path in (data, labels, training) if path is not None]
    if output is not None and output.exists():
        for path in inputs:
            if path.exists() and output.samefile(path):
                raise InputError(f"--output {output} is an input. Name another file.")
    result = evaluate_run(run, data, labels, test=test, training=training, time=time)
    for note in result.notes:
        console.print(note, markup=False, soft_wrap=True)
    Console(highlight=False).print(as_text(result))
    if output is not None:
        write_atomically(output, result.table.to_csv(index=False))
        console.print(f"Wrote {output}.")


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


@_command
def demo(
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("demo"),
    backend: _Backend = None,
    seed: Annotated[int, typer.Option(help="Seed of the pump and of the training.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of every phase.", show_default=False)
    ] = None,
) -> None:
    """Train on four weeks of a synthetic pump and report its faults; replaces the folder."""
    chosen = select_backend(backend)
    from kad.config import build_config
    from kad.files import write_atomically
    from kad.pump.machine import UNITS
    from kad.pump.series import pump

    frame, faults = pump(days=28, period_s=300, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    data, labels = out / "pump.csv", out / "labels.csv"
    write_atomically(data, frame.to_csv(index_label="time"))
    write_atomically(labels, faults.to_csv(index=False))
    overrides = {
        "data": {"train": f"0:{len(frame) // 2}", "units": dict(UNITS)},
        "training": {"seed": seed, "backend": chosen},
    }
    if epochs is not None:
        overrides["training"] |= {"epochs": epochs, "epochs_lstm": epochs}
    settings = build_config(overrides=overrides)
    _run_training(settings, data, out, labels=labels, overwrite=True)


def _configured_backend(config: Path | None) -> str | None:
    """Returns the backend that a configuration file asks for, before Keras is imported."""
    if config is None:
        return None
    import json
    import tomllib

    try:
        text = config.read_text(encoding="utf-8")
        tree = json.loads(text) if config.suffix == ".json" else tomllib.loads(text)
        chosen = tree.get("training", {}).get("backend")
    except (OSError, ValueError, AttributeError):
        return None  # build_config says what is wrong
    return chosen if isinstance(chosen, str) else None


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
