"""The evidence lower bound of the VAE, and the variance that it weighs errors by."""

from typing import Any

import keras
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
