"""One-dimensional convolution as a matrix product."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kad.graph.lowering import Lowering, lowering

Shape = tuple[int | None, int, int]
"""`(batch, time, features)`; only the batch may be unknown."""


DENSE = 65_536
"""Largest matrix, in numbers, that an exported file has in the place of a convolution."""


@keras.saving.register_keras_serializable("kad")
class WindowConv1D(layers.Layer):
    """Convolution over time, written as patches times a matrix.

    Equal to `keras.layers.Conv1D`, and faster on a CPU: XLA's convolution falls onto a slow path
    inside compiled loops, which is where training runs (`python -m benchmarks training` has
    `Conv1D` beside it), and ONNX Runtime scores batched streams faster with matrix products.

    Input `(batch, time, features)`, output `(batch, ceil(time / strides), filters)` for `same`
    padding and `(batch, time - kernel_size + 1, filters)` for `valid`.

    Args:
        filters: Output features.
        kernel_size: Patch length in samples.
        strides: Step between patches; 1 for `valid` padding.
        padding: `same` (zeros, as TensorFlow pads) or `valid`.
        activation: Name of a Keras activation.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        strides: int = 1,
        padding: str = "same",
        activation: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if padding not in ("same", "valid") or (padding == "valid" and strides != 1):
            raise ValueError(
                "`padding` must be 'same', or 'valid' with strides 1. "
                f"Received: padding={padding!r}, strides={strides}."
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Shape) -> None:
        """Creates the kernel `(kernel_size, features, filters)`, as in `Conv1D`, and the bias."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, input_shape[-1], self.filters),
            initializer="glorot_uniform",
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def call(self, x: Any) -> Any:
        """Convolves `(batch, time, features)`."""
        length = x.shape[1]
        out = self._length_out(length)
        exporter = lowering()
        if exporter is not None and length * x.shape[2] * out * self.filters <= DENSE:
            return self._as_dense(exporter, x, out)
        left, right = self._padding(length)
        if left or right:
            x = ops.pad(x, ((0, 0), (left, right), (0, 0)))
        kernel = ops.reshape(self.kernel, (-1, self.filters))
        if out == 1:
            patches = ops.reshape(x, (-1, 1, kernel.shape[0]))
        else:
            span = (out - 1) * self.strides + 1
            patches = ops.concatenate(
                [x[:, j : j + span : self.strides] for j in range(self.kernel_size)], axis=-1
            )
        return self.activation(ops.matmul(patches, kernel) + self.bias)

    def _padding(self, length: int) -> tuple[int, int]:
        if self.padding == "valid":
            return 0, 0
        span = (self._length_out(length) - 1) * self.strides + self.kernel_size
        missing = max(span - length, 0)
        return missing // 2, missing - missing // 2

    def _as_dense(self, exporter: Lowering, x: Any, out: int) -> Any:
        """Convolves by one product of the whole window with a matrix that is mostly zeros.

        Where windows are small, that is fewer operators and no slower.
        """
        length, features = x.shape[1], x.shape[2]
        kernel = exporter.value(self.kernel)
        matrix = np.zeros((length, features, out, self.filters), "float32")
        left, _ = self._padding(length)
        for place in range(out):
            for tap in range(self.kernel_size):
                row = place * self.strides + tap - left
                if 0 <= row < length:
                    matrix[row, :, place] = kernel[tap]
        flat = ops.reshape(x, (-1, length * features))
        bias = np.tile(exporter.value(self.bias), out)
        y = ops.matmul(flat, matrix.reshape(length * features, -1)) + bias
        return ops.reshape(self.activation(y), (-1, out, self.filters))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns `(batch, time_out, filters)`."""
        batch, length, _ = input_shape
        return batch, self._length_out(length), self.filters

    def _length_out(self, length: int) -> int:
        if self.padding == "valid":
            return length - self.kernel_size + 1
        return -(-length // self.strides)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
        }


@keras.saving.register_keras_serializable("kad")
class SymmetricPad1D(layers.Layer):
    """Pads time by its own mirror image, edge samples repeated, as `tf.pad(mode="SYMMETRIC")`.

    Args:
        pad: Samples on each side, at most the window's length.
    """

    def __init__(self, pad: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pad = pad

    def call(self, x: Any) -> Any:
        """Pads `(batch, time, features)` to `(batch, time + 2 * pad, features)`."""
        length = x.shape[1]
        if lowering() is not None:
            rows = np.pad(np.arange(length), self.pad, mode="symmetric")
            return ops.take(x, rows, axis=1)
        head = [x[:, i : i + 1] for i in reversed(range(self.pad))]
        tail = [x[:, length - 1 - i : length - i] for i in range(self.pad)]
        return ops.concatenate([*head, x, *tail], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns `(batch, time + 2 * pad, features)`."""
        return input_shape[0], input_shape[1] + 2 * self.pad, input_shape[2]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "pad": self.pad}
