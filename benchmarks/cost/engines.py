"""Step files in other engines than ONNX Runtime: microseconds of a step, and how far numbers are.

One thread each, one process, in rounds, CPU time as in `single_step`. A step here is what a runtime
needs of an engine: it takes new arrays and leaves arrays of its own, so copies in and out count.
Gaps are those of a stream of `ROWS` rows after the warm-up, some of them missing, in which each
engine feeds back its own state: what accumulates is in them. `onnx` is the standard's reference
implementation in numpy, for its numbers and not for its speed.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cost.detectors import exported, hardly_trained, warm_state
from benchmarks.cost.kernels import session as onnxruntime_session
from benchmarks.cost.kernels import step_file
from benchmarks.cost.single_step import DETECTORS, in_rounds, plan, say_missing
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.models import noisy_sine
from benchmarks.protocol.processes import ONE_THREAD, LineProcess, installed
from benchmarks.protocol.run import show_whole
from benchmarks.protocol.streaming import network_inputs
from kad.detectors import detector_names
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS

ROWS = 500
QUIET = {**ONE_THREAD, "CI": "true"}
"""Else `import openvino` sends an event over the network, and keeps an id in `~/intel`."""
ROUNDS, CALLS = 60, 8
SLOW_CALLS = 1
"""Of the reference implementation, in each round."""

Array = np.ndarray
Step = Callable[[Array, Array], Sequence[Array]]
"""One step: from `x` and `state` to the outputs in the order of `OUTPUTS`."""


def onnxruntime_step(file: Path, x: Array, state: Array) -> Step:
    """The reference: as the runtime calls it."""
    opened = onnxruntime_session(file)

    def step(x: Array, state: Array) -> Sequence[Array]:
        outputs: Sequence[Array] = opened.run([*OUTPUTS], {"x": x, "state": state})
        return outputs

    return step


def openvino_step(file: Path, x: Array, state: Array) -> Step:
    """One request with its tensors bound once; arrays are copied in and out.

    A dictionary of inputs costs some 60 µs a call; `start_async` and `wait` do not build one. With
    no stream of its own OpenVINO runs in the thread that calls: with one, each call waits for
    another thread.
    """
    import openvino

    options = {
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 0,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(file), "CPU", options).create_infer_request()
    inputs = [request.get_tensor(name).data for name in ("x", "state")]
    outputs = [request.get_tensor(name).data for name in OUTPUTS]

    def step(x: Array, state: Array) -> Sequence[Array]:
        inputs[0][...] = x
        inputs[1][...] = state
        request.start_async()
        request.wait()
        return [array.copy() for array in outputs]

    return step


def tract_step(file: Path, x: Array, state: Array) -> Step:
    """Sonos' engine in Rust: inputs and outputs by position, names of outputs are lost."""
    import tract

    model = tract.onnx().load(file)
    for number, array in enumerate((x, state)):
        model.set_input_fact(number, ",".join([*map(str, array.shape), "f32"]))
    runnable = model.into_model().into_runnable()
    return lambda x, state: [tensor.to_numpy() for tensor in runnable.run([x, state])]


def reference_step(file: Path, x: Array, state: Array) -> Step:
    """The standard's reference implementation, in numpy."""
    from onnx.reference import ReferenceEvaluator

    model = ReferenceEvaluator(str(file))

    def step(x: Array, state: Array) -> Sequence[Array]:
        outputs: Sequence[Array] = model.run([*OUTPUTS], {"x": x, "state": state})
        return outputs

    return step


ENGINES: dict[str, Callable[[Path, Array, Array], Step]] = {
    "onnxruntime": onnxruntime_step,
    "openvino": openvino_step,
    "tract": tract_step,
    "onnx": reference_step,
}
"""By the name of the module, and of the package, that brings each."""


def measure(one: Planned, session: Session) -> Rows:
    """Exports a step file, then runs it in every engine that is installed.

    Raises:
        RuntimeError: The exporter cannot freeze this detector.
    """
    say_missing({name: name for name in ENGINES}, session.console)
    with (
        tempfile.TemporaryDirectory() as folder,
        LineProcess("benchmarks.cost.engines", environment=QUIET) as process,
    ):
        file = frozen(one.keys["detector"], one.keys["channels"], Path(folder) / "run")
        rows = process.ask(str(file))
    return {"engines": [{**one.keys, **row} for row in rows]}


def frozen(name: str, channels: int, folder: Path) -> Path:
    """Returns a file of one stream and one step: the step file, or a plain export of these sizes.

    Raises:
        RuntimeError: The exporter cannot freeze this detector.
    """
    from export import export

    run = hardly_trained(name, channels, folder)
    try:
        if beside := step_file(exported(run)):
            return beside
        return export(run, run / "detector.step.onnx", streams=1, steps=1).path
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise RuntimeError(f"It cannot be frozen at one stream and one step: {reason}") from error


def figures(file: Path) -> list[dict[str, Any]]:
    """Returns a row for each engine that is installed; one that fails says why."""
    from runtime import Detector

    detector = Detector(file)
    meta = detector.metadata
    frame = noisy_sine(meta.warmup_steps + 100 + ROWS, list(detector.channels))
    frame.iloc[-ROWS::37] = np.nan
    x = network_inputs(meta, frame)[:, -ROWS:]
    state = warm_state(detector, frame.iloc[:-ROWS])[None]
    rows: dict[str, dict[str, Any]] = {}
    steps: dict[str, Step] = {}
    expected: list[Array] = []
    for name in installed(*ENGINES):
        rows[name] = {"engine": name, "version": version(name)}
        start = time.perf_counter()
        try:
            step = ENGINES[name](file, x[:, :1], state)
            rows[name]["load_s"] = time.perf_counter() - start
            found = streamed(step, x, state)
        except Exception as error:  # noqa: BLE001
            rows[name]["failed"] = " ".join(str(error).split())[:200]
            continue
        steps[name] = step
        expected = expected or found
        gaps = {
            output: relative_gap(actual, wanted, output=output)
            for output, actual, wanted in zip(OUTPUTS, found, expected, strict=True)
        }
        rows[name] |= {"gap_state": gaps.pop("next_state"), "gap": max(gaps.values())}
    times = in_rounds(
        {
            name: (partial(step, x[:, :1], state), SLOW_CALLS if name == "onnx" else CALLS)
            for name, step in steps.items()
        },
        ROUNDS,
    )
    for name in steps:
        rows[name] |= {"us": float(np.median(times.cpu[name]))}
        for clock, of in (("", times.cpu), ("_wall", times.wall)):
            rows[name][f"by_onnxruntime{clock}"] = float(np.median(of[name] / of["onnxruntime"]))
    return [*rows.values()]


def streamed(step: Step, x: Array, state: Array) -> list[Array]:
    """Returns the outputs of one step after the other, each stacked, the state fed back."""
    outputs = []
    for row in range(x.shape[1]):
        outputs.append([np.array(array) for array in step(x[:, row : row + 1], state)])
        state = outputs[-1][OUTPUTS.index("next_state")]
    return [np.stack(arrays) for arrays in zip(*outputs, strict=True)]


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show_whole,
    tables={"engines": ("detector", "channels", "engine")},
    default=DETECTORS,
    known=detector_names(),
)


if __name__ == "__main__":
    from benchmarks.protocol.processes import serve

    serve(lambda file: figures(Path(file)))
