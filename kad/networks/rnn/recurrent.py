"""Recurrent layers whose states are visible at every step."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers, ops

from kad.backend.scan import scan
from kad.graph.lowering import RecurrentWeights, Unrolled, lowering

Gated = Literal["lstm", "gru", "simple_rnn"]
Activation = Literal["tanh", "relu"]

GATES: dict[Gated, int] = {"lstm": 4, "gru": 3, "simple_rnn": 1}


@keras.saving.register_keras_serializable("kad")
class Recurrent(layers.Layer):
    """An LSTM, GRU or simple recurrent layer.

    Weights have the layout of Keras' own layers: gates i, f, c, o of an LSTM; z, r, h of a GRU,
    which resets after the product and has two biases.

    Args:
        units: Size of the output.
        inputs: Size of the input.
        cell: `lstm`, `gru` or `simple_rnn`.
        activation: `tanh` or `relu`, of the candidate.
        uniform: Initial weights are uniform within ± this; 0: Glorot, orthogonal, and an open
            forget gate.
    """

    def __init__(
        self,
        units: int,
        *,
        inputs: int,
        cell: Gated = "lstm",
        activation: Activation = "tanh",
        uniform: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.inputs, self.cell = units, inputs, cell
        self.activation, self.uniform = activation, uniform
        width = GATES[cell] * units
        kernel, recurrent = kernel_initializers(uniform)
        self.kernel = self.add_weight(name="kernel", shape=(inputs, width), initializer=kernel)
        self.recurrent = self.add_weight(
            name="recurrent_kernel", shape=(units, width), initializer=recurrent
        )
        self.bias = self.add_weight(
            name="bias", shape=(2, width) if cell == "gru" else (width,), initializer="zeros"
        )
        if cell == "lstm" and not uniform:
            self.bias.assign([0.0] * units + [1.0] * units + [0.0] * 2 * units)
        self.built = True

    @property
    def states(self) -> int:
        """How many state vectors there are: 2 for an LSTM (output and cell), else 1."""
        return 2 if self.cell == "lstm" else 1

    @property
    def weights_of_layer(self) -> RecurrentWeights:
        """What an exporter needs to know."""
        return RecurrentWeights(self.cell, self.activation, self.kernel, self.recurrent, self.bias)

    def advance(self, x: Any, states: Sequence[Any]) -> list[Any]:
        """Takes one step.

        Args:
            x: `(batch, inputs)`.
            states: Each `(batch, units)`.

        Returns:
            The next states; the first one is the output.
        """
        exporter = lowering()
        if exporter is not None:
            return exporter.advance(self.weights_of_layer, x, states)
        past = states[0]
        if self.cell == "simple_rnn":
            mixed = ops.matmul(x, self.kernel) + ops.matmul(past, self.recurrent) + self.bias
            return [activated(mixed, self.activation)]
        if self.cell == "gru":
            new = ops.split(ops.matmul(x, self.kernel) + self.bias[0], 3, axis=-1)
            old = ops.split(ops.matmul(past, self.recurrent) + self.bias[1], 3, axis=-1)
            update, reset = ops.sigmoid(new[0] + old[0]), ops.sigmoid(new[1] + old[1])
            candidate = activated(new[2] + reset * old[2], self.activation)
            return [update * past + (1.0 - update) * candidate]
        mixed = ops.matmul(x, self.kernel) + ops.matmul(past, self.recurrent) + self.bias
        enter, forget, candidate, leave = ops.split(mixed, 4, axis=-1)
        candidate = activated(candidate, self.activation)
        cell = ops.sigmoid(forget) * states[1] + ops.sigmoid(enter) * candidate
        return [ops.sigmoid(leave) * activated(cell, self.activation), cell]

    def call(self, x: Any, states: Sequence[Any], *, every: bool = False) -> Unrolled:
        """Runs over a sequence.

        Args:
            x: `(batch, steps, inputs)`.
            states: Before the first step, each `(batch, units)`.
            every: Whether the states after every step are needed.
        """
        exporter = lowering()
        if exporter is not None:
            return exporter.recurrent(self.weights_of_layer, x, states, every=every)

        def step(past: list[Any], now: Any) -> tuple[list[Any], tuple[Any, ...]]:
            following = self.advance(now, past)
            return following, tuple(following)

        last, history = scan(step, list(states), ops.transpose(x, (1, 0, 2)))
        history = tuple(ops.transpose(part, (1, 0, 2)) for part in history)
        return Unrolled(history[0], tuple(last), history if every else None)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "inputs": self.inputs,
            "cell": self.cell,
            "activation": self.activation,
            "uniform": self.uniform,
        }


def activated(x: Any, activation: Activation) -> Any:
    """Applies a layer's activation."""
    return ops.tanh(x) if activation == "tanh" else ops.relu(x)


def kernel_initializers(uniform: float) -> tuple[Any, Any]:
    """Returns initialisers of a kernel and of a recurrent kernel."""
    if not uniform:
        return "glorot_uniform", "orthogonal"
    return (
        keras.initializers.RandomUniform(-uniform, uniform),
        keras.initializers.RandomUniform(-uniform, uniform),
    )
