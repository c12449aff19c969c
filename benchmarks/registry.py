"""All benchmarks by name. To add one, write a module with a `BENCHMARK` and a line here."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.protocol.benchmark import Benchmark


@dataclass(frozen=True)
class Entry:
    """A benchmark, not imported yet."""

    module: str
    """Where its `BENCHMARK` stands; `{data}` is what `--data` says."""
    help: str
    """One line."""
    options: tuple[str, ...] = ()
    """Those of `benchmarks.__main__` that it takes."""

    def load(self, data: str = "pump") -> "Benchmark":
        """Imports it."""
        found: Benchmark = importlib.import_module(self.module.format(data=data)).BENCHMARK
        return found


TRAINED = ("variants", "seeds", "jobs", "fresh", "retry", "stale")
BENCHMARKS = {
    "nab": Entry(
        "benchmarks.detection.nab",
        "The Numenta Anomaly Benchmark: all 58 series.",
        (*TRAINED, "column", "recipes"),
    ),
    "skab": Entry(
        "benchmarks.detection.skab",
        "The Skoltech Anomaly Benchmark: outliers among the rows of 34 experiments.",
        TRAINED,
    ),
    "discords": Entry(
        "benchmarks.detection.discords",
        "The sixteen discords and the year of taxi rides, by every detector.",
        TRAINED,
    ),
    "ucr": Entry(
        "benchmarks.detection.ucr",
        "The UCR anomaly archive: 98 series of 11 families, one anomaly each.",
        ("detector", "families", *TRAINED[1:]),
    ),
    "severity": Entry(
        "benchmarks.detection.severity",
        "Normal rows above severity 2, 3 and 4, from the scores that the others keep.",
        ("detector", "seeds", "stale"),
    ),
    "paper": Entry(
        "benchmarks.detection.paper",
        "The VAE-LSTM paper's five series by its protocol, by every detector.",
        TRAINED,
    ),
    "faults": Entry(
        "benchmarks.detection.faults",
        "Faults of a synthetic pump that are found, and false alarms.",
        ("detector", "seeds", "fresh"),
    ),
    "multichannel": Entry(
        "benchmarks.detection.multichannel",
        "Faults between sensors: broken correlation, dead and stuck ones, a drift common to all.",
        ("detector", "seeds", "fresh"),
    ),
    "compensation": Entry(
        "benchmarks.detection.compensation",
        "The RNN predictor's compensation on the discords: a network or support vectors.",
        ("fresh",),
    ),
    "restarts": Entry(
        "benchmarks.detection.restarts",
        "Rows after an outage by two rules of restart, and after the training, cold and warm.",
        ("detector", "fresh"),
    ),
    "budget": Entry(
        "benchmarks.budgets.{data}",
        "Events on normal data that was never seen, against the false-alarm budget.",
        ("detector", "data", "seeds", "jobs", "fresh", "retry", "stale"),
    ),
    "training": Entry(
        "benchmarks.cost.training",
        "Seconds per epoch on nyc_taxi for every backend, beside plain Keras.",
    ),
    "scoring": Entry(
        "benchmarks.cost.scoring",
        "Microseconds per sample of the exported file, one thread, for every detector.",
    ),
    "single_step": Entry(
        "benchmarks.cost.single_step",
        "One row of one stream: kernels a run, and times beside River and silero-vad.",
        ("detector",),
    ),
    "engines": Entry(
        "benchmarks.cost.engines",
        "Step files in ONNX Runtime, OpenVINO and tract: microseconds and numbers.",
        ("detector",),
    ),
    "predictor": Entry(
        "benchmarks.cost.predictor",
        "The RNN predictor: seconds per epoch, µs per sample, beside the original's loops.",
    ),
    "cells": Entry(
        "benchmarks.cost.cells",
        "The RNN predictor's cells beside the LSTM: seconds per epoch, µs per sample.",
    ),
    "footprint": Entry(
        "benchmarks.cost.footprint",
        "Size, import time and memory of a gateway's installation.",
    ),
    "memory": Entry(
        "benchmarks.cost.memory",
        "Peak memory for long series and large files.",
    ),
    "reading": Entry(
        "benchmarks.cost.reading",
        "Reading and writing tables: rows a second, and their share of scoring.",
    ),
    "report": Entry(
        "benchmarks.cost.report",
        "Long series in a report: seconds to write it, its size, how fast a browser is with it.",
    ),
    "gateway": Entry(
        "benchmarks.gateway.throughput",
        "1,000 streams at 1 Hz through broker and gateway, then as many as it keeps up with.",
        ("detector", "minutes"),
    ),
    "parity": Entry(
        "benchmarks.parity.backends",
        "The largest gap between the backends and ONNX.",
    ),
}
