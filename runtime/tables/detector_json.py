"""A detector file in plain JSON, for programs that are not written in Python.

What the file says about itself, for languages whose ONNX Runtime cannot read `metadata_props`
(JavaScript: onnxruntime#16547), and its golden vectors, for the test of a port.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from runtime.errors import ModelFileError, VerificationError
from runtime.model.detector import Detector
from runtime.model.outputs import DESCRIBED, OUTPUTS, PER_STEP, Array, StepOutput
from runtime.model.verify import TOLERANCE, read_golden, verify
from runtime.tables.writers import number_texts

__all__ = ["metadata_json", "vectors_json"]

VECTORS = 1
"""Version of what `vectors_json` writes."""

_MISSING = "missing: feed NaN (infinity means the same)"


def metadata_json(detector: Detector) -> str:
    """Returns everything that a file says about itself, with the values it leaves to defaults.

    Beside the fields of `Metadata`: `fixed_streams` and `fixed_steps`, sizes that the graph takes
    alone, null for any; `identity`, what snapshots and step files name the detector by; and
    `warm_state`, the state at the end of the training rows, null where the file has none.
    """
    described: dict[str, Any] = asdict(detector.metadata) | {
        "fixed_streams": detector.fixed_streams,
        "fixed_steps": detector.fixed_steps,
        "identity": detector.metadata.identity,
    }
    text = json.dumps(described, indent=2, allow_nan=False, ensure_ascii=False)
    warm = detector.warm_state
    row = "null" if warm is None else _nested(warm[0])
    return f'{text[:-2]},\n  "warm_state": {row}\n}}\n'


def vectors_json(detector: Detector) -> Iterator[str]:
    """Gives the golden vectors of a file as JSON, piece by piece.

    `chunks` follow each other; each has what one call of the graph takes, `x` and `state`, and what
    it must return, so that a port can be tested chunk by chunk as well as in one go. None is longer
    than the file takes. Numbers have the fewest digits that give the same float32 back; null is a
    missing value, in `x` alone. The outputs are those of the export; the states between chunks,
    which the file does not hold, are computed here, after the whole was replayed.

    Raises:
        ModelFileError: The file has no golden vectors, or damaged ones.
        VerificationError: They are not reproduced here, so that states in between would be wrong.
    """
    report = verify(detector)
    if not report.passed:
        raise VerificationError(
            f"A detector must reproduce its golden vectors within {TOLERANCE:g} before they are "
            f"written. Received: a gap of {max(report.gaps.values()):.2e}. Copy the file again, or "
            "update onnxruntime."
        )
    if detector.golden is None:
        raise ModelFileError("A detector file must have golden vectors. Received: none.")
    meta = detector.metadata
    golden = read_golden(detector.golden, meta, streams=detector.fixed_streams or 1)
    size = detector.fixed_steps or meta.max_steps
    steps = golden.x.shape[1]
    head = {
        "version": VECTORS,
        "schema": meta.schema,
        "detector": meta.detector,
        "identity": detector.metadata.identity,
        "inputs": [column.name for column in meta.inputs],
        "channels": list(meta.channels),
        "max_steps": meta.max_steps,
        "fixed_streams": detector.fixed_streams,
        "fixed_steps": detector.fixed_steps,
        "state_size": meta.state_size,
        "steps": steps,
        "null": _MISSING,
        "tolerance": TOLERANCE,
        "units": {name: DESCRIBED[name].unit for name in OUTPUTS},
    }
    yield json.dumps(head, indent=1, allow_nan=False, ensure_ascii=False)[:-2]
    state = golden.state
    for start in range(0, steps, size):
        x = golden.x[:, start : start + size]
        wanted = _outputs(golden.outputs, start, start + size)
        if start + size < steps:
            wanted = wanted._replace(next_state=_next_state(detector, x, state))
        yield ',\n "chunks": [\n' if start == 0 else ",\n"
        yield _chunk({"x": x, "state": state, **wanted._asdict()})
        state = wanted.next_state
    yield "\n ]\n}\n"


def _outputs(outputs: StepOutput, start: int, end: int) -> StepOutput:
    parts = {name: getattr(outputs, name)[:, start:end] for name in PER_STEP}
    return StepOutput(**parts, next_state=outputs.next_state)


def _next_state(detector: Detector, x: Array, state: Array) -> Array:
    streams = detector.fixed_streams or len(x)
    both = (a if len(a) == streams else np.repeat(a[:1], streams, axis=0) for a in (x, state))
    return detector.step(*both).next_state[: len(x)]


def _chunk(arrays: dict[str, Array]) -> str:
    lines = [f'   "{name}": {_nested(array)}' for name, array in arrays.items()]
    return "  {\n" + ",\n".join(lines) + "\n  }"


def _nested(array: Array) -> str:
    """Writes an array as JSON, nested as its axes are; what is not finite is null."""
    texts: Sequence[str] = number_texts(array.ravel(), "jsonl")
    for size in reversed(array.shape):
        rows = range(0, len(texts), size)
        texts = [f"[{', '.join(texts[row : row + size])}]" for row in rows]
    return texts[0]
