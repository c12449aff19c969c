"""The proof that a file computes what Keras computes, before the file is written."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from runtime.clock.context import context_columns
from runtime.clock.durations import nanoseconds
from runtime.errors import ModelFileError, VerificationError
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector as OnnxDetector
from runtime.model.outputs import OUTPUTS, PER_STEP
from runtime.model.verify import TOLERANCE

if TYPE_CHECKING:
    from kad.detector import Detector

STREAMS = 3
"""Different streams in one call, so that a leak between them would show."""

Array = npt.NDArray[np.float32]
Step = Callable[[Array, Array], dict[str, Array]]


def replay_series(detector: "Detector", *, streams: int, steps: int, seed: int = 0) -> Array:
    """Returns series as the detector knows them, with spikes, missing samples and outages.

    Args:
        detector: A fitted `kad.Detector`.
        streams: How many.
        steps: Their length.
        seed: Seed of the series.

    Returns:
        float32 `(streams, steps, inputs)` in raw units, then context columns.
    """
    rng = np.random.default_rng(seed)
    channels = len(detector.channels)
    shape = (streams, steps, channels)
    phase = rng.uniform(0, 2 * np.pi, (streams, 1, channels))
    turns = np.arange(steps)[None, :, None] / rng.uniform(10, 200, (streams, 1, channels))
    z = np.sin(2 * np.pi * turns + phase) + 0.3 * rng.standard_normal(shape)
    z += np.where(rng.random(shape) < 0.01, 6.0, 0.0)
    x = np.array(detector.scaler.inverse(z.astype("float32")))
    x[rng.random(shape) < 0.03] = np.nan
    x[rng.random(shape) < 0.002] = np.inf
    for stream in range(streams):
        start = rng.integers(0, max(1, steps - 20))
        x[stream, start : start + 20] = np.nan
    times = np.arange(steps, dtype="int64") * nanoseconds(detector.period_s)
    context = context_columns(detector.context, times)
    context = np.broadcast_to(context, (streams, *context.shape))
    return np.concatenate([x.astype("float32"), context], axis=-1)


def run(step: Step, x: Array, state: Array, lengths: Iterator[int]) -> dict[str, Array]:
    """Feeds a series chunk by chunk.

    Args:
        step: Scores a chunk.
        x: float32 `(streams, steps, inputs)`.
        state: float32 `(streams, state_size)`.
        lengths: Length of each chunk.

    Returns:
        The outputs over all steps, and the last `next_state`.
    """
    parts: dict[str, list[Array]] = {name: [] for name in PER_STEP}
    start = 0
    while start < x.shape[1]:
        stop = start + next(lengths)
        out = step(x[:, start:stop], state)
        state = out["next_state"]
        for name, several in parts.items():
            several.append(out[name])
        start = stop
    joined = {name: np.concatenate(several, axis=1) for name, several in parts.items()}
    return {name: joined.get(name, state) for name in OUTPUTS}


def always(length: int) -> Iterator[int]:
    """Yields the same length for ever."""
    while True:
        yield length


def uneven(longest: int, seed: int = 0) -> Iterator[int]:
    """Yields lengths between 1 and `longest`."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(1, longest + 1))


def replay(
    keras_step: Step, onnx: OnnxDetector, x: Array, *, max_steps: int
) -> dict[str, dict[str, float]]:
    """Compares Keras and ONNX over a stream, sample by sample, in chunks, and whole.

    Args:
        keras_step: The detector's `step` in Keras, from arrays to arrays.
        onnx: The file under test.
        x: float32 `(streams, steps, inputs)`, longer than the warm-up.
        max_steps: Longest chunk for Keras.

    Returns:
        The largest relative gap per way and output.

    Raises:
        VerificationError: A gap is above `runtime.model.verify.TOLERANCE`, or an output is not
            finite.
    """
    zeros = onnx.initial_state(len(x))
    reference = run(keras_step, x, zeros, always(max_steps))

    def onnx_step(chunk: Array, state: Array) -> dict[str, Array]:
        return onnx.step(np.ascontiguousarray(chunk), state)._asdict()

    # Where the number of steps is fixed, all ways are calls of that many.
    fixed = onnx.fixed_steps
    ways = {"stream": always(fixed or 1)}
    if not fixed:
        ways |= {"whole": always(x.shape[1]), "chunks": uneven(max_steps)}
    gaps: dict[str, dict[str, float]] = {}
    for way, lengths in ways.items():
        try:
            outputs = run(onnx_step, x, zeros, lengths)
        except ModelFileError as error:
            raise VerificationError(f"{error} No file was written.") from error
        gaps[way] = {
            name: relative_gap(outputs[name], reference[name], output=name) for name in OUTPUTS
        }
    for way, by_output in gaps.items():
        for name, gap in by_output.items():
            if not gap <= TOLERANCE:
                raise VerificationError(
                    f"ONNX and Keras must agree within {TOLERANCE:g}. Received: `{name}` differs "
                    f"by {gap:.3g} when scored as {way}. No file was written."
                )
    if not all(np.isfinite(reference[name]).all() for name in OUTPUTS):
        raise VerificationError(
            "Every output must be finite for missing and infinite samples. No file was written."
        )
    return gaps
