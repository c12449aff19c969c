"""Speed of the RNN predictor beside the original's loops, written in today's PyTorch."""

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cost.scoring import SHAPES, interleaved, products
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.processes import ONE_THREAD, installed, measured_apart
from benchmarks.protocol.run import show_whole

EPOCHS = 5
UNITS, DEPTH, STREAMS, CHUNK, ROWS, HORIZON = 32, 2, 64, 50, 100_000, 10
HEADS = ("recursive", "direct")


def plan(session: Session) -> list[Planned]:
    """Returns two tables: of training and of scoring."""
    return [Planned(keys={"what": what}, again=True) for what in ("training", "scoring")]


def measure(one: Planned, session: Session) -> Rows:
    """Measures one of both."""
    if one.keys["what"] == "training":
        return {"predictor_training": _trainings()}
    return {"predictor_scoring": _scorings()}


def _trainings() -> list[dict[str, Any]]:
    """Returns seconds per epoch on every installed backend, each in a process of its own."""
    backends = installed("jax", "tensorflow", "torch")
    names = [*backends, "original"] if "torch" in backends else backends
    rows: list[dict[str, Any]] = [
        measured_apart("benchmarks.cost.predictor", name) for name in names
    ]
    original = [row["epoch_s"] for row in rows if row["backend"] == "original"]
    for row in rows if original else ():
        row["times_faster"] = round(original[0] / row["epoch_s"], 1)
    return rows


def _measure(backend: str) -> dict[str, Any]:
    from datasets import load

    series = load("discords/nyc_taxi")
    frame = series.train_frame()
    if backend == "original":
        z = ((frame - frame.mean()) / frame.std()).to_numpy("float32")
        seconds = _original_training(z)
        return {"backend": "original", "epoch_s": round(float(np.median(seconds[1:])), 3)}
    from kad.backend import select_backend

    select_backend(backend)
    import keras

    from kad.config import build_config

    config = build_config(
        detector="rnn",
        overrides={"training": {"epochs": EPOCHS, "patience": 0, "learning_rate": 2e-4}},
    )
    keras.utils.set_random_seed(0)
    detector = config.detector(series.channels, period_s=series.period_s or 1.0, **config.arguments)
    history = detector.fit(frame, training=config.training)
    return {
        "backend": backend,
        "epoch_s": round(float(history["seconds"].iloc[1:].median()), 3),
        "first_epoch_s": round(float(history["seconds"].iloc[0]), 1),
    }


def _original_training(z: np.ndarray) -> list[float]:
    """Park's epochs: 100,000 rows in 64 streams, chunks of 50, three losses."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    channels = z.shape[1]
    rows = np.resize(z, (ROWS // STREAMS * STREAMS, channels))
    streams = torch.tensor(rows.reshape(STREAMS, -1, channels).transpose(1, 0, 2))
    encoder, decoder = nn.Linear(channels, UNITS), nn.Linear(UNITS, channels)
    recurrent, drop = nn.LSTM(UNITS, UNITS, DEPTH, dropout=0.2), nn.Dropout(0.2)
    parameters = [p for part in (encoder, recurrent, decoder) for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-4, weight_decay=1e-4)
    criterion = nn.MSELoss()

    def forward(x: Any, state: Any) -> tuple[Any, Any, Any]:
        hidden, state = recurrent(drop(encoder(x)), state)
        return decoder(drop(hidden)), state, hidden

    seconds = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        state = tuple(torch.zeros(DEPTH, STREAMS, UNITS) for _ in range(2))
        for first in range(0, len(streams) - 1, CHUNK):
            length = min(CHUNK, len(streams) - 1 - first)
            x = streams[first : first + length]
            target = streams[first + 1 : first + 1 + length]
            state = tuple(part.detach() for part in state)
            own, value, outputs, hiddens = state, x[0][None], [], []
            for _step in range(length):
                value, own, hidden = forward(value, own)
                outputs.append(value)
                hiddens.append(hidden)
            predicted, state, forced = forward(x, state)
            loss = (
                criterion(torch.cat(outputs), target)
                + criterion(predicted, target)
                + criterion(torch.cat(hiddens), forced.detach())
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 10.0)
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def _scorings() -> list[dict[str, Any]]:
    """Returns µs per sample of the exported file, one thread, beside numpy's matrix products."""
    from benchmarks.protocol.models import export_fitted, fitted_rnn

    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for head in HEADS:
            place = Path(folder) / head
            place.mkdir()
            files[head] = str(export_fitted(fitted_rnn(head=head), place))
        rows: list[dict[str, Any]] = measured_apart(
            "benchmarks.cost.predictor", "scoring", question=files, environment=ONE_THREAD
        )
    return rows


