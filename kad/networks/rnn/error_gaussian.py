"""Gaussian error distributions: from prediction errors to Mahalanobis scores."""

from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops
from sklearn.covariance import ledoit_wolf

Gaussian = Literal["channel", "joint"]
SMALLEST_ERROR = 1e-3
"""Errors of this size, in standardised units, are never remarkable."""


@keras.saving.register_keras_serializable("kad")
class ErrorGaussian(layers.Layer):
    """Squared Mahalanobis distance of prediction errors.

    `channel`: one Gaussian over the horizon per channel; the score is the sum over channels.
    `joint`: one Gaussian over channels and horizon, which also sees a correlation that breaks; a
    channel's part is proportional to what its errors add given all the others. Missing channels
    are left out of the distance.

    Covariances are shrunk so that they can always be inverted, and inverted once, when fitted:
    scoring is a matrix product.

    Args:
        channels: Number of channels.
        horizon: Predictions per sample.
        gaussian: `channel` or `joint`.

    Reference: P. Malhotra et al. (2015), "Long Short Term Memory Networks for Anomaly Detection in
    Time Series", ESANN; O. Ledoit, M. Wolf (2004), "A well-conditioned estimator for
    large-dimensional covariance matrices". The joint form is ours.
    """

    def __init__(
        self, channels: int, *, horizon: int, gaussian: Gaussian = "channel", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.horizon, self.gaussian = channels, horizon, gaussian
        groups, size = (channels, horizon) if gaussian == "channel" else (1, channels * horizon)

        def weight(name: str, shape: tuple[int, ...]) -> Any:
            return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

        self.mean = weight("mean", (channels, horizon))
        self.whiten = weight("whiten", (groups, size, size))
        self.given_others = weight("given_others", (size, size)) if gaussian == "joint" else None
        self.foreseen = weight("foreseen", (size, size)) if gaussian == "joint" else None
        self.built = True

    def fit(
        self, errors: np.ndarray, observed: np.ndarray, *, constant: np.ndarray | None = None
    ) -> None:
        """Sets mean and covariance.

        Args:
            errors: float32 `(rows, channels, horizon)` of normal rows.
            observed: `(rows, channels)`, not 0 where there was a sample: only these count.
            constant: Boolean `(channels,)`: channels that had no errors to learn from; theirs
                count in standardised units.
        """
        observed = observed.astype(bool)
        rows = [errors[observed[:, c], c].astype("float64") for c in range(self.channels)]
        constant = np.zeros(self.channels, bool) if constant is None else constant
        self.mean.assign(np.stack([_mean(r, self.horizon) for r in rows]))
        if self.given_others is None or self.foreseen is None:
            unknown = np.repeat(constant[:, None], self.horizon, axis=1)
            pairs = zip(rows, unknown, strict=True)
            self.whiten.assign(np.stack([_whitening(r, are)[0] for r, are in pairs]))
            return
        complete = errors[observed.all(axis=1)].astype("float64").reshape(-1, self.whiten.shape[-1])
        whiten, precision = _whitening(complete, np.repeat(constant, self.horizon))
        self.whiten.assign(whiten[None])
        given, foreseen = np.zeros_like(precision), np.zeros_like(precision)
        for c in range(self.channels):
            own = slice(c * self.horizon, (c + 1) * self.horizon)
            lower = np.linalg.cholesky(precision[own, own])
            given[:, own] = np.linalg.solve(lower, precision[own]).T
            foreseen[:, own] = -given[:, own] @ np.linalg.inv(lower)
        self.given_others.assign(given)
        self.foreseen.assign(foreseen)

    def call(self, errors: Any, observed: Any) -> Any:
        """Scores errors.

        Args:
            errors: `(streams, steps, channels, horizon)`.
            observed: float32 `(streams, steps, channels)`; a missing sample has no error.

        Returns:
            `(streams, steps, channels)`: each channel's part of the score.
        """
        deviation = (errors - self.mean) * ops.expand_dims(observed, -1)
        if self.gaussian == "channel" and self.channels > 1:
            by_channel = ops.transpose(deviation, (2, 0, 1, 3))
            flat = ops.reshape(by_channel, (self.channels, -1, self.horizon))
            squares = ops.sum(ops.square(ops.matmul(flat, self.whiten)), axis=-1)
            parts = ops.reshape(squares, (self.channels, -1, ops.shape(errors)[1]))
            return ops.transpose(parts, (1, 2, 0))
        shape = (-1, ops.shape(errors)[1], self.channels * self.horizon)
        flat = ops.reshape(deviation, shape)
        if self.channels == 1:
            return ops.sum(ops.square(ops.matmul(flat, self.whiten[0])), axis=-1, keepdims=True)
        flat = self._complete(flat, observed)
        total = ops.sum(ops.square(ops.matmul(flat, self.whiten[0])), axis=-1, keepdims=True)
        adds = ops.square(ops.matmul(flat, self.given_others))
        adds = ops.sum(ops.reshape(adds, (*shape[:2], self.channels, self.horizon)), axis=-1)
        adds = adds * observed
        return total * adds / (ops.sum(adds, axis=-1, keepdims=True) + 1e-12)

    def _complete(self, flat: Any, observed: Any) -> Any:
        """Gives missing samples the error that is expected beside the observed ones.

        No error at all would look like a broken correlation. The step towards the expected errors
        is as long as makes the distance smallest: exact for one missing channel.
        """
        missing = ops.repeat(1.0 - observed, self.horizon, axis=-1)
        towards = ops.matmul(flat, self.foreseen) * missing
        now, change = ops.matmul(flat, self.whiten[0]), ops.matmul(towards, self.whiten[0])
        length = ops.sum(now * change, axis=-1, keepdims=True)
        square = ops.sum(ops.square(change), axis=-1, keepdims=True)
        return flat - towards * length / (square + 1e-12)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "horizon": self.horizon,
            "gaussian": self.gaussian,
        }


def _mean(errors: np.ndarray, size: int) -> np.ndarray:
    return errors.mean(axis=0) if len(errors) else np.zeros(size)


def _whitening(errors: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns `W` with `‖eᵀW‖²` the squared Mahalanobis distance, and the precision matrix.

    Args:
        errors: `(rows, size)`.
        unknown: Boolean `(size,)`: errors that have no spread to learn; 1 stands in for it.
    """
    size = len(unknown)
    if len(errors) < 2 or unknown.all():
        return np.eye(size), np.eye(size)
    known = ~unknown
    learnt, _ = ledoit_wolf(errors if known.all() else errors[:, known])
    number = len(learnt)
    learnt += (SMALLEST_ERROR**2 + 1e-6 * np.trace(learnt) / number) * np.eye(number)
    covariance = np.eye(size)
    covariance[np.ix_(known, known)] = learnt
    lower = np.linalg.cholesky(covariance)
    whiten = np.linalg.solve(lower, np.eye(size)).T
    return whiten, whiten @ whiten.T
