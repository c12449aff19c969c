"""Training into a run folder."""

import os
from pathlib import Path

import keras
import pandas as pd

from kad.config import Config
from kad.data.rows import select_rows
from kad.data.tables import read_table
from kad.runs.construct import build_detector
from kad.runs.folder import (
    CALIBRATION,
    CHECKPOINT,
    CONFIG,
    FILES,
    HISTORY,
    MODEL,
    Run,
    make_room,
)
from kad.runs.memory import check_training
from kad.runs.pretrained import take_weights
from kad.training.session import Progress, TrainingInterruptedError
from runtime.errors import ConfigError, InputError
from runtime.files import check_outputs, write_atomically


def train(
    config: Config,
    data: str | os.PathLike[str] | pd.DataFrame,
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    overwrite: bool = False,
    pretrained: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Trains a detector into a run folder.

    The folder gets `config.toml`, `checkpoint.npz` while training goes on, and at the end
    `history.csv`, `calibration.csv` (scores of the calibration rows) and `model.keras`, each
    written atomically.

    Args:
        config: From `build_config`.
        data: A CSV or JSON-lines file, or a frame indexed by time.
        out: The run folder; its parents are made.
        resume: Continue the training that stopped in `out`.
        overwrite: Replace a finished run.
        pretrained: A run whose network weights training starts from. Scaler, statistics and
            calibration are fitted anew.
        progress: Receives epochs and losses.

    Raises:
        InputError: Data that cannot be used, a finished run in `out`, nothing to resume, data or
            `pretrained` in a place that the run writes, or too little memory.
        ConfigError: The networks of `pretrained` are others.
        TrainingInterruptedError: Ctrl+C; what was learnt so far is kept in `out`.
    """
    folder = Path(out)
    _check_folder(folder, resume=resume, overwrite=overwrite, pretrained=bool(pretrained))
    check_outputs(
        {f"{name} of --out": folder / name for name in FILES},
        inputs={
            "the data": None if isinstance(data, pd.DataFrame) else data,
            "the model of --pretrained": None if pretrained is None else _model_of(pretrained),
        },
        advice="Choose another --out.",
    )
    frame, names = _read(config, data)
    rows = select_rows(frame, config.data.train)
    config = config.for_channels(len(names))

    keras.utils.set_random_seed(config.training.seed)
    detector = build_detector(config, rows, names)
    if pretrained:
        take_weights(detector, Path(pretrained))
    check_training(detector, len(rows))
    prepared = detector.prepare(
        rows,
        training=config.training,
        false_alarms=config.alarm.false_alarms,
        policy=config.alarm.policy(detector.period_s),
        reorder=config.data.reorder,
    )
    make_room(folder, overwrite=overwrite)
    write_atomically(folder / CONFIG, config.to_toml())
    interrupted: TrainingInterruptedError | None = None
    try:
        history = detector.fit_prepared(
            prepared,
            checkpoint=folder / CHECKPOINT,
            resume=resume,
            progress=progress,
        )
    except TrainingInterruptedError as error:
        if not error.usable:
            raise
        interrupted, history = error, error.history
    write_atomically(folder / HISTORY, history.to_csv(index=False))
    scores = pd.DataFrame({"score": detector.calibration_scores})
    write_atomically(folder / CALIBRATION, scores.to_csv(index=False))
    detector.save(folder / MODEL)
    if interrupted:
        raise interrupted
    return Run(folder, detector, history, frame)


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
    config: Config, data: str | os.PathLike[str] | pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Returns the whole series and the names of its channels."""
    if isinstance(data, pd.DataFrame):
        return data, config.data.channels or tuple(data.columns)
    frame = read_table(
        data,
        time=config.data.time,
        channels=config.data.channels,
        period_s=config.data.period,
    ).frame
    return frame, tuple(frame.columns)
