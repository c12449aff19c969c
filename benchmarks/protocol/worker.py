"""The process that trains cases, has them exported, and scores them from the exported file."""

import gc
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.protocol.cases import Case, Scored, on_clock
from benchmarks.protocol.exporting import ExportProcess
from benchmarks.protocol.processes import serve
from kad.options import merged

if TYPE_CHECKING:
    from kad.runs.folder import Run


def _work(exporter: ExportProcess, question: dict[str, Any]) -> None:
    """Trains and scores a case into a file."""
    case = Case.from_dict(question["case"])
    try:
        measure(case, exporter).save(case, Path(question["file"]))
    finally:
        _forget()


def train_case(case: Case, frame: pd.DataFrame, out: Path) -> "Run":
    """Trains a case on its series and writes the run's folder."""
    from kad.config import build_config
    from kad.detectors import detector_class
    from kad.runs.train import train

    overrides = case.overrides
    if case.context:
        takes = detector_class(case.detector).takes_context
        overrides = merged({"data": {"context": takes}}, overrides)
    overrides = merged(overrides, {"data": {"train": "{}:{}".format(*case.train)}})
    config = build_config(detector=case.detector, preset=case.preset, overrides=overrides)
    return train(config, frame, out=out)


def measure(case: Case, exporter: ExportProcess) -> Scored:
    """Trains, exports and scores a case."""
    from benchmarks.detection.rescoring import error_streams
    from datasets import load

    frame = on_clock(load(case.series))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        trained = train_case(case, frame, Path(folder) / "run")
        exported = time.perf_counter()
        file = exporter.export(trained.folder)
        done = time.perf_counter()
        info = {
            "history": trained.history.to_csv(index=False),
            "calibration_scores": trained.detector.calibration_scores.tolist(),
            "least_scale": trained.detector.scoring.least_scale,
            "onnx_bytes": file.stat().st_size,
            "train_s": exported - started,
            "export_s": done - exported,
        }
        before = slice(*case.train) if case.primed else slice(0)
        scored = scored_by(file, frame, case.parts, info, before=frame.iloc[before])
        scoring = trained.detector.scoring
        if not case.error_streams or not scoring.is_adaptive:
            return scored
        info = {**scored.info, "error_streams": scoring.streams}
        return replace(scored, info=info, streams=error_streams(trained.detector, frame))


def scored_by(
    file: Path,
    frame: pd.DataFrame,
    parts: tuple[tuple[int, int], ...],
    info: dict[str, Any],
    *,
    before: pd.DataFrame | None = None,
) -> Scored:
    """Scores parts of a frame with a detector file, each as one stream.

    Args:
        file: The detector file.
        frame: The series.
        parts: Half-open ranges of rows.
        info: What else is known of the case.
        before: Rows that every stream sees first. Where they meet the part, something ends that did
            not end: the part's first rows, as many as the warm-up, score 0.
    """
    from kad.data.frames import times_ns
    from runtime import Detector, Stream

    detector = Detector(file)
    results, seconds, rows = [], 0.0, 0
    for start, end in parts:
        part = frame[list(detector.channels)].iloc[start:end]
        stream = Stream(detector)
        times, seen = times_ns(part), 0
        if before is not None and len(before):
            seen = len(before)
            earlier = times_ns(before)
            stream.push_many(earlier, before[list(detector.channels)].to_numpy("float64"))
            period_ns = round(detector.metadata.period_s * 1e9)
            shift = max(0, int(earlier[-1]) + period_ns - int(times[0]))
            times = times + -(-shift // period_ns) * period_ns
        began = time.perf_counter()
        scores = stream.push_many(times, part.to_numpy("float64"))
        seconds += time.perf_counter() - began
        rows += len(part)
        placed = scores.rows >= seen
        if seen:
            placed &= np.cumsum(placed) > detector.metadata.warmup_steps
        results.append(
            {
                name: _by_row(getattr(scores, name)[placed], scores.rows[placed] - seen, len(part))
                for name in ("score", "severity", "channel_scores")
            }
        )
    more = {"metadata": detector.metadata.to_json(), "us_per_sample": seconds / rows * 1e6}
    return Scored(info={**info, **more}, parts=results)


def _by_row(values: np.ndarray, rows: np.ndarray, length: int) -> np.ndarray:
    by_row = np.zeros((length, *values.shape[1:]), "float32")
    by_row[rows] = values
    return by_row


def _forget() -> None:
    """Frees what was compiled for the case: hundreds follow in this process."""
    import jax
    import keras

    keras.utils.clear_session()
    jax.clear_caches()
    gc.collect()


def main() -> None:
    """Answers cases until standard input ends."""
    from kad.backend import select_backend

    select_backend("jax")
    with ExportProcess() as exporter:
        serve(lambda question: _work(exporter, question))


if __name__ == "__main__":
    main()
