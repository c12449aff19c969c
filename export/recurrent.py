"""Recurrent layers as single ONNX operators.

A converter would turn a recurrence into a Loop. While a graph is traced for export, each
`kad.networks.rnn.recurrent.Recurrent` leaves a marker in the place of its recurrence, which the
converter replaces by one LSTM, GRU or RNN operator with the weights noted here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kad.networks.rnn.recurrent import Recurrent, Unrolled

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


class Markers(dict[str, RecurrentOperator]):
    """The operators of a graph, by the name of the marker that stands for each."""

    def lower(self, layer: Recurrent, x: Any, states: Sequence[Any], *, every: bool) -> Unrolled:
        """Marks the place of a layer's recurrence; see `Recurrent.call`."""
        output, *last = self._mark(_operator(layer), layer.units, x, states)
        if not every:
            return Unrolled(output, tuple(last), None)
        if layer.cell != "lstm":
            return Unrolled(output, tuple(last), (output,))
        return Unrolled(output, tuple(last), (output, self._cells(layer, x, states, output)))

    def _cells(self, layer: Recurrent, x: Any, states: Sequence[Any], output: Any) -> Any:
        """Returns the cell state after every step, which an ONNX LSTM does not give.

        A second LSTM has its gates' inputs computed outside, and its output is its cell.
        """
        past = tf.concat([states[0][:, None], output[:, :-1]], axis=1)
        mixed = x @ layer.kernel.value + past @ layer.recurrent.value + layer.bias.value
        enter, forget, candidate, _ = tf.split(mixed, 4, axis=2)
        opened = tf.fill(tf.shape(enter), _OPEN)
        fed = tf.concat([enter, forget, layer.activate(candidate), opened], axis=2)
        units = layer.units
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
        """Returns stand-ins for the output and each last state."""
        name = f"kad_recurrent_{len(self)}_"
        self[name] = operator
        marked: list[Any] = tf.numpy_function(
            lambda *_: None, [x, *states], [tf.float32] * (1 + len(states)), name=name
        )
        marked[0].set_shape((x.shape[0], x.shape[1], units))
        for state in marked[1:]:
            state.set_shape((x.shape[0], units))
        return marked


def _operator(layer: Recurrent) -> RecurrentOperator:
    with tf.init_scope():
        kernel, recurrent, bias = (
            np.asarray(v.numpy(), "float32") for v in (layer.kernel, layer.recurrent, layer.bias)
        )
    activation = _ACTIVATIONS[layer.activation]
    attributes: dict[str, Any] = {"hidden_size": layer.units}
    if layer.cell == "lstm":
        attributes["activations"] = ["Sigmoid", activation, activation]
    elif layer.cell == "gru":
        attributes["activations"] = ["Sigmoid", activation]
        attributes["linear_before_reset"] = 1
    else:
        attributes["activations"] = [activation]
    biases = bias if layer.cell == "gru" else np.stack([bias, np.zeros_like(bias)])
    return RecurrentOperator(
        _OPERATORS[layer.cell],
        attributes,
        (
            _onnx_layout(kernel, layer.cell, layer.units).T[None],
            _onnx_layout(recurrent, layer.cell, layer.units).T[None],
            np.concatenate(list(_onnx_layout(biases, layer.cell, layer.units)))[None],
        ),
    )


def _onnx_layout(array: Array, cell: str, units: int) -> Array:
    """Puts the gates on the last axis in ONNX's order."""
    gates = [array[..., i * units : (i + 1) * units] for i in _GATES[cell]]
    return np.concatenate(gates, axis=-1)
