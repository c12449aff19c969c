"""Standardisation by the training rows."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from runtime.errors import InputError

EPSILON = float(np.finfo("float32").eps)
"""Spacing of float32, as a share of a number."""
CANCELLED = float(np.finfo("float64").eps)
"""What is left of numbers near 1 where float64 should have given 0."""
ROUNDING = 16
"""So many spacings apart, readings are the same: rounding of whoever computed them."""
SMALLEST, LARGEST = 1e-30, 3e29
"""Where the largest reading of a channel must lie, so that float32 can divide by its deviation and
square what comes of it."""
CONSTANT = 1e-2
"""What stands in for the standard deviation of a constant channel, as a share of its level."""
FARTHEST_STEP = 8.0
"""One step of a channel's resolution is at most so many standard deviations: the networks see no
farther."""
VARIES = 0.5
"""Least range of standardised training readings of a channel that is not constant: its scale is at
most an eighth of it, that of a constant one thousands of times as large."""


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
        """Sets mean and standard deviation; see `scale_of` for channels that hardly vary.

        Args:
            values: float64 `(rows, channels)` in raw units; NaN where missing.
            names: Channel names for the error messages.

        Raises:
            InputError: A channel is empty, or too large or too small for float32.
        """
        observed = [column[np.isfinite(column)] for column in values.T]
        for name, readings in zip(names, observed, strict=True):
            _check(name, readings)
        self.mean.assign([readings.mean() for readings in observed])
        self.std.assign([scale_of(readings) for readings in observed])

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


def scale_of(readings: np.ndarray) -> float:
    """Returns what stands for the standard deviation of a channel.

    The population standard deviation, but

    - of a constant channel, `CONSTANT` of its level, or 1 where that is 0. Constant is what varies
      by no more than rounding: `ROUNDING` spacings of float32 at its level, or of float64 at 1,
    - at least `1 / FARTHEST_STEP` of the channel's resolution, which is the least difference
      between readings that rounding does not explain: a second value that came once in a thousand
      rows is one step away, and not thirty standard deviations.

    Args:
        readings: float64 `(rows,)`, finite, at least one.
    """
    distinct = np.unique(readings)
    level = float(np.abs(distinct).max())
    rounding = ROUNDING * max(EPSILON * level, CANCELLED)
    if distinct[-1] - distinct[0] <= rounding:
        return CONSTANT * level if level > rounding else 1.0
    steps = np.diff(distinct)
    is_step = steps > rounding
    first = distinct[np.concatenate([[True], is_step])]
    last = distinct[np.concatenate([is_step, [True]])]
    # A run of readings that goes on beyond rounding has no steps: it is as fine as float32.
    is_fine = bool((last - first > rounding).any())
    resolution = rounding if is_fine else float(steps[is_step].min())
    return max(float(readings.std()), resolution / FARTHEST_STEP)


def _check(name: str, readings: np.ndarray) -> None:
    if not readings.size:
        raise InputError(
            f"Channel {name!r} has no reading in the training rows. "
            "Leave it out with --channels, or choose other rows with --train."
        )
    offset = np.abs(readings).max()
    if offset > LARGEST or 0 < offset < SMALLEST:
        side = "beyond" if offset > LARGEST else "below"
        raise InputError(
            f"Channel {name!r} has readings up to {offset:g}, {side} what float32 can square. "
            "Rescale it, or clean it."
        )
