"""A run folder: the names of its files, and loading from it."""

import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kad.detector import Detector
from kad.detectors import detector_class, detector_names
from runtime.errors import InputError

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


def make_room(folder: Path, *, overwrite: bool) -> None:
    """Makes the folder; a run that is replaced loses its outputs, what led to them first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The run folder {folder} cannot be made: {error.strerror}.") from error
    if overwrite:
        for name in (CHECKPOINT, MODEL, HISTORY, CALIBRATION, "report.html", "detector.onnx"):
            (folder / name).unlink(missing_ok=True)
