"""What a sample costs in the runtime, and how large its state is, for every detector of kad.

Detectors have their default sizes and are hardly trained; one thread.
"""

import tempfile
import time
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.protocol.models import noisy_sine
from benchmarks.protocol.processes import ONE_THREAD, LineProcess, serve
from benchmarks.protocol.streaming import network_inputs
from kad.backend import select_backend

SHAPES = ((1, 1), (64, 1), (256, 1), (1, 512))
"""Streams and steps of a call."""
CHANNELS = (1, 8)
ROWS = 4000
SECONDS = 2.0
"""How long each shape is repeated."""


def costs() -> list[dict[str, Any]]:
    """Exports every detector, then measures in a process with one thread."""
    from kad.detectors import detector_names

    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LineProcess("benchmarks.cost.detectors", environment=ONE_THREAD) as process,
    ):
        for name in detector_names():
            for channels in CHANNELS:
                file = exported(hardly_trained(name, channels, Path(folder) / f"{name}-{channels}"))
                costs = process.ask(str(file))
                size = round(file.stat().st_size / 1024)
                rows.append({"detector": name, "channels": channels, **costs, "onnx_kb": size})
    return rows


def exported(run: Path) -> Path:
    """Exports a run, with a step file beside the detector where the exporter makes one."""
    from export import export

    more: dict[str, Any] = {"step": True} if "step" in signature(export).parameters else {}
    return export(run, **more).path


def hardly_trained(name: str, channels: int, folder: Path, *, period_s: float = 60.0) -> Path:
    """Trains a detector with its default sizes for one epoch and returns the run's folder."""
    select_backend("tensorflow")
    from kad.config import build_config
    from kad.detectors import detector_class
    from kad.runs.train import train

    phases = [field for field in detector_class(name).Training.model_fields if "epochs" in field]
    overrides = {"training": dict.fromkeys(phases, 1)}
    config = build_config(detector=name, overrides=overrides)
    frame = noisy_sine(ROWS, [f"c{i}" for i in range(channels)], period_s=period_s)
    return train(config, frame, out=folder).folder


def _measure(file: str) -> dict[str, Any]:
    from runtime import Detector

    detector = Detector(file)
    meta = detector.metadata
    frame = noisy_sine(meta.warmup_steps + 512, list(detector.channels))
    warm = warm_state(detector, frame)
    rng = np.random.default_rng(0)
    figures: dict[str, Any] = {"state_size": meta.state_size}
    for streams, steps in SHAPES:
        x = rng.normal(20, 1, (streams, steps, len(meta.inputs))).astype("float32")
        microseconds = _median(detector, x, np.repeat(warm[None], streams, axis=0))
        figures[f"us_{streams}x{steps}"] = round(microseconds / (streams * steps), 1)
    return figures


def warm_state(detector: Any, frame: pd.DataFrame) -> np.ndarray:
    """Returns the state of a stream after a frame `(state_size,)`."""
    meta = detector.metadata
    x = network_inputs(meta, frame)
    state = np.zeros((1, meta.state_size), "float32")
    warm: np.ndarray = detector.step(x, state).next_state[0]
    return warm


def _median(detector: Any, x: np.ndarray, state: np.ndarray) -> float:
    """Returns the microseconds of a call."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        detector.step(x, state)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e6


if __name__ == "__main__":
    serve(_measure)
