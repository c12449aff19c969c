"""Reading and writing tables: rows a second, beside Python's csv and float in the same run."""

import csv
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.run import show_whole

if TYPE_CHECKING:
    from runtime.streams.scores import Scores
    from runtime.tables.columns import Block

ROWS = 100_000
ROUNDS = 5
KINDS = ("iso, points", "day first, decimal commas", "units and words", "json lines")


def plan(session: Session) -> list[Planned]:
    """Returns a case per kind of table."""
    return [Planned(keys={"table": kind}, again=True) for kind in KINDS]


def measure(one: Planned, session: Session) -> Rows:
    """Reads, scores with the moving Gaussian, and writes; processor time, medians of rounds."""
    from benchmarks.protocol.models import export_fitted
    from kad.detectors.gaussian import MovingGaussian
    from runtime import Detector, Stream
    from runtime.clock.timestamps import TimeStyle
    from runtime.tables.reader import TableReader
    from runtime.tables.writers import ScoreWriter

    text = _table(one.keys["table"]).encode()
    channels = ["c0", "c1", "c2"]

    def read() -> "list[Block]":
        return list(TableReader(io.BytesIO(text), channels, period_s=60.0))

    plain = _table(KINDS[0])

    def reference() -> None:
        for row in csv.reader(io.StringIO(plain)):
            if row[0] != "time":
                [float(cell) for cell in row[1:]]

    blocks = read()
    detector = MovingGaussian(channels, period_s=60.0)
    detector.fit(_frame(blocks, channels))
    with tempfile.TemporaryDirectory() as name:
        file = export_fitted(detector, Path(name))
        loaded = Detector(file)
    scores: list[Scores] = []

    def score() -> None:
        stream = Stream(loaded)
        scores[:] = [stream.push_many(*block) for block in blocks]

    def write() -> None:
        writer = ScoreWriter(io.BytesIO(), channels, TimeStyle())
        writer.header()
        for part in scores:
            writer.write(part)

    seconds = {f.__name__: _seconds(f) for f in (reference, read, score, write)}
    whole = seconds["read"] + seconds["score"] + seconds["write"]
    return {
        "reading": [
            {
                **one.keys,
                "read_rows_s": ROWS / seconds["read"],
                "read_by_csv": seconds["read"] / seconds["reference"],
                "write_rows_s": ROWS / seconds["write"],
                "read_share": seconds["read"] / whole,
                "write_share": seconds["write"] / whole,
            }
        ]
    }


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def _frame(blocks: "list[Block]", channels: list[str]) -> pd.DataFrame:
    times = np.concatenate([block.times_ns for block in blocks])[:5000]
    values = np.concatenate([block.values for block in blocks])[:5000]
    return pd.DataFrame(values, index=pd.DatetimeIndex(times.view("M8[ns]")), columns=channels)


def _table(kind: str) -> str:
    values = 20 + np.random.default_rng(0).normal(size=(ROWS, 3)).round(3)
    stamps = np.datetime64("2024-03-04T00:00:00") + 60 * np.arange(ROWS)
    iso = np.datetime_as_string(stamps, unit="s").tolist()
    lines = []
    for row, (stamp, numbers) in enumerate(zip(iso, values.tolist(), strict=True)):
        a, b, c = numbers
        if kind == KINDS[0]:
            lines.append(f"{stamp.replace('T', ' ')},{a},{b},{c}")
        elif kind == KINDS[1]:
            day = f"{stamp[8:10]}.{stamp[5:7]}.{stamp[:4]} {stamp[11:]}"
            lines.append(f"{day};{a};{b};{c}".replace(".", ",").replace(day.replace(".", ","), day))
        elif kind == KINDS[2]:
            lines.append(f"{stamp},{a} kW,{'Bad' if row % 50 == 0 else b},{c} %")
        else:
            lines.append(f'{{"time": "{stamp}", "c0": {a}, "c1": {b}, "c2": {c}}}')
    mark = ";" if kind == KINDS[1] else ","
    header = "" if kind == KINDS[3] else mark.join(["time", "c0", "c1", "c2"]) + "\n"
    return header + "\n".join(lines) + "\n"


BENCHMARK = Benchmark(plan=plan, measure=measure, show=show_whole, tables={"reading": ("table",)})
