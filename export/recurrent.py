"""Recurrent layers as single ONNX operators.

A converter would turn a recurrence into a Loop. While a graph is traced for export, each
recurrent layer leaves a marker (`kad.graph.lowering`) in the place of its recurrence, which the
converter replaces by one LSTM, GRU or RNN operator with the weights noted here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kad.graph.lowering import RecurrentWeights, Unrolled

Array = npt.NDArray[np.float32]

_OPERATORS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}
_GATES = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "simple_rnn": (0,)}
"""Keras' gates in ONNX's order: i, o, f, c and z, r, h."""
_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}
_OPEN = 40.0
"""A gate's input at which its sigmoid is 1 in float32."""


class RecurrentOperator(NamedTuple):
    """An ONNX operator and its constants."""

    operator: str
    attributes: dict[str, Any]
    weights: tuple[Array, Array, Array]
    """W, R and B of the ONNX specification."""
    is_step: bool = False
    """Takes `(batch, inputs)`, one step, and gives the states alone."""


class Markers(dict[str, RecurrentOperator]):
    """The operators of a graph, by the name of the marker that stands for each."""

    def value(self, weight: Any) -> Array:
        """See `kad.graph.lowering.Lowering`."""
        return _value(weight)

    def recurrent(
        self, weights: RecurrentWeights, x: Any, states: Sequence[Any], *, every: bool
    ) -> Unrolled:
        """Marks the place of a layer's recurrence; see `kad.graph.lowering.Lowering`."""
        output, *last = self._mark(_operator(weights), weights.units, x, states)
        if not every:
            return Unrolled(output, tuple(last), None)
        if weights.cell != "lstm":
            return Unrolled(output, tuple(last), (output,))
        return Unrolled(output, tuple(last), (output, self._cells(weights, x, states, output)))

    def advance(self, weights: RecurrentWeights, x: Any, states: Sequence[Any]) -> list[Any]:
        """Marks the place of one step; see `kad.graph.lowering.Lowering`."""
        return self._mark(_operator(weights)._replace(is_step=True), weights.units, x, states)

    def _cells(self, weights: RecurrentWeights, x: Any, states: Sequence[Any], output: Any) -> Any:
        """Returns the cell state after every step, which an ONNX LSTM does not give.

        A second LSTM has its gates' inputs computed outside, and its output is its cell.
        """
        past = tf.concat([states[0][:, None], output[:, :-1]], axis=1)
        mixed = x @ weights.kernel.value + past @ weights.recurrent.value + weights.bias.value
        enter, forget, candidate, _ = tf.split(mixed, 4, axis=2)
        opened = tf.fill(tf.shape(enter), _OPEN)
        activate = tf.tanh if weights.activation == "tanh" else tf.nn.relu
        fed = tf.concat([enter, forget, activate(candidate), opened], axis=2)
        units = weights.units
        kernel = _onnx_layout(np.eye(4 * units, dtype="float32"), "lstm", units)
        operator = RecurrentOperator(
            "LSTM",
            {
                "hidden_size": units,
                "activations": ["Sigmoid", "Affine", "Affine"],
                "activation_alpha": [1.0, 1.0],
                "activation_beta": [0.0, 0.0],
            },
            (
                kernel.T[None],
                np.zeros((1, 4 * units, units), "float32"),
                np.zeros((1, 8 * units), "float32"),
            ),
        )
        return self._mark(operator, units, fed, [tf.zeros_like(states[1]), states[1]])[0]

    def _mark(
        self, operator: RecurrentOperator, units: int, x: Any, states: Sequence[Any]
    ) -> list[Any]:
        """Returns stand-ins for the output, unless it is one step, and for each last state."""
        name = f"kad_recurrent_{len(self)}_"
        self[name] = operator
        shapes: list[tuple[Any, ...]] = [(x.shape[0], units)] * len(states)
        if not operator.is_step:
            shapes = [(x.shape[0], x.shape[1], units), *shapes]
        marked: list[Any] = tf.numpy_function(
            lambda *_: None, [x, *states], [tf.float32] * len(shapes), name=name
        )
        for stand_in, shape in zip(marked, shapes, strict=True):
            stand_in.set_shape(shape)
        return marked


def _value(weight: Any) -> Array:
    with tf.init_scope():
        return np.asarray(weight.numpy(), "float32")


def _operator(weights: RecurrentWeights) -> RecurrentOperator:
    kernel, recurrent, bias = map(_value, (weights.kernel, weights.recurrent, weights.bias))
    cell, units = weights.cell, weights.units
    activation = _ACTIVATIONS[weights.activation]
    attributes: dict[str, Any] = {"hidden_size": units}
    if cell == "lstm":
        attributes["activations"] = ["Sigmoid", activation, activation]
    elif cell == "gru":
        attributes["activations"] = ["Sigmoid", activation]
        attributes["linear_before_reset"] = 1
    else:
        attributes["activations"] = [activation]
    biases = bias if cell == "gru" else np.stack([bias, np.zeros_like(bias)])
    return RecurrentOperator(
        _OPERATORS[cell],
        attributes,
        (
            _onnx_layout(kernel, cell, units).T[None],
            _onnx_layout(recurrent, cell, units).T[None],
            np.concatenate(list(_onnx_layout(biases, cell, units)))[None],
        ),
    )


def _onnx_layout(array: Array, cell: str, units: int) -> Array:
    """Puts the gates on the last axis in ONNX's order."""
    gates = [array[..., i * units : (i + 1) * units] for i in _GATES[cell]]
    return np.concatenate(gates, axis=-1)
