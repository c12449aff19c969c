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
    index = ops.arange(steps)[:, None] + ops.arange(0, length * stride, stride)[None]
    return ops.take(rows, index, axis=1)


def steps_first(x: Any) -> Any:
    """Swaps streams and steps, the first two axes."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))
