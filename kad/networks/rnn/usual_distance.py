"""The distance that is usual in a hidden state: an adaptive threshold."""

import warnings
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

SMALLEST = 1e-2
"""Added to squared distances, so that their logarithm is finite."""
FEWEST = 100
"""Rows with all channels that it is fitted on at least."""


@keras.saving.register_keras_serializable("kad")
class UsualDistance(layers.Layer):
    """Predicts the squared Mahalanobis distance that is usual after a hidden state.

    A network of one hidden layer, fitted to the logarithm of training distances and relative to
    their mean: 1 where nothing is known.

    Args:
        units: Size of the hidden state.
        channels: Number of channels.
        width: Size of the hidden layer.

    Reference: J. Park (2018) subtracts the score that a support vector regression predicts from
    the hidden state; we divide.
    """

    def __init__(self, units: int, *, channels: int, width: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.channels, self.width = units, channels, width

        def weight(name: str, shape: tuple[int, ...]) -> Any:
            return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

        self.kernel, self.bias = weight("kernel", (units, width)), weight("bias", (width,))
        self.out_kernel = weight("out_kernel", (width, channels))
        self.out_bias = weight("out_bias", (channels,))
        self.built = True

    def reset(self) -> None:
        """Forgets what was fitted: every distance is usual."""
        self.out_kernel.assign(np.zeros((self.width, self.channels)))
        self.out_bias.assign(np.zeros(self.channels))

    def fit(self, hidden: np.ndarray, distances: np.ndarray, observed: np.ndarray) -> None:
        """Fits the network; every distance is usual where too few rows have all channels.

        Args:
            hidden: float32 `(rows, units)`: the state before each sample.
            distances: float32 `(rows, channels)`.
            observed: `(rows, channels)`, 1 where there was a sample.
        """
        complete = observed.all(axis=1)
        if complete.sum() < FEWEST:
            self.reset()
            return
        target = np.log(distances[complete] + SMALLEST)
        target -= target.mean(axis=0)
        target = target if self.channels > 1 else target[:, 0]
        network = fit_network(hidden[complete], target, width=self.width)
        self.kernel.assign(network.coefs_[0])
        self.bias.assign(network.intercepts_[0])
        self.out_kernel.assign(network.coefs_[1])
        self.out_bias.assign(network.intercepts_[1])

    def call(self, hidden: Any) -> Any:
        """Returns the usual distance relative to the mean, `(..., channels)`."""
        flat = ops.reshape(hidden, (-1, self.units))
        inner = ops.tanh(ops.matmul(flat, self.kernel) + self.bias)
        usual = ops.exp(ops.clip(ops.matmul(inner, self.out_kernel) + self.out_bias, -4.0, 4.0))
        return ops.reshape(usual, (*ops.shape(hidden)[:-1], self.channels))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "channels": self.channels,
            "width": self.width,
        }


def fit_network(hidden: np.ndarray, target: np.ndarray, *, width: int = 32) -> MLPRegressor:
    """Returns a network of one hidden layer, stopped early on a tenth of the rows."""
    network = MLPRegressor(
        hidden_layer_sizes=(width,),
        activation="tanh",
        alpha=1e-2,
        early_stopping=True,
        max_iter=100,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(hidden, target)
