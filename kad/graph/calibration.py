"""From a detector's own score to severity, −log10 of a tail probability."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from scipy import stats

from runtime.errors import InputError

STEEPEST = 8.0
"""Most severity that is gained per relative change of the score: keeps float32 rounding small."""
FEWEST_EXCESSES = 20
"""Below this, the tail's shape is not fitted but set to `USUAL_SHAPE`."""
USUAL_SHAPE = 0.1
BLOCK = 65_536
"""Scores at a time: every one takes `KNOTS` numbers of memory."""


@keras.saving.register_keras_serializable("kad")
class Calibration(layers.Layer):
    """Severity of a score: −log10 P(a normal sample scores this high).

    Empirical quantiles of normal scores below the `TAIL` quantile, joined linearly; a
    generalised Pareto tail above it. All constants are weights.

    Reference: A. Siffer et al. (2017), "Anomaly Detection in Streams with Extreme Value Theory",
    for the tail. We fit it once and keep its shape between 0.02 and 0.5: a negative one would give
    an infinite severity just above the highest score seen. From few scores the tail starts lower
    and its shape is fixed.
    """

    TAIL = 0.02
    LARGEST_TAIL = 0.1
    KNOTS = 64
    FEWEST = 50
    SHAPES = (0.02, 0.5)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

        def weight(name: str, shape: tuple[int, ...]) -> Any:
            return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

        self.knots = weight("knots", (self.KNOTS,))
        self.inverse_widths = weight("inverse_widths", (self.KNOTS,))
        self.rises = weight("rises", (self.KNOTS,))
        self.tail = weight("tail", (3,))
        self.built = True

    def fit(self, scores: np.ndarray, *, least_scale: float = 0.0) -> dict[str, Any]:
        """Sets the constants.

        Args:
            scores: Scores of normal rows, `(rows,)`.
            least_scale: Least scale of the tail, and half of the least difference that gains a
                severity of 1 below it, for scores whose size means something by itself. Without
                it, scores need a spread.

        Returns:
            A summary for the detector's metadata: rows, quantiles, shape and scale of the tail.

        Raises:
            InputError: Fewer than `FEWEST` scores, or scores without any spread and no
                `least_scale`.
        """
        scores = np.asarray(scores, "float64")
        if scores.size < self.FEWEST:
            raise InputError(
                f"Calibration needs at least {self.FEWEST} rows after the warm-up. Received: "
                f"{scores.size}. Train on more rows."
            )
        if not (scores.std() or least_scale):
            raise InputError(
                "All calibration rows score the same: the detector has learnt nothing it could be "
                "surprised by. Train on rows in which the channels vary."
            )
        share = float(np.clip(10 / scores.size, self.TAIL, self.LARGEST_TAIL))
        quantile, severity = _body(scores, self.KNOTS + 1, share, least_scale)
        start = float(quantile[-1])
        least_scale = max(least_scale, start / (STEEPEST * np.log(10)))
        shape, scale = _tail(scores, share, least_scale)
        self.knots.assign(quantile[:-1])
        self.inverse_widths.assign(1 / np.diff(quantile))
        self.rises.assign(np.diff(severity))
        self.tail.assign([start, shape / scale, 1 / (shape * np.log(10))])
        return {
            "rows": int(scores.size),
            "quantiles": {
                f"{q:g}": float(np.quantile(scores, q)) for q in (0.5, 0.9, 0.98, 0.99, 0.999, 1.0)
            },
            "tail": {"start": start, "shape": shape, "scale": scale, "share": share},
        }

    @property
    def of_machine(self) -> dict[str, Any]:
        """What belongs to one machine."""
        return {name: getattr(self, name) for name in ("knots", "inverse_widths", "rises", "tail")}

    def call(self, score: Any, machine: Mapping[str, Any] | None = None) -> Any:
        """Returns the severity of `score`, same shape.

        Args:
            score: `(streams, steps, 1)`; without `machine`, any shape.
            machine: Instead of the weights, those of each stream's machine, by the names of
                `of_machine` with `calibration.` before them.
        """
        own = self.of_machine
        if machine is None:
            rises = ops.reshape(own["rises"], (self.KNOTS, 1))
            return self._severity(score[..., None], own, rises)[..., 0]
        own = {name: machine[f"calibration.{name}"] for name in own}
        return self._severity(score, own, ops.reshape(own["rises"], (-1, self.KNOTS, 1)))

    def _severity(self, score: Any, own: Mapping[str, Any], rises: Any) -> Any:
        ramp = ops.clip((score - own["knots"]) * own["inverse_widths"], 0.0, 1.0)
        start, slope, factor = (own["tail"][..., i : i + 1] for i in range(3))
        tail = ops.log(ops.maximum(score * slope + (1.0 - slope * start), 1.0))
        return ops.matmul(ramp, rises) + factor * tail

    def severity(self, scores: np.ndarray) -> np.ndarray:
        """Returns the severity of scores that are at hand, `(rows,)`, block by block."""
        blocks = np.array_split(np.asarray(scores, "float32"), scores.size // BLOCK + 1)
        parts = [ops.convert_to_numpy(self(ops.convert_to_tensor(block))) for block in blocks]
        return np.concatenate(parts)


def _tail(scores: np.ndarray, share: float, least_scale: float) -> tuple[float, float]:
    start = float(np.quantile(scores, 1 - share))
    excess = scores[scores > start] - start
    floor = max(1e-6 * float(scores.std()), least_scale)
    lightest, heaviest = Calibration.SHAPES
    if excess.size < 2 or excess.mean() < floor:
        return lightest, float(floor)
    shape = USUAL_SHAPE
    if excess.size >= FEWEST_EXCESSES:
        shape = float(np.clip(stats.genpareto.fit(excess, floc=0)[0], lightest, heaviest))
    _, _, scale = stats.genpareto.fit(excess, f0=shape, floc=0)
    return shape, float(max(scale, floor))


def _body(
    scores: np.ndarray, knots: int, share: float, least_scale: float
) -> tuple[np.ndarray, np.ndarray]:
    severity = np.linspace(0, -np.log10(share), knots)
    quantile = np.quantile(scores, 1 - 10**-severity)
    # Where many scores are nearly the same, rounding in float32 would become severity.
    size = max(abs(float(quantile[-1])), float(scores.std()))
    narrowest = severity[1] * max(size / STEEPEST, 2 * least_scale)
    if least_scale:
        # What many share is usual and keeps its severity; a little above it is not remarkable.
        for i in range(1, knots):
            quantile[i] = max(quantile[i], quantile[i - 1] + narrowest)
    else:
        for i in range(knots - 2, -1, -1):
            quantile[i] = min(quantile[i], quantile[i + 1] - narrowest)
    return quantile, severity
