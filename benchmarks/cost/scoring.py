"""Microseconds per sample of the exported file, and of its matrix products alone."""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cost import detectors
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.processes import ONE_THREAD, measured_apart
from benchmarks.protocol.run import show_whole

SHAPES = ((1, 1), (64, 1), (256, 1), (1, 512))
MODELS = (("512 units", 512, 1), ("128 units", 128, 1), ("512 units, paper's score", 512, 11))
L_WIN, L_SEQ, CODE, LSTM = 48, 12, 6, 64


WHAT = ("every detector", "the VAE-LSTM, beside its matrix products")


def plan(session: Session) -> list[Planned]:
    """Returns two tables: of all detectors, and of one beside numpy."""
    return [Planned(keys={"what": what}, again=True) for what in WHAT]


def measure(one: Planned, session: Session) -> Rows:
    """Exports models, then measures in a process whose BLAS has one thread."""
    if one.keys["what"] == WHAT[0]:
        return {"scoring_detectors": detectors.costs()}
    from benchmarks.protocol.models import export_fitted, fitted

    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, tuple[str, int, int]] = {}
        for label, units, windows in MODELS:
            place = Path(folder) / str(len(files))
            place.mkdir()
            file = export_fitted(fitted(hidden_units=units, score_windows=windows), place)
            files[label] = (str(file), units, windows)
        rows = measured_apart("benchmarks.cost.scoring", question=files, environment=ONE_THREAD)
    return {"scoring": rows}


def _measure(files: dict[str, tuple[str, int, int]]) -> list[dict[str, object]]:
    from runtime import Detector, Stream, StreamBatch

    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for label, (file, units, windows) in files.items():
        detector = Detector(file)
        for streams, steps in SHAPES:
            x = rng.normal(20, 1, (streams, steps, 1)).astype("float32")
            state = rng.normal(0, 0.1, (streams, detector.metadata.state_size)).astype("float32")
            state[:, 0] = L_SEQ * L_WIN
            samples = streams * steps
            chunk = min(steps, detector.metadata.max_steps)
            bare_products = _products(units, windows, streams * chunk)
            ours, bare = interleaved(partial(detector.step, x, state), bare_products)
            bare *= steps / chunk
            rows.append(
                {
                    "model": label,
                    "streams": streams,
                    "steps": steps,
                    "us_per_sample": round(ours / samples * 1e6, 1),
                    "products_us_per_sample": round(bare / samples * 1e6, 1),
                    "share_of_products": round(bare / ours, 2),
                }
            )
        stream = Stream(detector)
        minutes = itertools.count()
        pushed = _once(partial(_push, stream, minutes), 300)
        rows.append(
            {
                "model": label,
                "streams": 1,
                "steps": "Stream.push",
                "us_per_sample": round(pushed * 1e6, 1),
            }
        )
        names = [f"s{i}" for i in range(256)]
        batch = StreamBatch(detector, names)
        pushed = _once(partial(_push_batch, batch, itertools.count()), 20)
        rows.append(
            {
                "model": label,
                "streams": 256,
                "steps": "StreamBatch.push_many",
                "us_per_sample": round(pushed / 256 * 1e6, 1),
            }
        )
    return rows


def _push(stream: Any, minutes: Iterator[int]) -> None:
    stream.push(60 * next(minutes), [20.0])


def _push_batch(batch: Any, minutes: Iterator[int]) -> None:
    times = np.full(256, 60 * 10**9 * next(minutes))
    batch.push_many(np.arange(256), times, np.full((256, 1), 20.0))


def _products(units: int, windows: int, samples: int) -> Callable[[], None]:
    """Returns the detector's matrix products in numpy, with the shapes of one call."""
    from kad.networks.vae_lstm.conv_plan import conv_plan

    plan = conv_plan(L_WIN, units)
    shapes = []
    length, features = L_WIN + 2 * plan.pad, 1
    for filters, stride in zip(plan.encoder_filters, plan.strides, strict=False):
        length = -(-length // stride)
        shapes.append((samples * length, 3 * features, filters))
        features = filters
    shapes += [(samples, plan.last_encoder_kernel * features, units), (samples, units, 4 * CODE)]
    shapes += [(samples, 4 * CODE, CODE)]
    for inputs in (CODE, LSTM):
        shapes.append((samples * (L_SEQ - 1), inputs, 4 * LSTM))
        shapes += [(samples, LSTM, 4 * LSTM)] * (L_SEQ - 1)
    shapes.append((samples * (L_SEQ - 1), LSTM, CODE))
    decoded = samples * windows
    first = plan.lengths[0] * plan.decoder_filters[0]
    shapes += [(decoded, CODE, units), (decoded, units, first)]
    for rows, filters in list(zip(plan.lengths, plan.decoder_filters, strict=True))[:3]:
        shapes.append((decoded * rows, 3 * filters, filters))
    shapes.append((decoded * L_WIN, plan.last_decoder_kernel * plan.decoder_filters[3], 1))
    return products(shapes)


def products(shapes: list[tuple[int, int, int]]) -> Callable[[], None]:
    """Returns a function that multiplies `(n, k)` by `(k, m)` matrices, for each `(n, k, m)`."""
    rng = np.random.default_rng(0)
    pairs = [
        (rng.normal(size=(n, k)).astype("float32"), rng.normal(size=(k, m)).astype("float32"))
        for n, k, m in shapes
    ]

    def multiply() -> None:
        for a, b in pairs:
            np.matmul(a, b)

    return multiply


def interleaved(ours: Callable[[], object], reference: Callable[[], object]) -> tuple[float, float]:
    """Returns the medians of both, measured in turn so that drift hits both."""
    for _ in range(3):
        ours()
        reference()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + 3.0
    while time.perf_counter() < end or len(times[0]) < 5:
        for function, kept in zip((ours, reference), times, strict=True):
            start = time.perf_counter()
            function()
            kept.append(time.perf_counter() - start)
    return float(np.median(times[0])), float(np.median(times[1]))


def _once(function: Callable[[], object], calls: int) -> float:
    for _ in range(calls // 10):
        function()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


BENCHMARK = Benchmark(
    plan=plan, measure=measure, show=show_whole, tables={"scoring_detectors": (), "scoring": ()}
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(json.load(sys.stdin))))
