"""What is evaluated: a run, or a detector file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from kad.data.frames import times_ns
from kad.runs.folder import load, settings
from runtime.model.schema import Metadata
from runtime.streams.scores import Scores


class Subject(NamedTuple):
    """What is evaluated."""

    metadata: Metadata
    """What it says about itself."""
    scores: Callable[[pd.DataFrame], Scores]
    """Scores a frame."""
    settings: dict[str, Any]
    """`[data]` of the run; nothing of a file."""


def subject_of(path: Path) -> Subject:
    """Returns what a path names: a run, or a detector file.

    Raises:
        InputError: Neither, or a detector that is not trained.
    """
    if path.suffix == ".onnx":
        return _exported(path)
    detector = load(path)
    data = settings(path).get("data", {})
    return Subject(detector.metadata, lambda frame: detector.scores(frame)[0], data)


def _exported(path: Path) -> Subject:
    from runtime import Detector, Stream

    detector = Detector(path)

    def scores(frame: pd.DataFrame) -> Scores:
        stream = Stream(detector, reorder=detector.metadata.reorder)
        parts = [stream.push_many(times_ns(frame), frame.to_numpy("float64")), stream.flush()]
        return Scores.joined(parts)

    return Subject(detector.metadata, scores, {})
