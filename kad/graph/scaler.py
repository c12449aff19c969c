"""Standardisation by the training rows."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from runtime.errors import InputError

RESOLUTION = 100 * float(np.finfo("float32").eps)
"""Least standard deviation that float32 resolves, as a share of the largest reading."""
SMALLEST, LARGEST = 1e-30, 3e29
"""Where the largest reading of a channel must lie, so that float32 can divide by its deviation and
square what comes of it."""
CONSTANT = 1e-3
"""What stands in for the standard deviation of a constant channel, as a share of its mean."""


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

    def fit(self, values: np.ndarray, *, names: tuple[str, ...], constant: bool = False) -> None:
        """Sets mean and standard deviation.

        Args:
            values: float64 `(rows, channels)` in raw units; NaN where missing.
            names: Channel names for the error messages.
            constant: Accept channels that hardly vary: a thousandth of their mean, or 1 where it
                is 0, stands in for the standard deviation.

        Raises:
            InputError: A channel is empty, constant, too large or too small for float32, or its
                offset leaves no float32 resolution.
        """
        for name, column in zip(names, values.T, strict=True):
            _check(name, column, constant=constant)
        mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        resolution = RESOLUTION * np.nanmax(np.abs(values), axis=0)
        stand_in = np.where(mean == 0, 1.0, CONSTANT * np.abs(mean))
        self.mean.assign(mean)
        self.std.assign(np.where((std == 0) | (std < resolution), stand_in, std))

    @property
    def of_machine(self) -> dict[str, Any]:
        """What belongs to one machine."""
        return {"mean": self.mean, "std": self.std}

    def call(self, x: Any, machine: Mapping[str, Any] | None = None) -> Any:
        """Standardises raw readings `(..., channels)`.

        Args:
            x: The readings.
            machine: Instead of the weights, `scaler.mean` and `scaler.std` of each stream's
                machine.
        """
        mean, std = self._constants(machine)
        return ops.clip((x - mean) * (1.0 / std), -self.LIMIT, self.LIMIT)

    def inverse(self, z: Any, machine: Mapping[str, Any] | None = None) -> Any:
        """Returns standardised values `(..., channels)` in raw units; see `call`."""
        mean, std = self._constants(machine)
        return z * std + mean

    def _constants(self, machine: Mapping[str, Any] | None) -> tuple[Any, Any]:
        if machine is None:
            return self.mean, self.std
        return machine["scaler.mean"], machine["scaler.std"]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "channels": self.channels}


def _check(name: str, column: np.ndarray, *, constant: bool) -> None:
    observed = column[np.isfinite(column)]
    if not observed.size:
        raise InputError(
            f"Channel {name!r} has no reading in the training rows. "
            "Leave it out with --channels, or choose other rows with --train."
        )
    offset = np.abs(observed).max()
    if offset > LARGEST or 0 < offset < SMALLEST:
        side = "beyond" if offset > LARGEST else "below"
        raise InputError(
            f"Channel {name!r} has readings up to {offset:g}, {side} what float32 can square. "
            "Rescale it, or clean it."
        )
    spread = observed.std()
    if spread == 0 and not constant:
        raise InputError(
            f"Channel {name!r} is constant ({observed[0]:g}) in the training rows: there is "
            "nothing to learn. Leave it out with --channels, or choose other rows with --train."
        )
    if spread < RESOLUTION * offset and not constant:
        raise InputError(
            f"Channel {name!r} varies by {spread:.3g} around {observed.mean():.9g}: float32 "
            "cannot resolve that. Subtract the offset before training and scoring."
        )
