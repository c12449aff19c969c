"""Run folders: training into one, and loading from one."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import keras
import pandas as pd

from kad.config import Config
from kad.data.frames import infer_period, times_ns
from kad.data.tables import ROWS, read_table, select_rows
from kad.detector.detector import Detector
from kad.detectors import detector_class, detector_names
from kad.files import write_atomically
from kad.training.session import Progress, TrainingInterruptedError
from runtime.clock.context import CONTEXT_COLUMNS
from runtime.errors import ConfigError, InputError

MODEL = "model.keras"
CONFIG = "config.toml"
HISTORY = "history.csv"
CALIBRATION = "calibration.csv"
CHECKPOINT = "checkpoint.npz"


class Run(NamedTuple):
    """A finished training."""

    folder: Path
    """Where it is."""
    detector: Detector
    """The trained detector."""
    history: pd.DataFrame
    """Losses per phase and epoch."""
    frame: pd.DataFrame
    """The whole series, rows that did not train included."""


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
        InputError: Data that cannot be used, a finished run in `out`, nothing to resume.
        ConfigError: The networks of `pretrained` are others.
        TrainingInterruptedError: Ctrl+C; what was learnt so far is kept in `out`.
    """
    folder = Path(out)
    if (folder / MODEL).exists() and not (resume or overwrite):
        raise InputError(
            f"{folder} holds a finished run. Choose another --out, or say --overwrite to replace "
            "it or --resume to train it further."
        )
    if resume and not (folder / CHECKPOINT).is_file():
        raise InputError(f"There is nothing to resume in {folder}. Train without --resume.")
    if resume and pretrained:
        raise ConfigError("Leave out --pretrained: --resume continues with the run's own weights.")
    if isinstance(data, pd.DataFrame):
        names = config.data.channels or tuple(data.columns)
        frame = data
    else:
        frame = read_table(
            data,
            time=config.data.time,
            channels=config.data.channels,
            period_s=config.data.period,
        ).frame
        names = tuple(frame.columns)
    rows = select_rows(frame, config.data.train)
    config = config.for_channels(len(names))

    keras.utils.set_random_seed(config.training.seed)
    detector = build_detector(config, rows, names)
    if pretrained:
        _take_weights(detector, Path(pretrained))
    prepared = detector.prepare(
        rows,
        training=config.training,
        false_alarms=config.alarm.false_alarms,
        policy=config.alarm.policy(detector.period_s),
        reorder=config.data.reorder,
    )
    _make_room(folder, overwrite=overwrite)
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


def load(path: str | os.PathLike[str]) -> Detector:
    """Loads a detector from a run folder or a `.keras` file, under any backend.

    Raises:
        InputError: There is none.
        ModelFileError: It is damaged, or no kad detector.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        raise InputError(f"This needs the run folder, not the exported file. Received: {path}.")
    if path.is_dir():
        if not (path / MODEL).is_file():
            hint = (
                " Its training stopped: continue it with kad train --resume."
                if (path / CHECKPOINT).is_file()
                else " Train one with kad train."
            )
            raise InputError(f"{path} holds no {MODEL}.{hint}")
        path = path / MODEL
    for name in detector_names():
        detector_class(name)
    return Detector.load(path)


def _make_room(folder: Path, *, overwrite: bool) -> None:
    """Makes the folder; a run that is replaced loses its outputs, what led to them first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The run folder {folder} cannot be made: {error.strerror}.") from error
    if overwrite:
        for name in (CHECKPOINT, MODEL, HISTORY, CALIBRATION, "report.html", "detector.onnx"):
            (folder / name).unlink(missing_ok=True)


def build_detector(config: Config, rows: pd.DataFrame, names: tuple[str, ...]) -> Detector:
    """Returns an untrained detector.

    Args:
        config: From `build_config`.
        rows: Training rows, which give what the configuration leaves open: period, context.
        names: The channels.

    Raises:
        InputError: Units for unknown channels, or rows that mix sampling periods.
    """
    unknown = sorted(set(config.data.units) - set(names))
    if unknown:
        raise InputError(
            f"data.units names {', '.join(unknown)}; the channels are {', '.join(names)}."
        )
    period = config.data.period
    if period is None:
        period = infer_period(times_ns(rows), mixed=config.data.grid == "rows")
    return config.detector(
        names,
        channel_units=[config.data.units.get(name) for name in names],
        period_s=period,
        grid=config.data.grid,
        max_gap_steps=config.data.max_gap,
        context=CONTEXT_COLUMNS if _wants_context(config, rows, period) else (),
        scoring=config.scoring.model_dump(),
        **config.arguments,
    )


def _take_weights(detector: Detector, run: Path) -> None:
    """Gives a detector the network weights of a run with the same networks."""
    other = load(run)
    if type(other) is not type(detector):
        raise ConfigError(
            f"--pretrained must be a run of {detector.detector_name}. "
            f"Received: {run}, of {other.detector_name}."
        )
    if not detector.trainable_variables:
        raise ConfigError(f"{detector.detector_name} has no networks. Leave out --pretrained.")
    if difference := _difference(_networks(detector), _networks(other)):
        raise ConfigError(
            f"The networks of --pretrained {run} are others: {difference}. Train with "
            f"--config {run}/config.toml, or without --pretrained."
        )
    for ours, theirs in zip(detector.trainable_variables, other.trainable_variables, strict=True):
        ours.assign(keras.ops.convert_to_numpy(theirs.value))


def _networks(layer: keras.Layer) -> dict[str, Any]:
    """Returns the configuration of everything that is trained, layer by layer."""
    if not isinstance(layer, keras.Model):
        return dict(layer.get_config())
    parts = layer.layers
    if isinstance(layer, Detector):
        parts = [part for part in parts if part.trainable_variables]
    return {part.name: _networks(part) for part in parts}


def _difference(here: Any, there: Any, where: str = "") -> str:
    """Says where two trees of configurations differ first; nothing where they are the same."""
    if isinstance(here, list | tuple) and isinstance(there, list | tuple):
        here, there = dict(enumerate(here)), dict(enumerate(there))
    if not (isinstance(here, dict) and isinstance(there, dict)):
        same = here == there
        return "" if same else f"{where.strip('.')} is {there!r} there and {here!r} here"
    keys = dict.fromkeys([*here, *there])
    parts = (_difference(here.get(k), there.get(k), f"{where}.{k}") for k in keys)
    return next(filter(None, parts), "")


def _wants_context(config: Config, rows: pd.DataFrame, period_s: float) -> bool:
    if config.data.context is not None:
        return config.data.context
    times = times_ns(rows)
    return (
        config.detector.takes_context
        and rows.index.name != ROWS
        and config.data.grid == "time"
        and 60 <= period_s <= 6 * 3600
        and int(times.max() - times.min()) >= 2 * 86_400 * 10**9
    )
