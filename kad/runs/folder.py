"""A run folder: the names of its files, and loading from it."""

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from kad.data.settings import read_settings
from kad.detector import Detector
from kad.detectors import detector_class, detector_names
from kad.runs.lock import locked
from runtime.errors import InputError, ModelFileError

MODEL = "model.keras"
CONFIG = "config.toml"
HISTORY = "history.csv"
CALIBRATION = "calibration.csv"
CHECKPOINT = "checkpoint.npz"
REPORT = "report.html"
EXPORTED = "detector.onnx"


FILES = (MODEL, CONFIG, HISTORY, CALIBRATION, CHECKPOINT, REPORT, EXPORTED)


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
    _import_class_of(path)
    return Detector.load(path)


def _import_class_of(path: Path) -> None:
    """Imports the module of a saved detector, which registers its class with Keras."""
    try:
        with zipfile.ZipFile(path) as file:
            module = json.loads(file.read("config.json"))["module"]
    except zipfile.BadZipFile as error:
        raise ModelFileError(
            f"{path} is not a kad detector, or is damaged: it ends too early, or is something "
            "else. Copy it again, or train it again."
        ) from error
    except (OSError, ValueError, KeyError, TypeError):
        return  # Detector.load says what is wrong
    name = str(module).rpartition(".")[2].replace("_", "-")
    if name in detector_names():
        detector_class(name)


def files_of(run: str | os.PathLike[str], *, but: str | None = None) -> dict[str, Path]:
    """Returns the files of a run, by what to call them: only what makes one may replace it.

    Args:
        run: A run folder, or a detector's file; one that lies in a run has the run's files too.
        but: The file that is to be written.
    """
    path = Path(run)
    if path.is_dir():
        found, folder = {}, path
    else:
        found, folder = {"the detector": path}, path.parent
        if not (folder / MODEL).is_file():
            return found
    return found | {f"the run's {name}": folder / name for name in FILES if name != but}


def settings(run: Path) -> dict[str, Any]:
    """Returns the configuration of a run, by section; nothing where it has no file of it.

    Raises:
        InputError: The file cannot be read.
        ConfigError: It is damaged.
    """
    path = run / CONFIG
    return read_settings(path) if path.is_file() else {}


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Makes a run folder and holds it, so that no other training writes it.

    An error before the first checkpoint leaves nothing: a folder that was made for this is removed
    again. Later ones leave a run that stopped, which `--resume` continues.

    Raises:
        InputError: It cannot be made or written, or another process holds it.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The run folder {folder} cannot be made: {error.strerror}.") from error
    try:
        with locked(folder):
            try:
                yield
            except BaseException:
                if folder in made and not (folder / CHECKPOINT).exists():
                    (folder / CONFIG).unlink(missing_ok=True)
                raise
    except BaseException:
        with suppress(OSError):  # not empty
            for place in made:
                place.rmdir()
        raise


def remove_outputs(folder: Path) -> None:
    """Removes the outputs of a run that is replaced, what led to them first.

    Raises:
        InputError: One of them cannot be removed.
    """
    for name in (CHECKPOINT, MODEL, HISTORY, CALIBRATION, REPORT, EXPORTED):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{folder / name} cannot be replaced: {error.strerror}.") from error
