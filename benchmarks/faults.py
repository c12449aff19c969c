"""Faults of a machine: what is found, and at the cost of how many false alarms.

A synthetic pump with five channels: a detector is trained on its first two weeks, exported, and the
next two weeks, which have a fault of each kind, are streamed through `runtime`. The thresholds are
the file's own for a false-alarm budget. The weights of the preset `multichannel` were chosen on
other pumps.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.exporting import ExportProcess
from benchmarks.judging import RANDOM, by_chance
from benchmarks.results_file import ResultsFile
from kad.backend import select_backend
from kad.frames import times_ns
from kad.metrics import evaluate
from kad.metrics.ranges import to_mask, windows_to_ranges
from runtime.budget import event_threshold
from runtime.events import Event

PERIOD_S = 300
DAYS = 28
TRAINING_ROWS = DAYS // 2 * 86_400 // PERIOD_S
BUDGETS = ("1/week", "1/day")
FIRST_PUMP = 6
"""Pumps 0 to 5 chose the weights of `multichannel`."""


def run(*, detectors: list[str], seeds: int, fresh: bool, console: Console) -> pd.DataFrame:
    """Trains what has not been measured yet and returns the whole table."""
    results = ResultsFile("faults", ("detector", "seed", "budget"), fresh=fresh)
    select_backend()
    with ExportProcess() as exporter:
        for seed in range(FIRST_PUMP, FIRST_PUMP + seeds):
            for detector in detectors:
                case = {"detector": detector, "seed": seed}
                if results.has(**case, budget=BUDGETS[-1]):
                    continue
                console.print(f"{detector}, pump {seed}")
                try:
                    rows = _measure(detector, seed, exporter)
                except RuntimeError as error:
                    # A network that ONNX repeats just outside the tolerance: no file, no row.
                    console.print(f"left out: {error}")
                    continue
                results.replace([{**case, **row} for row in rows])
            results.add(detector=RANDOM, seed=seed, budget="none", **_chance(seed))
    return results.table


def _measure(detector: str, seed: int, exporter: ExportProcess) -> list[dict[str, Any]]:
    from kad.config import build_config
    from kad.pump import pump
    from kad.run import train
    from runtime import Detector, EventDetector, Stream

    frame, faults = pump(days=DAYS, period_s=PERIOD_S, seed=seed)
    config = build_config(detector=detector, overrides={"training": {"seed": seed}})
    with tempfile.TemporaryDirectory() as folder:
        trained = train(config, frame.iloc[:TRAINING_ROWS], out=Path(folder) / "run")
        file = Detector(exporter.export(trained.folder))
    meta = file.metadata
    scores = Stream(file).push_many(times_ns(frame), frame.to_numpy("float64"))
    rows = []
    for budget in BUDGETS:
        threshold = event_threshold(
            budget, period_s=meta.period_s, calibration=meta.calibration, policy=meta.alarm
        ).threshold
        finder = EventDetector.of(meta, threshold=threshold)
        events = [*finder.update(scores), *finder.finish()]
        rows.append(
            {
                "budget": budget,
                **found(events, faults, since=frame.index[TRAINING_ROWS]),
                "normal_in_events": _share(events, frame, faults),
                "threshold": threshold,
                **_figures(frame, faults, scores.score, scores.severity >= threshold),
            }
        )
    return rows


def found(events: list[Event], faults: pd.DataFrame, *, since: pd.Timestamp) -> dict[str, Any]:
    """Returns which faults have an event, what the events blame, and how many lie outside.

    Args:
        events: Of one stream.
        faults: Columns `start`, `end`, both inside, `kind` and `channels`, comma-separated.
        since: Events that begin earlier do not count.
    """
    spans = [tuple(pd.to_datetime([e.start_ns, e.end_ns])) for e in events]
    counted = [(e, *span) for e, span in zip(events, spans, strict=True) if span[0] >= since]
    used: set[int] = set()
    missed, blamed, delays = [], [], []
    for fault in faults.itertuples():
        hits = [
            number
            for number, (_, start, end) in enumerate(counted)
            if start <= fault.end and end >= fault.start
        ]
        used |= set(hits)
        if not hits:
            missed.append(fault.kind)
            continue
        first, start, _ = counted[hits[0]]
        blamed.append(first.channels[0] in fault.channels.split(","))
        delays.append(max((start - fault.start).total_seconds(), 0.0) / 3600)
    return {
        "faults": len(faults),
        "found": len(faults) - len(missed),
        "outside": len(counted) - len(used),
        "blamed_rightly": sum(blamed),
        "delay_h": float(np.median(delays)) if delays else np.nan,
        "missed": " ".join(missed),
    }


def _share(events: list[Event], frame: pd.DataFrame, faults: pd.DataFrame) -> float:
    """Returns the share of the rows without a fault that lie in events."""
    times = times_ns(frame)
    alarmed = to_mask(
        windows_to_ranges([(e.start_ns, e.end_ns) for e in events], times), len(times)
    )
    normal = _keep(frame) & ~to_mask(_ranges(frame, faults), len(times))
    return float(alarmed[normal].mean())


def _figures(
    frame: pd.DataFrame, faults: pd.DataFrame, score: np.ndarray, detected: np.ndarray
) -> dict[str, float]:
    labels = _ranges(frame, faults)
    figures = evaluate(score, labels, detected=detected, keep=_keep(frame), period_s=PERIOD_S)
    return {name: figures[name] for name in ("f1", "average_precision", "vus_pr")}


def _chance(seed: int) -> dict[str, float]:
    from kad.pump import pump

    frame, faults = pump(days=DAYS, period_s=PERIOD_S, seed=seed)
    figures = by_chance(_ranges(frame, faults), _keep(frame), period_s=PERIOD_S, seed=seed)
    return {name: figures[name] for name in ("f1", "average_precision", "vus_pr")}


def _ranges(frame: pd.DataFrame, faults: pd.DataFrame) -> list[tuple[int, int]]:
    starts, ends = (
        faults[name].astype("datetime64[ns]").astype("int64") for name in ("start", "end")
    )
    return windows_to_ranges([*zip(starts, ends, strict=True)], times_ns(frame))


def _keep(frame: pd.DataFrame) -> np.ndarray:
    return np.arange(len(frame)) >= TRAINING_ROWS


def show(table: pd.DataFrame, console: Console) -> None:
    """Prints sums over the pumps, and means of the score's figures."""
    groups = table.groupby(["detector", "budget"], sort=False)
    summary = groups[["faults", "found", "outside", "blamed_rightly"]].sum(min_count=1)
    means = ["normal_in_events", "delay_h", "average_precision", "vus_pr"]
    summary[means] = groups[means].mean()
    console.print(summary.round(3).to_string(), highlight=False)
