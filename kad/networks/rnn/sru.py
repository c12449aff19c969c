"""The Simple Recurrent Unit: a recurrent layer whose recurrence is linear and elementwise."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from kad.graph.lowering import Unrolled
from kad.graph.recurrence import linear_recurrence
from kad.networks.rnn.recurrent import Activation, activated


@keras.saving.register_keras_serializable("kad")
class SRU(layers.Layer):
    """A Simple Recurrent Unit.

    Of an input x, with gates that do not look at the cell before:

        forget = sigmoid(x F + f)           cell   = forget * cell before + (1 - forget) * x C
        leave = sigmoid(x L + l)            output = leave * g(cell) + (1 - leave) * x

    where the last x is x P if the sizes of input and output differ. All products are with the input
    alone: a chunk is three of them and one linear recurrence, for all steps at once.

    Args:
        units: Size of the output.
        inputs: Size of the input.
        activation: `tanh` or `relu`, of the cell in the output: g.
        uniform: Initial weights are uniform within ± this; 0: LeCun uniform, and an open forget
            gate.

    Reference: T. Lei, Y. Zhang (2017), "Training RNNs as Fast as CNNs", the first version of
    arXiv:1709.02755. That of EMNLP 2018 lets the gates see the cell before, which is no linear
    recurrence.
    """

    def __init__(
        self,
        units: int,
        *,
        inputs: int,
        activation: Activation = "tanh",
        uniform: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.inputs = units, inputs
        self.activation, self.uniform = activation, uniform
        self._projected = units if inputs != units else 0
        limits = keras.initializers.RandomUniform(-uniform, uniform) if uniform else "lecun_uniform"
        self.kernel = self.add_weight(
            name="kernel", shape=(inputs, 3 * units + self._projected), initializer=limits
        )
        self.bias = self.add_weight(name="bias", shape=(2 * units,), initializer="zeros")
        if not uniform:
            self.bias.assign([1.0] * units + [0.0] * units)
        self.built = True

    @property
    def states(self) -> int:
        """How many state vectors there are: output and cell."""
        return 2

    def advance(self, x: Any, states: Sequence[Any]) -> list[Any]:
        """Takes one step.

        Args:
            x: `(batch, inputs)`.
            states: Each `(batch, units)`.

        Returns:
            The next states; the first one is the output.
        """
        candidate, forget, leave, through = self._products(x)
        cell = forget * (states[1] - candidate) + candidate
        return [self._output(cell, leave, through), cell]

    def call(self, x: Any, states: Sequence[Any], *, every: bool = False) -> Unrolled:
        """Runs over a sequence, all of its steps at once.

        Args:
            x: `(batch, steps, inputs)`.
            states: Before the first step, each `(batch, units)`.
            every: Whether the states after every step are needed.
        """
        candidate, forget, leave, through = self._products(x)
        cell = linear_recurrence(forget, (1.0 - forget) * candidate, states[1])
        output = self._output(cell, leave, through)
        last = (output[:, -1], cell[:, -1])
        return Unrolled(output, last, (output, cell) if every else None)

    def _products(self, x: Any) -> tuple[Any, Any, Any, Any]:
        """Returns candidate, forget gate, output gate, and what goes past the cell."""
        shifts = ops.pad(self.bias, ((self.units, self._projected),))
        ends = [self.units, 3 * self.units] if self._projected else [self.units]
        mixed = ops.matmul(x, self.kernel) + shifts
        candidate, gates, *projected = ops.split(mixed, ends, axis=-1)
        forget, leave = ops.split(ops.sigmoid(gates), 2, axis=-1)
        return candidate, forget, leave, projected[0] if projected else x

    def _output(self, cell: Any, leave: Any, through: Any) -> Any:
        return leave * (activated(cell, self.activation) - through) + through

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("units", "inputs", "activation", "uniform")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
