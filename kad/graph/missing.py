"""Missing samples inside a detector's graph: NaN and infinity both mean missing."""

from typing import Any

from keras import ops

from kad.graph.rolling import is_one_step

LARGEST = 1e30
"""Readings of this magnitude and above count as missing: their square is no float32."""
LARGEST_CONTEXT = 2.0
"""Context of this magnitude and above counts as missing."""
ENOUGH = 0.6
"""Share of rows to be observed before an error says more than that samples were missing."""
PLENTY = 0.9
"""Share of observed rows from which on an error counts in full."""


def is_observed(x: Any) -> Any:
    """Returns a boolean tensor: true where `x` is a usable reading."""
    return ops.less(ops.abs(x), LARGEST)


def usable_context(x: Any) -> Any:
    """Returns context columns with 0 in the place of what cannot be one.

    Sines and cosines lie within ±1: NaN, infinity and what is beyond `LARGEST_CONTEXT` is missing.
    """
    return ops.where(ops.less(ops.abs(x), LARGEST_CONTEXT), x, ops.zeros_like(x))


def hold_last(x: Any, observed: Any, last: Any) -> Any:
    """Replaces each missing sample by the newest observed one before it.

    As one matrix product over steps, because ONNX has no cumulative maximum: its cost grows with
    the square of the chunk, which a detector's `max_steps` bounds.

    Args:
        x: float32 `(streams, steps, channels)`.
        observed: Boolean, same shape.
        last: float32 `(streams, 1, channels)`, the newest observed sample before the chunk.

    Returns:
        float32 `(streams, steps, channels)` without missing samples.
    """
    if is_one_step(x):
        return ops.where(observed, x, last)
    known = ops.transpose(ops.where(observed, x, ops.zeros_like(x)), (0, 2, 1))
    seen = ops.cumsum(ops.transpose(ops.cast(observed, "float32"), (0, 2, 1)), axis=-1)
    same_run = ops.cast(ops.equal(seen[..., :, None], seen[..., None, :]), "float32")
    held = ops.transpose(ops.matmul(same_run, known[..., None])[..., 0], (0, 2, 1))
    return ops.where(ops.greater(ops.transpose(seen, (0, 2, 1)), 0.5), held, last)


def trust(observed: Any, length: int) -> Any:
    """Returns what an error counts that rests on the newest rows.

    Args:
        observed: float32 `(streams, rows, channels)`, 1 where a sample was observed.
        length: Rows that it rests on.

    Returns:
        float32 `(streams, rows - length + 1, channels)`, of the last of these rows: 0 up to the
        share `ENOUGH` of observed rows, 1 from the share `PLENTY` on.
    """
    if observed.shape[1] == length:
        seen = ops.sum(observed, axis=1, keepdims=True)
    else:
        total = ops.pad(ops.cumsum(observed, axis=1), ((0, 0), (1, 0), (0, 0)))
        seen = total[:, length:] - total[:, :-length]
    # Whole numbers less a constant: a division first could round a share across the border.
    return ops.clip((seen - ENOUGH * length) / ((PLENTY - ENOUGH) * length), 0.0, 1.0)
