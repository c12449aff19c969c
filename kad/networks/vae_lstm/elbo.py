"""The evidence lower bound of the VAE, and the variance that it weighs errors by."""

from math import prod
from typing import Any

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("kad")
class SigmaSquared(layers.Layer):
    """The variance of the VAE's reconstruction, fixed or learnt.

    Args:
        sigma: Standard deviation, in standardised units: fixed, or where learning starts.
        learn: Whether it is a trainable weight.
        offset: Added to the learnt variance so that it stays above zero.
    """

    def __init__(self, sigma: float, *, learn: bool, offset: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sigma, self.learn, self.offset = sigma, learn, offset
        self.weight = self.add_weight(
            name="sigma", shape=(), initializer=keras.initializers.Constant(sigma), trainable=learn
        )
        self.built = True

    def variance(self) -> Any:
        """Returns the variance, a scalar."""
        return ops.square(self.weight) + (self.offset if self.learn else 0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "sigma": self.sigma,
            "learn": self.learn,
            "offset": self.offset,
        }


def elbo(
    z: Any, mask: Any, mean: Any, deviation: Any, *, decoded: Any, variance: Any
) -> dict[str, Any]:
    """Returns −ELBO and its parts per window, as the paper's code weighs them.

    Args:
        z: Standardised windows `(batch, l_win, channels)`.
        mask: Same shape; 0 where a sample does not count.
        mean: Mean of their embeddings `(batch, code_size)`.
        deviation: Standard deviation of their embeddings, same shape.
        decoded: Their reconstructions, of the shape of `z`.
        variance: Of a reconstruction, a scalar.

    Returns:
        `loss`, `reconstruction_error` and `kl`, each `(batch,)`.

    Reference: S. Lin et al. (2020).
    """
    dims = prod(decoded.shape[1:])
    squared = ops.square(z - decoded) * mask
    error = ops.sum(squared, axis=(1, 2))
    kl = 0.5 * ops.sum(
        ops.square(mean) + ops.square(deviation) - 1.0 - 2.0 * ops.log(deviation), axis=1
    )
    constant = 0.5 * dims * (np.log(2 * np.pi) + ops.log(variance))
    return {
        "loss": constant + 0.5 * error / (2.0 * variance) + kl,
        "reconstruction_error": error,
        "kl": kl,
    }
