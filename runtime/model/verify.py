"""Golden vectors: what a detector file must reproduce on every machine."""

import base64
import binascii
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.errors import ModelFileError
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.model.outputs import OUTPUTS, Array, StepOutput

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
    """Largest relative gap of each output; infinite where an output is not finite."""
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
    blob = io.BytesIO()
    np.savez_compressed(blob, x=x, state=state, **outputs._asdict())
    return base64.b64encode(blob.getvalue()).decode("ascii")


def read_golden(text: str) -> Golden:
    """Unpacks what `make_golden` packed.

    Raises:
        ModelFileError: Damaged or incomplete.
    """
    try:
        blob = io.BytesIO(base64.b64decode(text, validate=True))
        with np.load(blob, allow_pickle=False) as arrays:
            outputs = StepOutput(*(arrays[name] for name in OUTPUTS))
            return Golden(x=arrays["x"], state=arrays["state"], outputs=outputs)
    except (binascii.Error, OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            "The detector's golden vectors must be base64 of an npz with x, state and every "
            f"output. Received: {type(error).__name__}. Export the detector again."
        ) from error


def verify(detector: Detector | str | Path | bytes) -> VerifyReport:
    """Replays the golden vectors of a detector file on this machine.

    Args:
        detector: A loaded detector, a path, or the bytes of a file.

    Raises:
        ModelFileError: Not a usable detector file, or one without golden vectors.
    """
    if not isinstance(detector, Detector):
        detector = Detector(detector)
    if detector.golden is None:
        raise ModelFileError(
            "A detector file must have golden vectors to be verified. Received: none. "
            "Export the detector again."
        )
    golden = read_golden(detector.golden)
    # Where the number of streams is fixed, each of them replays the same vectors.
    streams = detector.fixed_streams or len(golden.x)
    actual = detector.step(_repeated(golden.x, streams), _repeated(golden.state, streams))
    gaps = {
        name: _gap(got, _repeated(wanted, streams), name)
        for name, got, wanted in zip(OUTPUTS, actual, golden.outputs, strict=True)
    }
    return VerifyReport(gaps=gaps, steps=golden.x.shape[1])


def _gap(actual: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], output: str) -> float:
    if not np.isfinite(actual).all():
        return float("inf")
    return relative_gap(actual, expected, output=output)


def _repeated(array: Array, streams: int) -> Array:
    return array if len(array) == streams else np.repeat(array[:1], streams, axis=0)
