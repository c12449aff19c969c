"""Memory of long series, files of any size, and many channels: every step of every detector."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.processes import measured_apart
from benchmarks.protocol.run import show_whole
from kad.detectors import detector_names

TRAINED_ROWS = (1_000_000, 10_000_000)
SCORED_ROWS = (100_000, 2_000_000)
CHANNELS = (1, 8, 40, 220)
WIDE_ROWS = 1000
"""Of a series with many channels; the preset is the one for their number, of one epoch."""


def plan(session: Session) -> list[Planned]:
    """Returns every detector on few and many channels, and what has two lengths each."""
    lengths = (("train", TRAINED_ROWS), ("score", SCORED_ROWS))
    return [
        *(
            Planned(keys={"detector": detector, "channels": channels})
            for channels in CHANNELS
            for detector in detector_names()
        ),
        *(
            Planned(keys={"what": what, "rows": rows}, again=True)
            for what, several in lengths
            for rows in several
        ),
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Measures the peak memory of processes of their own."""
    if "channels" in one.keys:
        return {"memory_wide": _wide(**one.keys)}
    length = one.keys["rows"]
    if one.keys["what"] == "train":
        return {"memory": [_child("train", str(length))]}
    from benchmarks.protocol.models import export_fitted, fitted

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = export_fitted(fitted(hidden_units=16, l_win=8), folder)
        data = folder / f"{length}.csv"
        times = np.arange(length) * 60
        values = np.random.default_rng(0).normal(20, 1, length).round(3)
        pd.DataFrame({"time": times, "c0": values}).to_csv(data, index=False)
        return {"memory": [_child("score", str(file), str(data), str(length))]}


def _wide(detector: str, channels: int) -> list[dict[str, object]]:
    """Trains, exports and scores a detector as a user would, each step in its own process.

    A step that was refused or stopped (`peak_memory.MOST_SECONDS`) says so in its row, and ends the
    case.
    """
    from kad.config import build_config

    chosen = build_config(detector=detector).for_channels(channels)
    names = [f"c{i}" for i in range(channels)]
    needed = chosen.detector(names, **chosen.arguments).memory_needed(WIDE_ROWS)._asdict()
    epochs = ("--epochs", "1") if chosen.detector.has_networks else ()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        data, run = Path(name) / "data.csv", Path(name) / "run"
        _frame(channels).to_csv(data, index_label="time")
        steps = {
            "train": ("command", "train", data, "--detector", detector, "--out", run, *epochs),
            "export": ("export", run),
            "score": ("rows", run / "detector.onnx", data),
        }
        for what, arguments in steps.items():
            answer = _step(*map(str, arguments))
            rows.append(
                {
                    "detector": detector,
                    "channels": channels,
                    "what": what,
                    "rows": WIDE_ROWS,
                    "seconds": answer.get("seconds"),
                    "peak_mb": answer.get("peak_mb"),
                    "estimated_mb": round(needed[what] / 1e6),
                    "refused": answer.get("refused"),
                }
            )
            if "refused" in answer:
                break
    return rows


def _step(*arguments: str) -> dict[str, object]:
    """Returns what a step took, or why it was refused."""
    try:
        return _child(*arguments)
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if not (found := re.search(r"(needs about [^:]*\. Received.*?)To try nevertheless", said)):
            raise
        return {"refused": f"refused: {found[1].strip()}"}


def _frame(channels: int) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), np.arange(WIDE_ROWS)
    waves = np.sin(rows[:, None] / rng.uniform(5, 50, channels))
    values = waves + 0.1 * rng.normal(size=waves.shape)
    names = [f"c{i}" for i in range(channels)]
    return pd.DataFrame(values.round(3), columns=names, index=rows * 60)


def _child(*arguments: str) -> dict[str, object]:
    return dict(measured_apart("benchmarks.cost.peak_memory", *arguments))


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show_whole,
    tables={"memory": (), "memory_wide": ("detector", "channels", "what")},
    trains_here=True,
)
