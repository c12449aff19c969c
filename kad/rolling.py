"""What each step of a chunk looks back on."""

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
