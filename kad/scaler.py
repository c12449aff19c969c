"""Standardisation by the training rows."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from runtime.errors import InputError


@keras.saving.register_keras_serializable("kad")
class Scaler(layers.Layer):
    """Standardises channels: `(x − mean) / std`, limited to ±`LIMIT`.

    The mean and the population standard deviation of the training rows are weights, as in Lin et
    al. (2020). The limit keeps squared errors finite in float32.
    """

    LIMIT = 1e4

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.mean = self.add_weight(
            name="mean", shape=(channels,), initializer="zeros", trainable=False
        )
        self.std = self.add_weight(
            name="std", shape=(channels,), initializer="ones", trainable=False
        )
        self.built = True

    def fit(self, values: np.ndarray, *, names: tuple[str, ...]) -> None:
        """Sets mean and standard deviation.

        Args:
            values: float64 `(rows, channels)` in raw units; NaN where missing.
            names: Channel names for the error messages.

        Raises:
            InputError: A channel is empty, constant, or its offset leaves no float32 resolution.
        """
        for name, column in zip(names, values.T, strict=True):
            _check(name, column)
        self.mean.assign(np.nanmean(values, axis=0))
        self.std.assign(np.nanstd(values, axis=0))

    def call(self, x: Any) -> Any:
        """Standardises raw readings `(..., channels)`."""
        return ops.clip((x - self.mean) / self.std, -self.LIMIT, self.LIMIT)

    def inverse(self, z: Any) -> Any:
        """Returns standardised values `(..., channels)` in raw units."""
        return z * self.std + self.mean

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "channels": self.channels}


def _check(name: str, column: np.ndarray) -> None:
    observed = column[np.isfinite(column)]
    if not observed.size:
        raise InputError(
            f"Channel {name!r} has no reading in the training rows. "
            "Leave it out with --channels, or choose other rows with --train."
        )
    spread, offset = observed.std(), np.abs(observed).max()
    if spread == 0:
        raise InputError(
            f"Channel {name!r} is constant ({observed[0]:g}) in the training rows: there is "
            "nothing to learn. Leave it out with --channels, or choose other rows with --train."
        )
    if offset > 3e29:
        raise InputError(
            f"Channel {name!r} has readings up to {offset:g}, beyond what float32 can square. "
            "Rescale it, or clean it."
        )
    if spread < 100 * np.finfo("float32").eps * offset:
        raise InputError(
            f"Channel {name!r} varies by {spread:.3g} around {observed.mean():.9g}: float32 "
            "cannot resolve that. Subtract the offset before training and scoring."
        )
