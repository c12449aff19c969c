"""From a run to one `.onnx` file that is the whole detector."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kad.backend import select_backend
from runtime.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from kad.detector import Detector


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
    step: Path | None = None
    """The file of single steps, where asked for."""


def export(
    run: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    streams: int | None = None,
    steps: int | None = None,
    components: bool = False,
    metadata: bool = False,
    step: bool = False,
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
        step: Also write `<name>.step.onnx` beside it, the same detector for one stream and one
            step, without loops and unknown shapes: the runtime takes it for single steps, and so
            can engines that read no other file. One of an older export is removed.

    Returns:
        Where the files are and how large the gaps were.

    Raises:
        InputError: Not a run, not a fitted detector, steps beyond the detector's `max_steps`, or
            an output in the place of one of the run's files, or too little memory.
        VerificationError: ONNX and Keras disagree; no file was written.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    _need_tensorflow()
    from export.detector_file import detector_file
    from kad.runs.folder import EXPORTED, files_of, load
    from kad.runs.memory import check_export
    from runtime.files import check_outputs, write_atomically
    from runtime.model.detector import Detector as OnnxDetector
    from runtime.model.detector import step_path
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
        {
            "--output": path,
            "--metadata": description,
            "--step": step_path(path) if step else None,
            **(written if components else {}),
        },
        inputs=files_of(run, but=EXPORTED),
    )
    if step and _takes_more(streams, steps):
        raise InputError(
            "`step` needs a detector file that takes single steps of one stream beside it. "
            f"Received: streams={streams}, steps={steps}. Leave them out."
        )
    if not path.parent.is_dir():
        raise InputError(f"The folder of {path} does not exist. Make it first.")
    frozen = {
        name: value for name, value in (("streams", streams), ("steps", steps)) if value is not None
    }
    check_export(detector)
    made = detector_file(detector, frozen)
    gaps, single = made.gaps, None
    if step:
        single = detector_file(detector, {"streams": 1, "steps": 1}, of=made.metadata)
        gaps |= {"step": single.gaps["stream"]}
    files = _component_files(detector) if components else {}
    for name, model in files.items():
        write_atomically(networks[name], model)
    if description is not None:
        write_atomically(description, metadata_json(OnnxDetector(made.content)))
    # A step file of another detector would be refused: there is none while this one is replaced.
    step_path(path).unlink(missing_ok=True)
    write_atomically(path, made.content)
    if single is not None:
        write_atomically(step_path(path), single.content)
    return Exported(
        path,
        gaps,
        tuple(networks[name] for name in files),
        description,
        step_path(path) if step else None,
    )


def _takes_more(streams: int | None, steps: int | None) -> bool:
    """Whether a file takes no single step of one stream."""
    return streams not in (None, 1) or steps not in (None, 1)


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
