"""The predictor's states as parts of a stream's state."""

from collections.abc import Sequence
from typing import Any


def state_parts(layers: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Names what there is for each state of each recurrent layer."""
    return {f"layer{i}_{j}": part for i, layer in enumerate(layers) for j, part in enumerate(layer)}
