"""Functions for those who would rather not hold a class."""

import os

import pandas as pd

from kad.detector import Detector
from kad.runs.folder import load


def save(detector: Detector, path: str | os.PathLike[str]) -> None:
    """Writes the whole detector to a `.keras` file, atomically."""
    detector.save(path)


def score(detector: Detector | str | os.PathLike[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Scores a frame; see `Detector.score`.

    Args:
        detector: A detector, a run folder, or a `.keras` file.
        frame: One float column per channel, indexed by time.
    """
    if not isinstance(detector, Detector):
        detector = load(detector)
    return detector.score(frame)
