"""Functions for those who would rather not hold a class."""

import os
from typing import Any

import pandas as pd

from kad.data.frames import pandas_frame
from kad.detector import Detector
from kad.runs.folder import load


def save(detector: Detector, path: str | os.PathLike[str]) -> None:
    """Writes the whole detector to a `.keras` file, atomically."""
    detector.save(path)


def score(detector: Detector | str | os.PathLike[str], frame: Any) -> pd.DataFrame:
    """Scores a frame; see `Detector.score`.

    Args:
        detector: A detector, a run folder, or a `.keras` file.
        frame: One float column per channel, indexed by time; see `kad.data.frames.pandas_frame`.
    """
    if not isinstance(detector, Detector):
        detector = load(detector)
    return detector.score(pandas_frame(frame))
