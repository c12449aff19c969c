"""The predictor's states as parts of a stream's state."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kad.networks.rnn.predictor import Predictor, States


def state_parts(layers: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Names what there is for each state of each recurrent layer."""
    return {f"layer{i}_{j}": part for i, layer in enumerate(layers) for j, part in enumerate(layer)}


def states_of(parts: Mapping[str, Any], predictor: Predictor) -> States:
    """Returns the states of each recurrent layer, which `state_parts` named."""
    return [
        [parts[f"layer{i}_{j}"] for j in range(layer.states)]
        for i, layer in enumerate(predictor.recurrent)
    ]


def zero_states(predictor: Predictor, streams: int) -> dict[str, np.ndarray]:
    """Returns the named states of new streams, each `(streams, units)`."""
    zeros = np.zeros((streams, predictor.units), "float32")
    return state_parts([[zeros] * layer.states for layer in predictor.recurrent])
