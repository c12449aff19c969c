"""A detector file on a series, as a gateway runs it."""

from pathlib import Path

import numpy as np
import pandas as pd

from runtime.alarms.events import Event, EventDetector
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata
from runtime.streams.scores import Scores


def streamed(file: Path, frame: pd.DataFrame) -> tuple[Metadata, Scores]:
    """Returns a detector file's metadata, and its scores of a frame as one stream."""
    from kad.data.frames import times_ns
    from runtime import Detector, Stream

    detector = Detector(file)
    scores = Stream(detector).push_many(times_ns(frame), frame.to_numpy("float64"))
    return detector.metadata, scores


def network_inputs(meta: Metadata, frame: pd.DataFrame) -> np.ndarray:
    """Returns what `Detector.step` takes of a frame, float32 `(1, rows, inputs)`.

    Values, then context columns of the rows' times; every row is a step.
    """
    from kad.data.frames import times_ns
    from runtime.clock.context import context_columns

    context = [column.name for column in meta.inputs if column.role == "context"]
    parts = [frame[list(meta.channels)].to_numpy("float32")]
    if context:
        parts.append(context_columns(context, times_ns(frame)).astype("float32"))
    return np.concatenate(parts, axis=1)[None]


def events_of(
    meta: Metadata, scores: Scores, threshold: float, policy: AlarmPolicy | None = None
) -> list[Event]:
    """Returns all events of a stream, as a gateway reports them.

    Args:
        meta: Of the detector file.
        scores: Of the whole stream.
        threshold: On severity.
        policy: The file's where not given.
    """
    finder = EventDetector.of(meta, threshold=threshold, policy=policy)
    return [*finder.update(scores), *finder.finish()]
