"""From a run to one `.onnx` file that is the whole detector."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kad.backend import select_backend
from runtime.errors import InputError, MissingExtraError
from runtime.model.schema import GOLDEN_KEY, INPUTS, METADATA_KEY

if TYPE_CHECKING:
    from kad.detector import Detector

GOLDEN_STEPS = 64
PARAMS = "params"
"""Name of the row of what belongs to one machine."""


class Exported(NamedTuple):
    """What an export wrote."""

    path: Path
    """The detector file."""
    gaps: dict[str, dict[str, float]]
    """Largest relative gap between ONNX and Keras per way of replaying and output."""
    components: tuple[Path, ...]
    """Files of the networks, where asked for."""
    metadata: Path | None = None
    """What the detector file says about itself as JSON, where asked for."""


def export(
    run: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    streams: int | None = None,
    steps: int | None = None,
    components: bool = False,
    metadata: bool = False,
) -> Exported:
    """Exports a trained detector, whatever backend it was trained on.

    The file is written only after a stream with missing samples was replayed through Keras and
    ONNX sample by sample, in chunks and whole, and all outputs agreed.

    Args:
        run: A run folder of `kad train`, or a `.keras` file.
        output: The `.onnx` file; `detector.onnx` in the run where not given.
        streams: Fixed number of streams.
        steps: Fixed number of steps in a call.
        components: Also write the networks, `<name>.onnx` beside the detector.
        metadata: Also write what the file says about itself as JSON, `<name>.json` beside it, for
            languages whose ONNX Runtime cannot read it (JavaScript).

    Returns:
        Where the files are and how large the gaps were.

    Raises:
        InputError: Not a run, not a fitted detector, steps beyond the detector's `max_steps`, or
            an output in the place of one of the run's files.
        VerificationError: ONNX and Keras disagree; no file was written.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    _need_tensorflow()
    from kad.runs.folder import EXPORTED, files_of, load
    from runtime.files import check_outputs, write_atomically
    from runtime.model.detector import Detector as OnnxDetector
    from runtime.tables.detector_json import metadata_json

    detector = load(run)
    for name, value in (("streams", streams), ("steps", steps)):
        if value is not None and value < 1:
            raise InputError(f"`{name}` must be at least 1. Received: {value}.")
    if steps is not None and steps > detector.max_steps:
        raise InputError(
            f"`steps` must be at most the detector's max_steps, {detector.max_steps}. "
            f"Received: {steps}."
        )
    where = Path(run)
    folder = where if where.is_dir() else where.parent
    path = Path(output) if output else folder / EXPORTED
    description = path.with_suffix(".json") if metadata else None
    networks = {name: path.parent / f"{name}.onnx" for name in detector.components()}
    written = {f"{name}.onnx of --components": place for name, place in networks.items()}
    check_outputs(
        {"--output": path, "--metadata": description, **(written if components else {})},
        inputs=files_of(run, but=EXPORTED),
    )
    if not path.parent.is_dir():
        raise InputError(f"The folder of {path} does not exist. Make it first.")
    frozen = {
        name: value for name, value in (("streams", streams), ("steps", steps)) if value is not None
    }
    content, gaps = _detector_file(detector, frozen)
    files = _component_files(detector) if components else {}
    for name, model in files.items():
        write_atomically(networks[name], model)
    if description is not None:
        write_atomically(description, metadata_json(OnnxDetector(content)))
    write_atomically(path, content)
    return Exported(path, gaps, tuple(networks[name] for name in files), description)


def _detector_file(
    detector: "Detector", frozen: dict[str, int]
) -> tuple[bytes, dict[str, dict[str, float]]]:
    import keras

    from export.onnx_graph import set_metadata, to_onnx, weights_sha256
    from export.replay import STREAMS, always, replay, replay_series, run
    from kad.backend.compiled import compile_function
    from runtime.model.container import graph_digest, seal
    from runtime.model.detector import Detector as OnnxDetector
    from runtime.model.outputs import OUTPUTS, shapes
    from runtime.model.verify import make_golden

    sizes = shapes(
        inputs=len(detector.channels) + len(detector.context),
        channels=len(detector.channels),
        state_size=detector.state_size,
    )

    def step(x: Any, state: Any, params: Any = None) -> dict[str, Any]:
        out = detector.step(x, state, params)
        return {name: keras.ops.cast(out[name], "float32") for name in OUTPUTS}

    params = detector.params
    model = to_onnx(
        step,
        inputs={**{name: sizes[name] for name in INPUTS}, PARAMS: params.shape},
        outputs={name: sizes[name] for name in OUTPUTS},
        constants={PARAMS: params},
        frozen=frozen,
        loops=detector.declared_loops,
    )
    metadata = replace(
        detector.metadata,
        graph_sha256=graph_digest(model.SerializeToString()),
        networks_sha256=weights_sha256(model),
    ).to_json()
    set_metadata(model, seal({METADATA_KEY: metadata}))
    onnx = OnnxDetector(model.SerializeToString())

    compiled = compile_function(step, detector.variables)
    chunk = frozen.get("steps", detector.max_steps)
    length = detector.warmup_steps + 4 * detector.max_steps + 2 * GOLDEN_STEPS
    length = -(-length // chunk) * chunk
    x = replay_series(detector, streams=frozen.get("streams", STREAMS), steps=length)
    gaps = replay(compiled, onnx, x, max_steps=detector.max_steps)

    golden_steps = -(-GOLDEN_STEPS // chunk) * chunk if "steps" in frozen else GOLDEN_STEPS
    before = length - golden_steps
    warm = run(compiled, x[:, :before], onnx.initial_state(len(x)), always(detector.max_steps))
    vectors = x[:, before:].copy()
    start = np.asarray(warm["next_state"], "float32")
    if "streams" not in frozen:
        vectors, start = vectors[:1], start[:1]
    golden = make_golden(vectors, start, onnx.step(vectors, start))
    set_metadata(model, seal({METADATA_KEY: metadata, GOLDEN_KEY: golden}))
    return model.SerializeToString(), gaps


def _component_files(detector: "Detector") -> dict[str, bytes]:
    from export.onnx_graph import set_metadata, to_onnx

    files = {}
    for name, component in detector.components().items():
        model = to_onnx(
            component.function,
            inputs={k: ("batch", *shape) for k, shape in component.inputs.items()},
            outputs={k: ("batch", *shape) for k, shape in component.outputs.items()},
        )
        set_metadata(model, {"kad.component": name})
        files[name] = model.SerializeToString()
    return files


def _need_tensorflow() -> None:
    import importlib.util

    for module in ("tensorflow", "tf2onnx", "onnx"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(f"Export needs {module}: pip install 'kad-anomaly[export]'")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    select_backend("tensorflow")
