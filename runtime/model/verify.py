"""Golden vectors: what a detector file must reproduce on every machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from runtime.errors import ModelFileError
from runtime.model.arrays import pack_text, unpack_text
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.model.limits import ARRAYS_BYTES, GOLDEN_STEPS
from runtime.model.outputs import OUTPUTS, Array, StepOutput, shapes
from runtime.model.schema import Metadata

__all__ = ["TOLERANCE", "Golden", "VerifyReport", "make_golden", "read_golden", "verify"]

TOLERANCE = 1e-5
"""Largest relative gap that passes; see `relative_gap`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Inputs, and the outputs that they must give."""

    x: Array
    """With missing values: float32 (1, steps, inputs)."""
    state: Array
    """State before the first step: float32 (1, state_size)."""
    outputs: StepOutput
    """What `Detector.step(x, state)` must return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """How exactly a detector reproduces its golden vectors here."""

    gaps: Mapping[str, float]
    """Largest relative gap of each output."""
    steps: int
    """Steps that were replayed."""

    @property
    def passed(self) -> bool:
        """Whether every gap is within `TOLERANCE`."""
        return max(self.gaps.values()) <= TOLERANCE


def make_golden(x: Array, state: Array, outputs: StepOutput) -> str:
    """Packs golden vectors for the file's metadata: base64 of a compressed npz.

    Args:
        x: float32 (1, steps, inputs); steps that the detector takes in whole chunks.
        state: float32 (1, state_size).
        outputs: What `step` returned for them.
    """
    return pack_text({"x": x, "state": state, **outputs._asdict()})


def read_golden(text: str, metadata: Metadata, *, streams: int = 1) -> Golden:
    """Unpacks what `make_golden` packed.

    Args:
        text: The entry of the file.
        metadata: Of the same file.
        streams: Streams that the file is fixed to; 1 where it is not.

    Raises:
        ModelFileError: Damaged or incomplete, of other shapes than the file's tensors, or beyond
            `runtime.model.limits`.
    """
    try:
        arrays = _checked(text, metadata, streams)
    except ValueError as error:
        raise ModelFileError(
            "The detector's golden vectors must be base64 of an npz with x, state and every "
            f"output, float32, finite but for x, of 1 to {GOLDEN_STEPS} steps. Received: {error}. "
            "Export the detector again."
        ) from error
    outputs = StepOutput(*(arrays[name] for name in OUTPUTS))
    return Golden(x=arrays["x"], state=arrays["state"], outputs=outputs)


def _checked(text: str, metadata: Metadata, streams: int) -> dict[str, Array]:
    axes = shapes(
        inputs=len(metadata.inputs),
        channels=len(metadata.channels),
        state_size=metadata.state_size,
    )
    largest = _sizes(axes, streams, GOLDEN_STEPS)
    most_bytes = min(ARRAYS_BYTES, 4 * sum(prod(shape) for shape in largest.values()))
    arrays = unpack_text(text, most_bytes=most_bytes)
    if arrays.keys() != axes.keys() or arrays["x"].ndim != len(axes["x"]):
        raise ValueError(f"arrays {', '.join(arrays)[:80]!r}")
    found, steps, _ = arrays["x"].shape
    if found not in (1, streams) or not 0 < steps <= GOLDEN_STEPS:
        raise ValueError(f"{found} streams of {steps} steps")
    for name, shape in _sizes(axes, found, steps).items():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != shape:
            raise ValueError(f"{name} {array.dtype} {array.shape}")
        if name != "x" and not np.isfinite(array).all():
            raise ValueError(f"NaN or infinity in {name}")
    return arrays


def verify(detector: Detector | str | Path | bytes) -> VerifyReport:
    """Replays the golden vectors of a detector file on this machine.

    Args:
        detector: A loaded detector, a path, or the bytes of a file.

    Raises:
        ModelFileError: Not a usable detector file, one without golden vectors, or one whose golden
            vectors or warm state are damaged.
    """
    if not isinstance(detector, Detector):
        detector = Detector(detector)
    if detector.golden is None:
        raise ModelFileError(
            "A detector file must have golden vectors to be verified. Received: none. "
            "Export the detector again."
        )
    streams = detector.fixed_streams or 1
    golden = read_golden(detector.golden, detector.metadata, streams=streams)
    if golden.x.shape[1] % (detector.fixed_steps or 1):
        raise ModelFileError(
            f"The golden vectors must have a multiple of {detector.fixed_steps} steps. "
            f"Received: {golden.x.shape[1]}. Export the detector again."
        )
    _ = detector.warm_state
    # Where the number of streams is fixed, each of them may replay the same vectors.
    actual = detector.step(_repeated(golden.x, streams), _repeated(golden.state, streams))
    gaps = {
        name: relative_gap(got, _repeated(wanted, streams), output=name)
        for name, got, wanted in zip(OUTPUTS, actual, golden.outputs, strict=True)
    }
    return VerifyReport(gaps=gaps, steps=golden.x.shape[1])


def _sizes(
    axes: Mapping[str, tuple[str | int, ...]], streams: int, steps: int
) -> dict[str, tuple[int, ...]]:
    size = {"streams": streams, "steps": steps}
    return {
        name: tuple(axis if isinstance(axis, int) else size[axis] for axis in shape)
        for name, shape in axes.items()
    }


def _repeated(array: Array, streams: int) -> Array:
    return array if len(array) == streams else np.repeat(array[:1], streams, axis=0)
