"""A trained detector as the bytes of one `.onnx` file, replayed before anyone sees them."""

from collections.abc import Mapping
from dataclasses import replace
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from export.canonical import PARAMS, canonical
from export.onnx_graph import set_metadata, to_onnx, weights_sha256
from export.replay import STREAMS, always, replay, replay_series, run
from export.simplify import folded, simplified
from runtime.model.container import graph_digest, seal
from runtime.model.detector import Detector as OnnxDetector
from runtime.model.outputs import OUTPUTS, shapes
from runtime.model.schema import GOLDEN_KEY, INPUTS, METADATA_KEY, WARM_KEY, Metadata
from runtime.model.verify import make_golden
from runtime.model.warm import make_warm

if TYPE_CHECKING:
    import onnx

    from kad.detector import Detector

GOLDEN_STEPS = 64

Gaps = dict[str, dict[str, float]]


class DetectorFile(NamedTuple):
    """A file that was replayed."""

    content: bytes
    """The file."""
    metadata: Metadata
    """What it says about itself."""
    gaps: Gaps
    """Largest relative gap between ONNX and Keras per way of replaying and output."""


def detector_file(
    detector: "Detector", frozen: Mapping[str, int], *, of: Metadata | None = None
) -> DetectorFile:
    """Makes a file and replays it.

    Args:
        detector: A fitted detector.
        frozen: Sizes of `streams` and `steps` that the file fixes.
        of: Of the detector file whose step file it is: everything that is known is folded into
            its graph.

    Raises:
        VerificationError: ONNX and Keras disagree.
    """

    def step(x: Any, state: Any, params: Any = None) -> dict[str, Any]:
        out = detector.step(x, state, params)
        return {name: keras.ops.cast(out[name], "float32") for name in OUTPUTS}

    model = _graph(detector, step, frozen)
    networks = weights_sha256(model, but=PARAMS)
    model = canonical(model if of is None else folded(model))
    metadata = replace(
        detector.metadata,
        graph_sha256=graph_digest(model.SerializeToString()),
        networks_sha256=networks if of is None else of.networks_sha256,
        step_of=of.graph_sha256 if of is not None else None,
    )
    entries = {METADATA_KEY: metadata.to_json(), WARM_KEY: make_warm(detector.warm_state)}
    set_metadata(model, seal(entries))
    onnx = OnnxDetector(model.SerializeToString())

    compiled = detector.run_of(detector.step)
    chunk = frozen.get("steps", detector.max_steps)
    length = detector.warmup_steps + 4 * detector.max_steps + 2 * GOLDEN_STEPS
    # Chunks of one length alone: for another one, Keras would compile `step` once more.
    whole = lcm(chunk, detector.max_steps)
    length = -(-length // whole) * whole
    x = replay_series(detector, streams=frozen.get("streams", STREAMS), steps=length)
    gaps = replay(compiled, onnx, x, max_steps=detector.max_steps)

    golden_steps = -(-GOLDEN_STEPS // chunk) * chunk if "steps" in frozen else GOLDEN_STEPS
    before = (length - golden_steps) // detector.max_steps * detector.max_steps
    warm = run(compiled, x[:, :before], onnx.initial_state(len(x)), always(detector.max_steps))
    vectors = x[:, before : before + golden_steps].copy()
    start = np.asarray(warm["next_state"], "float32")
    if "streams" not in frozen:
        vectors, start = vectors[:1], start[:1]
    entries[GOLDEN_KEY] = make_golden(vectors, start, onnx.step(vectors, start))
    set_metadata(model, seal(entries))
    return DetectorFile(model.SerializeToString(), metadata, gaps)


def _graph(detector: "Detector", step: Any, frozen: Mapping[str, int]) -> "onnx.ModelProto":
    sizes = shapes(
        inputs=len(detector.channels) + len(detector.context),
        channels=len(detector.channels),
        state_size=detector.state_size,
    )
    params = detector.params
    return simplified(
        to_onnx(
            step,
            inputs={**{name: sizes[name] for name in INPUTS}, PARAMS: params.shape},
            outputs={name: sizes[name] for name in OUTPUTS},
            constants={PARAMS: params},
            frozen=frozen,
            loops=detector.declared_loops,
        )
    )
