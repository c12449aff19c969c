"""A linear recurrence over the steps of a chunk, for all steps at once."""

from typing import Any

from keras import ops

from kad.graph.rolling import is_one_step

__all__ = ["LONGEST_CHUNK", "linear_recurrence"]

LONGEST_CHUNK = 256
"""Steps of a chunk at most, where their number is unknown while a graph is traced."""


def linear_recurrence(keep: Any, fed: Any, start: Any) -> Any:
    """Returns every state of `state = keep * state before + fed`, elementwise.

    Without a loop: where the number of steps is known, pairs of steps become one, which halves
    their number until one is left, and the steps between follow; the work grows with the steps.
    Where it is not known while a graph is traced, by doubling: after each round a step holds what
    twice as many steps before it add up to. Factors are multiplied as they are: sums of their
    logarithms, whose differences would be the same products, lose in float32 what gates near 1 keep
    once others near 0 have been summed.

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
    return _halved(keep, total) if isinstance(keep.shape[1], int) else _doubled(keep, total)


def _halved(keep: Any, fed: Any) -> Any:
    """Returns the states; the first step has the state before it in what it is fed."""
    steps, half = fed.shape[1], fed.shape[1] // 2
    if steps == 1:
        return fed
    keep_second, keep_first = keep[:, 1::2], keep[:, : 2 * half : 2]
    fed_second, fed_first = fed[:, 1::2], fed[:, : 2 * half : 2]
    second = _halved(keep_second * keep_first, fed_second + keep_second * fed_first)
    if steps > 2:
        before = second[:, : (steps - 1) // 2]
        first = ops.concatenate([fed[:, :1], fed[:, 2::2] + keep[:, 2::2] * before], axis=1)
    else:
        first = fed[:, :1]
    pairs = ops.stack([first[:, :half], second], axis=2)
    whole = ops.reshape(pairs, (-1, 2 * half, fed.shape[2]))
    return ops.concatenate([whole, first[:, half:]], axis=1) if steps % 2 else whole


def _doubled(keep: Any, total: Any) -> Any:
    """Returns the same for any number of steps up to `LONGEST_CHUNK`."""
    back = 1
    while back < LONGEST_CHUNK:
        total = total + keep * _later(total, back)
        back *= 2
        if back < LONGEST_CHUNK:
            keep = keep * _later(keep, back // 2)
    return total


def _later(x: Any, steps: int) -> Any:
    """Moves what is there some steps on; zeros come first, and the last steps are lost."""
    return ops.pad(x, ((0, 0), (steps, 0), (0, 0)))[:, :-steps]