def _score_all(files: dict[str, str]) -> list[dict[str, Any]]:
    rows = [row for head, file in files.items() for row in _score(Path(file), head)]
    return [*rows, {"model": "original", "streams": 1, "steps": 1, **_original_scoring()}]


def _score(file: Path, head: str) -> list[dict[str, Any]]:
    from runtime import Detector

    rng = np.random.default_rng(0)
    detector, rows = Detector(file), []
    for streams, steps in SHAPES:
        x = rng.normal(20, 1, (streams, steps, 1)).astype("float32")
        state = rng.normal(0, 0.1, (streams, detector.metadata.state_size)).astype("float32")
        state[:, 0] = detector.metadata.warmup_steps + 1
        chunk = min(steps, detector.metadata.max_steps)
        bare_products = _products(head, streams, chunk)
        ours, bare = interleaved(partial(detector.step, x, state), bare_products)
        samples = streams * steps
        bare *= steps / chunk
        rows.append(
            {
                "model": head,
                "streams": streams,
                "steps": steps,
                "us_per_sample": round(ours / samples * 1e6, 1),
                "products_us_per_sample": round(bare / samples * 1e6, 1),
                "share_of_products": round(bare / ours, 2),
            }
        )
    return rows


def _products(head: str, streams: int, steps: int) -> Any:
    """Returns the detector's matrix products in numpy, with the shapes of one call."""
    samples = streams * steps
    gates = 4 * UNITS
    layer = [(samples, UNITS, gates), *[(streams, UNITS, gates)] * steps]
    shapes = [(samples, 1, UNITS), *layer * DEPTH]
    if head == "direct":
        shapes.append((samples, UNITS, HORIZON))
    else:
        again = [(samples, 1, UNITS), *[(samples, UNITS, gates)] * 2 * DEPTH, (samples, UNITS, 1)]
        shapes += [(samples, UNITS, 1), *again * (HORIZON - 1)]
    shapes.append((samples, HORIZON, HORIZON))
    return products(shapes)


def _original_scoring() -> dict[str, float]:
    """Park's scoring: a recursion per sample in PyTorch, the covariance inverted every time."""
    if not installed("torch"):
        return {}
    import torch
    from torch import nn

    encoder, decoder = nn.Linear(1, UNITS), nn.Linear(UNITS, 1)
    recurrent = nn.LSTM(UNITS, UNITS, DEPTH)
    covariance = torch.eye(HORIZON) + 0.1
    times = []
    with torch.no_grad():
        state = tuple(torch.zeros(DEPTH, 1, UNITS) for _ in range(2))
        for _ in range(200):
            start = time.perf_counter()
            value = torch.randn(1, 1, 1)
            hidden, state = recurrent(encoder(value), state)
            value, own, errors = decoder(hidden), state, []
            for _ahead in range(HORIZON):
                errors.append(value)
                hidden, own = recurrent(encoder(value), own)
                value = decoder(hidden)
            error = torch.cat(errors).view(1, -1)
            float(error @ torch.inverse(covariance) @ error.T)
            times.append(time.perf_counter() - start)
    return {"us_per_sample": round(float(np.median(times)) * 1e6, 1)}


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show_whole,
    tables={"predictor_training": (), "predictor_scoring": ()},
)


if __name__ == "__main__":
    what = sys.argv[1]
    print(json.dumps(_score_all(json.load(sys.stdin)) if what == "scoring" else _measure(what)))
