"""`kad train`."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kad.backend import select_backend
from kad.cli.command import BackendOption, DataFile, command, console, say_counts
from kad.cli.reading import (
    DecimalOption,
    FormatOption,
    MissingOption,
    ResampleOption,
    TimeOption,
    UnitOption,
    ZoneOption,
    reading_options,
)
from kad.detectors import detector_names
from runtime.counted import counted
from runtime.errors import InputError, KadError

if TYPE_CHECKING:
    from kad.config import Config
    from kad.runs.checkout import NamedSeries


@command
def train(
    data: DataFile,
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
    time: TimeOption = None,
    time_format: FormatOption = None,
    time_unit: UnitOption = None,
    timezone: ZoneOption = None,
    decimal: DecimalOption = None,
    missing: MissingOption = None,
    period: Annotated[
        float | None, typer.Option(help="Sampling period in seconds.", show_default="found")
    ] = None,
    resample: ResampleOption = None,
    long: Annotated[
        bool, typer.Option("--long", help="A row is one reading of one channel.")
    ] = False,
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
        str | None,
        typer.Option(help="Budget: 2/day, or '1 % of time'.", show_default="1/week"),
    ] = None,
    backend: BackendOption = None,
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
            **reading_options(
                time=time,
                time_format=time_format,
                time_unit=time_unit,
                timezone=timezone,
                decimal=decimal,
                missing=missing,
                resample=resample,
            ),
            "period": period,
            "long": long or None,
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
    from kad.runs.folder import CONFIG, MODEL
    from runtime.files import check_outputs

    if not (resume or (overwrite and (folder / MODEL).is_file())):
        check_outputs(
            {f"{CONFIG} of --out": folder / CONFIG},
            inputs={"--config": config},
            advice="Choose another --out, or move the configuration out of it.",
        )
    with named_series(data) as series:
        options: dict[str, Any] = {
            "resume": resume,
            "overwrite": overwrite,
            "pretrained": pretrained,
        }
        if series is None:
            run_training(settings, data, folder, **options)
            return
        known = series.defaults(settings.data.channels)
        fresh = {k: v for k, v in known.items() if not getattr(settings.data, k)}
        settings = replace(settings, data=settings.data.model_copy(update=fresh))
        run_training(settings, data, folder, series=series, **options)


def _names(channels: str | None) -> list[str] | None:
    if channels is None:
        return None
    names = [name.strip() for name in channels.split(",") if name.strip()]
    if not names:
        raise InputError(f"--channels takes column names, A,B. Received: {channels!r}.")
    return names


def run_training(
    settings: "Config",
    data: Path,
    folder: Path,
    *,
    labels: Path | None = None,
    series: "NamedSeries | None" = None,
    **options: Any,
) -> None:
    """Trains, reports, and says what came of it."""
    from kad.cli.progress import ProgressBar
    from kad.report.write import write_report
    from kad.runs.folder import MODEL, REPORT
    from kad.runs.train import train as run_train
    from kad.training.session import TrainingInterruptedError

    file = data if series is None else series.data
    try:
        run = run_train(
            settings, file, out=folder, progress=ProgressBar(console), say=_say, **options
        )
    except TrainingInterruptedError as error:
        kept = "The best weights so far are in the run. " if error.usable else ""
        again = " ".join(["kad train", str(data), "--out", str(folder), "--resume"])
        raise TrainingInterruptedError(
            f"{error} {kept}Continue with: {again}",
            usable=error.usable,
            history=error.history,
            exit_code=error.exit_code,
        ) from error
    if series is not None:
        labels = series.keep(folder)
    write_report(run, run.frame, labels=labels)
    meta = run.detector.metadata
    say_counts(meta.training["grid"])
    console.print(
        f"Trained on {counted(meta.training['rows'], 'row')}; alarm at severity "
        f"{meta.threshold:.2f} "
        f"(false alarms: {meta.false_alarms}). Wrote {folder}/{MODEL} and {REPORT}."
    )
    budget = run.detector.budget
    if budget.promise:
        console.print(f"To be expected: {budget.promise}.")
    if budget.note:
        console.print(f"Note: {budget.note}.")


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


def _configured_backend(config: Path | None) -> str | None:
    """Returns the backend that a configuration file asks for, before Keras is imported."""
    if config is None:
        return None
    from kad.data.settings import read_settings

    with suppress(KadError):  # build_config says what is wrong
        section = read_settings(config).get("training")
        chosen = section.get("backend") if isinstance(section, dict) else None
        return chosen if isinstance(chosen, str) else None
    return None
