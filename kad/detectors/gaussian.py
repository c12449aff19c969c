"""The moving Gaussian: the baseline that every network has to beat."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import keras
import numpy as np
from keras import ops
from pydantic import Field

from kad.detector import Detector
from kad.detector.footprint import chunk_steps
from kad.graph.scoring import ErrorStream, Measured, Samples
from kad.options import FitOptions, Positive

LONGEST_CHUNK = 64


@keras.saving.register_keras_serializable("kad")
class MovingGaussian(Detector):
    """Compares each sample with mean and standard deviation of the samples before it.

    The score of a channel is the squared distance of a sample from the mean of the channel's last
    `window` observed samples, the sample itself not among them, in standard deviations of these;
    the detector's score is the sum over channels. Missing samples score 0 and do not count. There
    is nothing to train: scaler and calibration are all that is fitted.

    Args:
        channels: Names of the columns it watches.
        window: Samples before a sample that it is compared with. Places that are not filled yet,
            because samples were missing, count with the variance of the training rows.
        floor: Least standard deviation of a window, as a share of the training rows': in constant
            stretches the smallest change would else be infinitely far away.
        **kwargs: See `Detector`.

    Reference: `windowedGaussian` of the Numenta Anomaly Benchmark: A. Lavin, S. Ahmad (2015),
    "Evaluating Real-time Anomaly Detection Algorithms", ICMLA. It has one channel, longer
    windows, and takes the Gaussian's tail probability as the score; our severity is calibrated on
    normal rows instead. Floor and missing samples are ours.
    """

    Training = FitOptions
    streams = (ErrorStream("distance from the moving mean"),)
    presets: ClassVar = {
        "default": {"scoring": {"normalisation": "static"}},
        "tiny": {"detector": {"window": 20}},
    }

    def __init__(
        self,
        channels: Sequence[str],
        *,
        window: Annotated[int, Field(ge=2)] = 100,
        floor: Positive = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels, **kwargs)

        # Config
        self.window, self.floor = window, floor
        self.warmup_steps = window
        features = len(self.channels)
        self.step_numbers = features * max(window, LONGEST_CHUNK)
        self.max_steps = chunk_steps(LONGEST_CHUNK, self.step_numbers)
        self._ready(filled=(features, 1), history=(features, window))

    # The detector itself

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """See `Detector.measure`."""
        windows, filled, following = self._looks_back(samples, old)
        distance, variance = self._moments(_swap(samples.z), windows, filled)
        squares = ops.square(distance) / ops.maximum(variance, self.floor**2)
        squares = _swap(squares) * samples.observed
        return Measured(
            distance=squares,
            errors=(ops.sqrt(squares),),
            counts=(samples.observed,),
            expected=samples.z - _swap(distance),
            following=following,
        )

    def _looks_back(
        self, samples: Samples, old: Mapping[str, Any]
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Returns what each sample is compared with.

        Returns:
            The `window` observed samples before each, `(streams, channels, steps, window)`; how
            many of them there are, `(streams, channels, steps)`; the next parts of the state.
        """
        history, filled = old["history"], old["filled"]
        observed = _swap(samples.observed)
        if samples.z.shape[1] == 1:
            newer = ops.concatenate([history[..., 1:], _swap(samples.z)], axis=-1)
            kept = ops.where(_swap(samples.is_observed), newer, history)
            now = ops.minimum(filled + observed, float(self.window))
            return history[:, :, None], filled, {"filled": now, "history": kept}
        seen = ops.cumsum(observed, axis=-1)
        before = seen - observed
        rows = self._samples(samples, seen, history)
        return (
            self._windows(rows, before),
            ops.minimum(filled + before, float(self.window)),
            {
                "filled": ops.minimum(filled + seen[..., -1:], float(self.window)),
                "history": self._windows(rows, seen[..., -1:])[:, :, 0],
            },
        )

    def _samples(self, samples: Samples, seen: Any, history: Any) -> Any:
        """Returns the history and then the chunk's observed samples, without holes between them.

        Args:
            samples: The chunk.
            seen: `(streams, channels, steps)`: observed samples of the chunk up to each step.
            history: `(streams, channels, window)`.

        Returns:
            `(streams, channels, window + steps)`; zeros after the last observed sample.
        """
        known = _swap(samples.z * samples.observed)
        places = ops.cast(ops.arange(1, ops.shape(samples.z)[1] + 1), "float32")
        place = ops.cast(ops.equal(places[:, None], seen[:, :, None]), "float32")
        packed = ops.matmul(place, known[..., None])[..., 0]
        return ops.concatenate([history, packed], axis=-1)

    def _windows(self, samples: Any, skipped: Any) -> Any:
        """Gathers the `window` samples that follow the first `skipped` ones.

        Args:
            samples: `(streams, channels, samples)`.
            skipped: `(streams, channels, steps)`, whole numbers.

        Returns:
            `(streams, channels, steps, window)`.
        """
        shape, features = ops.shape(samples), len(self.channels)
        row = ops.reshape(ops.arange(shape[0] * features) * shape[2], (-1, features))
        start = row[..., None] + ops.cast(skipped, "int32")
        index = start[..., None] + ops.arange(self.window)
        return ops.take(ops.reshape(samples, (-1,)), index, axis=0)

    def _moments(self, z: Any, window: Any, filled: Any) -> tuple[Any, Any]:
        """Returns the distance of each sample from its window's mean, and the window's variance.

        Everything is measured from the sample itself: no precision is lost to a large offset, and
        the numbers do not depend on how a stream is cut into chunks.

        Args:
            z: `(streams, channels, steps)`, standardised.
            window: `(streams, channels, steps, window)`.
            filled: `(streams, channels, steps)`: how many places of the window are filled.
        """
        from_end = np.arange(self.window, 0, -1, dtype="float32")
        is_filled = ops.less_equal(from_end, filled[..., None])
        nothing = ops.zeros_like(window)
        differences = ops.where(is_filled, z[..., None] - window, nothing)
        distance = ops.sum(differences, axis=-1) / ops.maximum(filled, 1.0)
        squares = ops.square(ops.where(is_filled, differences - distance[..., None], nothing))
        variance = (ops.sum(squares, axis=-1) + (self.window - filled)) * (1 / self.window)
        return distance, variance

    # Training

    def rows_needed(self, _options: FitOptions) -> int:
        """See `Detector.rows_needed`: one row after a full window."""
        return self.window + 1

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "window": self.window, "floor": self.floor}


def _swap(x: Any) -> Any:
    """Swaps steps and channels."""
    return ops.transpose(x, (0, 2, 1))
