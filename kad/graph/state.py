"""Packing a stream's state into one row."""

import math
from collections.abc import Mapping
from typing import Any

from keras import ops


class StateLayout:
    """Maps named parts to slices of the packed state `(streams, size)`.

    Args:
        **parts: Shape of each part without the stream axis, in order. The first one must be
            `count=(1,)`: the saturating sample count that every detector starts with.
    """

    def __init__(self, **parts: tuple[int, ...]) -> None:
        if next(iter(parts.items())) != ("count", (1,)):
            raise ValueError(f"The first part of a state must be count=(1,). Received: {parts}.")
        self.parts = parts
        self._sizes = [math.prod(shape) for shape in parts.values()]
        self.size = sum(self._sizes)
        self._cuts = [sum(self._sizes[:i]) for i in range(1, len(self._sizes))]

    def unpack(self, state: Any) -> dict[str, Any]:
        """Returns the parts of `state`, each `(streams, *shape)`."""
        pieces = ops.split(state, self._cuts, axis=1) if self._cuts else [state]
        return {
            name: piece if len(shape) == 1 else ops.reshape(piece, (-1, *shape))
            for (name, shape), piece in zip(self.parts.items(), pieces, strict=True)
        }

    def pack(self, parts: Mapping[str, Any]) -> Any:
        """Returns the packed state `(streams, size)`."""
        rows = [
            parts[name] if len(shape) == 1 else ops.reshape(parts[name], (-1, size))
            for (name, shape), size in zip(self.parts.items(), self._sizes, strict=True)
        ]
        return ops.concatenate(rows, axis=1) if len(rows) > 1 else rows[0]
