"""Faults of a machine: what is found, and at the cost of how many false alarms.

A synthetic pump with five channels: a detector is trained on its first two weeks, exported, and the
next two weeks, which have a fault of each kind, are streamed through `runtime`. The thresholds are
the file's own for a false-alarm budget. The weights of the preset `multichannel` were chosen on
other pumps.
"""

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.detection.judging import RANDOM, by_chance
from benchmarks.protocol import cases
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.exporting import ExportProcess
from benchmarks.protocol.fingerprint import code_fingerprint
from benchmarks.protocol.streaming import events_of, streamed
from kad.data.frames import times_ns
from kad.detectors import detector_names
from kad.metrics import evaluate
from kad.metrics.points import precision_recall
from kad.metrics.ranges import to_mask, windows_to_ranges
from runtime.alarms.budget import event_threshold
from runtime.alarms.events import Event
from runtime.files import write_atomically

if TYPE_CHECKING:
    from kad.pump import PumpData

PERIOD_S = 300
DAYS = 28
TRAINING_ROWS = DAYS // 2 * 86_400 // PERIOD_S
BUDGETS = ("1/week", "1/day")
FIGURES = ("average_precision", "vus_pr")
FIRST_PUMP = 6
"""Pumps 0 to 5 chose the weights of `multichannel`."""


def plan(session: Session) -> list[Planned]:
    """Returns every detector and a random score, pump by pump."""
    return [
        Planned(keys={"detector": detector, "seed": seed})
        for seed in range(FIRST_PUMP, FIRST_PUMP + session.options.seeds)
        for detector in (*session.options.names, RANDOM)
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Returns what is found at each budget. A file that ONNX refuses has no rows."""
    detector, seed = one.keys["detector"], one.keys["seed"]
    if detector == RANDOM:
        return {"faults": [{**one.keys, "budget": "none", **_chance(seed)}]}
    rows = judged(detector, *pump_of(seed), seed=seed, exporter=session.exporter)
    return {"faults": [{**one.keys, **row} for row in rows]}


def judged(
    detector: str,
    frame: pd.DataFrame,
    faults: pd.DataFrame,
    *,
    seed: int,
    exporter: ExportProcess,
) -> list[dict[str, Any]]:
    """Trains on the first two weeks, exports, and judges the other two: a row per budget.

    Args:
        detector: Its name.
        frame: Readings, `2 * TRAINING_ROWS` rows.
        faults: As `kad.pump.pump` returns them.
        seed: Of the training.
        exporter: Exports the run.
    """
    from kad.config import build_config
    from kad.runs.train import train

    config = build_config(detector=detector, overrides={"training": {"seed": seed}})
    with tempfile.TemporaryDirectory() as folder:
        trained = train(config, frame.iloc[:TRAINING_ROWS], out=Path(folder) / "run")
        meta, scores = streamed(exporter.export(trained.folder), frame)
    labels = label_ranges(frame, faults)
    mask = to_mask(labels, len(frame))
    counted = np.arange(len(frame)) >= TRAINING_ROWS
    keep(detector, seed, scores.severity, counted & ~mask)
    figures = evaluate(scores.score, labels, keep=counted, period_s=PERIOD_S)
    rows = []
    for budget in BUDGETS:
        threshold = event_threshold(
            budget, period_s=meta.period_s, calibration=meta.calibration, policy=meta.alarm
        ).threshold
        events = events_of(meta, scores, threshold)
        windows = [(event.start_ns, event.end_ns) for event in events]
        alarmed = to_mask(windows_to_ranges(windows, times_ns(frame)), len(frame))
        detected = scores.severity >= threshold
        rows.append(
            {
                "budget": budget,
                **found(events, faults, since=frame.index[TRAINING_ROWS]),
                "normal_in_events": float(alarmed[counted & ~mask].mean()),
                "threshold": threshold,
                "f1": precision_recall(detected[counted], mask[counted]).f1,
                **{name: figures[name] for name in FIGURES},
            }
        )
    return rows


def kept_file(detector: str, seed: int) -> Path:
    """Returns where the severity of a pump is kept, outside git."""
    return cases.CACHE / "faults" / f"{detector}-{seed}.npz"


def keep(detector: str, seed: int, severity: np.ndarray, normal: np.ndarray) -> None:
    """Keeps the severity of a pump `(rows,)` and which rows are normal, bool `(rows,)`."""
    blob, code = io.BytesIO(), code_fingerprint(detector)
    np.savez_compressed(blob, severity=severity.astype("float32"), normal=normal, code=code)
    file = kept_file(detector, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, blob.getvalue())


def kept(
    detector: str, seed: int, *, stale: bool = False
) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Returns severity, normal rows and the code that made them; `None` where there are none.

    Args:
        detector: Name.
        seed: Of the pump.
        stale: Take those of other code, too.
    """
    file = kept_file(detector, seed)
    if not file.is_file():
        return None
    with np.load(file) as arrays:
        code = str(arrays["code"])
        if code != code_fingerprint(detector) and not stale:
            return None
        return arrays["severity"], arrays["normal"], code


def found(events: list[Event], faults: pd.DataFrame, *, since: pd.Timestamp) -> dict[str, Any]:
    """Returns which faults have an event, what the events blame, and how many lie outside.

    Args:
        events: Of one stream.
        faults: Columns `start`, `end`, both inside, `kind` and `channels`, comma-separated.
        since: Events that begin earlier do not count.
    """
    spans = [pd.to_datetime([e.start_ns, e.end_ns]) for e in events]
    counted = [
        (event, start, end)
        for event, (start, end) in zip(events, spans, strict=True)
        if start >= since
    ]
    used: set[int] = set()
    missed: list[str] = []
    blamed: list[bool] = []
    delays: list[float] = []
    rows: list[Any] = list(faults.itertuples())
    for fault in rows:
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


def _chance(seed: int) -> dict[str, float]:
    frame, faults = pump_of(seed)
    counted = np.arange(len(frame)) >= TRAINING_ROWS
    figures = by_chance(label_ranges(frame, faults), counted, period_s=PERIOD_S, seed=seed)
    return {name: figures[name] for name in ("f1", *FIGURES)}


def pump_of(seed: int) -> "PumpData":
    """Returns a pump of four weeks with faults, and what they are."""
    from kad.pump import pump

    return pump(days=DAYS, period_s=PERIOD_S, seed=seed)


def label_ranges(frame: pd.DataFrame, faults: pd.DataFrame) -> list[tuple[int, int]]:
    """Returns the half-open row ranges of the faults."""
    starts, ends = (
        faults[name].astype("datetime64[ns]").astype("int64") for name in ("start", "end")
    )
    return windows_to_ranges([*zip(starts, ends, strict=True)], times_ns(frame))


def show(tables: Tables, console: Console) -> None:
    """Prints sums over the pumps, and means of the score's figures."""
    groups = tables["faults"].groupby(["detector", "budget"], sort=False)
    summary = groups[["faults", "found", "outside", "blamed_rightly"]].sum(min_count=1)
    means = ["normal_in_events", "delay_h", *FIGURES]
    summary[means] = groups[means].mean()
    console.print(summary.round(3).to_string(), highlight=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"faults": ("detector", "seed", "budget")},
    default=("gaussian", "memory", "rnn", "vae-lstm", "ensemble"),
    known=detector_names(),
    trains_here=True,
)
