"""What each step of a chunk looks back on, and chunks step by step."""

from typing import Any

from keras import ops


def rolling(rows: Any, steps: Any, length: int, *, stride: int = 1) -> Any:
    """Gathers what each step looks back on.

    Args:
        rows: `(streams, rows, features)`.
        steps: Steps of the chunk.
        length: Rows that one step looks at.
        stride: Distance between them.

    Returns:
        `(streams, steps, length, features)`: entry `(n, t, k)` is row `t + k * stride`.
    """
    if _is_one(steps):
        if stride == 1:
            return (rows if rows.shape[1] == length else rows[:, :length])[:, None]
        if rows.shape[1] < length * stride:
            return rows[:, : (length - 1) * stride + 1 : stride][:, None]
        # Not a slice with a stride: there are engines that cannot.
        apart = ops.reshape(rows[:, : length * stride], (-1, length, stride, rows.shape[-1]))
        return apart[:, None, :, 0]
    index = ops.arange(steps)[:, None] + ops.arange(0, length * stride, stride)[None]
    return ops.take(rows, index, axis=1)


def extended(past: Any, now: Any, length: int) -> tuple[Any, Any]:
    """Puts a chunk behind the rows before it.

    Args:
        past: `(streams, 1, length * features)`, the newest rows before the chunk: a part of a
            state, of the shape `(1, length * features)`.
        now: `(streams, steps, features)`.
        length: Rows before the chunk.

    Returns:
        All rows `(streams, length + steps, features)`, and the newest `length` of them as `past`.
    """
    features = now.shape[-1]
    if _is_one(now.shape[1]):
        rows = ops.concatenate([past, now], axis=-1)
        return ops.reshape(rows, (-1, length + 1, features)), rows[..., features:]
    rows = ops.concatenate([ops.reshape(past, (-1, length, features)), now], axis=1)
    newest = rows[:, ops.shape(now)[1] :]
    return rows, ops.reshape(newest, (-1, 1, length * features))


def newest_sum(rows: Any, steps: Any, length: int) -> Any:
    """Sums the `length` newest rows of each step; see `rolling`: `(streams, steps, features)`.

    Args:
        rows: `(streams, length - 1 + steps, features)`.
        steps: Steps of the chunk.
        length: Rows of a sum.
    """
    if _is_one(steps):
        return ops.sum(rows, axis=1, keepdims=True)
    return ops.sum(rolling(rows, steps, length), axis=2)


def running_sum(x: Any) -> Any:
    """Sums over the steps up to each: `(streams, steps, ...)`."""
    return x if is_one_step(x) else ops.cumsum(x, axis=1)


def steps_first(x: Any) -> Any:
    """Swaps streams and steps, the first two axes."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def is_one_step(x: Any) -> bool:
    """Whether a chunk `(streams, steps, ...)` is known to be one step while it is traced."""
    return _is_one(x.shape[1])


def _is_one(steps: Any) -> bool:
    return isinstance(steps, int) and steps == 1
