"""A linear recurrence over the steps of a chunk, for all steps at once."""

from typing import Any

from keras import ops

from kad.graph.rolling import is_one_step

__all__ = ["LONGEST_CHUNK", "linear_recurrence"]

LONGEST_CHUNK = 256
"""Steps of a chunk at most, where their number is unknown while a graph is traced."""


def linear_recurrence(keep: Any, fed: Any, start: Any) -> Any:
    """Returns every state of `state = keep * state before + fed`, elementwise.

    By doubling: after each round a step holds what twice as many steps before it add up to, so that
    a chunk takes as many rounds as its length has bits, and no loop. Factors are multiplied as they
    are: sums of their logarithms, whose differences would be the same products, lose in float32
    what gates near 1 keep once others near 0 have been summed.

    Args:
        keep: `(streams, steps, units)`, within 0 and 1; `steps` at most `LONGEST_CHUNK` where they
            are not known while the graph is traced.
        fed: Same shape.
        start: `(streams, units)`, the state before the first step.

    Returns:
        `(streams, steps, units)`.
    """
    first = keep[:, :1] * start[:, None] + fed[:, :1]
    if is_one_step(keep):
        return first
    total = ops.concatenate([first, fed[:, 1:]], axis=1)
    longest = keep.shape[1] if isinstance(keep.shape[1], int) else LONGEST_CHUNK
    back = 1
    while back < longest:
        total = total + keep * _later(total, back)
        back *= 2
        if back < longest:
            keep = keep * _later(keep, back // 2)
    return total


def _later(x: Any, steps: int) -> Any:
    """Moves what is there some steps on; zeros come first, and the last steps are lost."""
    return ops.pad(x, ((0, 0), (steps, 0), (0, 0)))[:, :-steps]
