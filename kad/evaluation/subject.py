"""What is evaluated: a run, or a detector file."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kad.data.frames import GridOptions, times_ns
from kad.runs.folder import CONFIG, load
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores

REORDER = 16
NS = 10**9


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is evaluated: a run, or a detector file."""

    name: str
    channels: tuple[str, ...]
    options: GridOptions
    warmup_steps: int
    threshold: float
    policy: AlarmPolicy
    false_alarms: str
    trained: dict[str, Any]
    """Summary of the training: `start_ns`, `end_ns`, `data_sha256`."""
    settings: dict[str, Any]
    """`[data]` of the run."""
    scores: Callable[[pd.DataFrame], Scores]


def subject_of(path: Path) -> Subject:
    """Returns what a path names: a run, or a detector file."""
    if path.suffix == ".onnx":
        return _exported(path)
    detector = load(path)
    if "threshold" not in detector.card:
        raise InputError(f"The detector in {path} is not trained. Train it with kad train.")
    return Subject(
        name=detector.detector_name,
        channels=detector.channels,
        options=detector.grid_options(),
        warmup_steps=detector.warmup_steps,
        threshold=float(detector.card["threshold"]),
        policy=detector.alarm_policy,
        false_alarms=str(detector.card["false_alarms"]),
        trained=detector.card["training"],
        settings=_settings(path / CONFIG),
        scores=lambda frame: detector.scores(frame)[0],
    )


def _exported(path: Path) -> Subject:
    from runtime import Detector as Exported
    from runtime import Stream

    detector = Exported(path)
    meta = detector.metadata

    def scores(frame: pd.DataFrame) -> Scores:
        stream = Stream(detector, reorder=REORDER)
        parts = [stream.push_many(times_ns(frame), frame.to_numpy("float64")), stream.flush()]
        return Scores(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Scores)}
        )

    return Subject(
        name=meta.detector,
        channels=meta.channels,
        options=GridOptions(
            period_s=meta.period_s,
            max_gap_steps=meta.max_gap_steps,
            grid=meta.grid,
            reorder=REORDER,
        ),
        warmup_steps=meta.warmup_steps,
        threshold=meta.threshold,
        policy=meta.alarm,
        false_alarms=meta.false_alarms,
        trained=dict(meta.training),
        settings={},
        scores=scores,
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return dict(tomllib.loads(text).get("data", {}))
    except (OSError, ValueError) as error:
        raise InputError(f"The run's {path} cannot be read: {error}.") from error
