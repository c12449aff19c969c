"""Training into a run folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from kad.config import Config
from kad.data.frames import pandas_frame
from kad.data.rows import select_rows
from kad.data.tables import Table, read_table
from kad.detector import Detector
from kad.detector.series import Prepared
from kad.runs.construct import build_detector, sampling
from kad.runs.folder import (
    CALIBRATION,
    CHECKPOINT,
    CONFIG,
    FILES,
    HISTORY,
    MODEL,
    Run,
    claimed,
    remove_outputs,
)
from kad.runs.lock import check_unlocked
from kad.runs.memory import check_training
from kad.runs.pretrained import take_weights
from kad.training.session import Progress, TrainingInterruptedError
from runtime.counted import counted
from runtime.errors import ConfigError, InputError
from runtime.files import check_outputs, replacing, write_atomically


def train(
    config: Config,
    data: str | os.PathLike[str] | Any,
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    overwrite: bool = False,
    pretrained: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Run:
    """Trains a detector into a run folder.

    The folder gets `config.toml`, `checkpoint.npz` while training goes on, and at the end
    `history.csv`, `calibration.csv` (scores of the calibration rows) and `model.keras`, each
    written atomically.

    Args:
        config: From `build_config`.
        data: A table, or a frame: of pandas, indexed by time, or see `pandas_frame`.
        out: The run folder; its parents are made.
        resume: Continue the training that stopped in `out`.
        overwrite: Replace a finished run.
        pretrained: A run whose network weights training starts from. Scaler, statistics and
            calibration are fitted anew.
        progress: Receives epochs and losses.
        say: Receives what was read, line by line, before anything is trained.

    Raises:
        InputError: Data that cannot be used, a finished run in `out`, nothing to resume, data or
            `pretrained` in a place that the run writes, another training into `out`, or too
            little memory.
        ConfigError: The networks of `pretrained` are others.
        TrainingInterruptedError: Ctrl+C; what was learnt so far is kept in `out`.
    """
    folder = Path(out)
    check_unlocked(folder)
    _check_folder(folder, resume=resume, overwrite=overwrite, pretrained=bool(pretrained))
    check_outputs(
        {f"{name} of --out": folder / name for name in FILES},
        inputs={
            "the data": data if isinstance(data, str | os.PathLike) else None,
            "the model of --pretrained": None if pretrained is None else _model_of(pretrained),
        },
        advice="Choose another --out.",
    )
    frame, names, table = _read(config, data)
    rows = select_rows(frame, config.data.train)
    period = sampling(config, rows)
    if table is not None:
        table.report.period = period.text(table.style)
    config = config.for_channels(len(names))

    keras.utils.set_random_seed(config.training.seed)
    detector = build_detector(
        config,
        rows,
        names,
        period=period,
        stated=None if table is None else table.report.units,
    )
    if pretrained:
        take_weights(detector, Path(pretrained))
    check_training(detector, len(rows))
    prepared = detector.prepare(
        rows,
        training=config.training,
        false_alarms=config.alarm.false_alarms,
        policy=config.alarm.policy(detector.period_s),
        reorder=config.data.reorder,
        about={} if table is None else about(table),
    )
    if say is not None:
        for line in table.report.lines() if table is not None else ():
            say(line)
        for name, found in prepared.about.get("absurd", {}).items():
            shown = ", ".join(f"{value:.6g}" for value in found["values"])
            some = counted(found["count"], "impossible reading")
            say(f"{name}: {some} not trained on: {shown}.")
        if constant := prepared.about.get("constant"):
            say(f"Constant in the training rows, only a change is scored: {', '.join(constant)}.")
    with claimed(folder):
        # Another training may have ended here while this one read its data.
        _check_folder(folder, resume=resume, overwrite=overwrite, pretrained=bool(pretrained))
        if overwrite:
            remove_outputs(folder)
        said = [] if table is None else table.report.lines()
        comments = "".join(f"# {line}\n" for line in said)
        write_atomically(folder / CONFIG, comments + config.to_toml())
        history = _fit(detector, prepared, folder, resume=resume, progress=progress)
    return Run(folder, detector, history, frame)


def _fit(
    detector: Detector,
    prepared: Prepared,
    folder: Path,
    *,
    resume: bool,
    progress: Progress | None,
) -> pd.DataFrame:
    """Trains into a folder that is held; returns the history."""
    interrupted: TrainingInterruptedError | None = None
    try:
        history = detector.fit_prepared(
            prepared, checkpoint=folder / CHECKPOINT, resume=resume, progress=progress
        )
    except TrainingInterruptedError as error:
        if not error.usable:
            raise
        interrupted, history = error, error.history
    except KeyboardInterrupt as error:
        if not (folder / CHECKPOINT).is_file():
            raise
        raise TrainingInterruptedError(
            "Training stopped.", usable=False, history=pd.DataFrame()
        ) from error
    _write(detector, history, folder)
    if interrupted:
        raise interrupted
    return history


def _write(detector: Detector, history: pd.DataFrame, folder: Path) -> None:
    """Puts all outputs in place, or none of them; the model last."""
    scores = pd.DataFrame({"score": detector.calibration_scores})
    model = folder / f".{os.getpid()}.{MODEL}"
    try:
        with replacing(folder / HISTORY) as first, replacing(folder / CALIBRATION) as second:
            for file, table in ((first, history), (second, scores)):
                file.write(table.to_csv(index=False).encode())
                file.flush()
            detector.save(model)
        model.replace(folder / MODEL)
    except OSError as error:
        raise InputError(
            f"The run in {folder} cannot be written: {error.strerror}. Make room or mend its "
            "rights, and continue with --resume."
        ) from error
    finally:
        model.unlink(missing_ok=True)


def about(table: Table) -> dict[str, Any]:
    """Returns what a detector file says of how its training rows were read."""
    return {"reading": table.reading.to_dict(), "read": table.report.to_dict()}


def _model_of(run: str | os.PathLike[str]) -> Path:
    return Path(run) / MODEL if Path(run).is_dir() else Path(run)


def _check_folder(folder: Path, *, resume: bool, overwrite: bool, pretrained: bool) -> None:
    if (folder / MODEL).exists() and not (resume or overwrite):
        raise InputError(
            f"{folder} holds a finished run. Choose another --out, or say --overwrite to replace "
            "it or --resume to train it further."
        )
    if resume and not (folder / CHECKPOINT).is_file():
        raise InputError(f"There is nothing to resume in {folder}. Train without --resume.")
    if resume and pretrained:
        raise ConfigError("Leave out --pretrained: --resume continues with the run's own weights.")


def _read(
    config: Config, data: str | os.PathLike[str] | Any
) -> tuple[pd.DataFrame, tuple[str, ...], Table | None]:
    """Returns the whole series, the names of its channels, and the table where it was one."""
    if not isinstance(data, str | os.PathLike):
        frame = pandas_frame(data)
        return frame, config.data.channels or tuple(map(str, frame.columns)), None
    table = read_table(
        data,
        channels=config.data.channels,
        period_s=config.data.period,
        reading=config.data.reading,
        long=config.data.long,
        numbered=config.data.grid == "rows",
    )
    return table.frame, tuple(table.frame.columns), table
