"""The scoring layer that all detectors share: from streams of errors to one score."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from kad.backend.scan import scan
from kad.graph.rolling import rolling, steps_first
from kad.options import ScoringOptions
from runtime.errors import ConfigError

NARROWEST_RANGE = 0.02
"""A channel's range of readings counts as at least this wide, in standardised units."""
LEAST_SCALE = 0.2
"""Differences between adaptive scores that are never remarkable, in standard deviations."""
_LARGEST_COUNT = 1e6


class Samples(NamedTuple):
    """A chunk of samples as detectors measure them."""

    x: Any
    """`(streams, steps, channels)`, raw units; NaN or infinity where missing."""
    z: Any
    """Same shape, standardised; the last observed sample in place of a missing one."""
    observed: Any
    """Same shape, float32: 1 where there is a sample."""
    context: Any
    """`(streams, steps, context)`."""
    count: Any
    """`(streams, steps)`: samples since the stream began, saturating."""
    is_warm: Any
    """Boolean `(streams, steps)`: after the detector's warm-up."""


class Measured(NamedTuple):
    """What a detector says about a chunk of samples."""

    distance: Any
    """`(streams, steps, channels)`, ≥ 0: each channel's part of the detector's own score."""
    errors: tuple[Any, ...]
    """The error streams, each `(streams, steps, channels)`, ≥ 0: root mean squares or absolute
    values, in standardised units or standard deviations."""
    counts: tuple[Any, ...]
    """Float32, as `errors`: 1 where the stream has an error that counts."""
    expected: Any
    """`(streams, steps, channels)`: what it expected, standardised."""
    following: Mapping[str, Any]
    """The next values of its parts of the state."""
    trusts: tuple[Any, ...] = ()
    """As `errors`, in (0, 1]: what share of an error counts in the mean of the newest ones, where a
    stream is so young that its errors are too large; all of it where not given. Statistics learn
    from the whole error."""


class ErrorStream(NamedTuple):
    """What a stream of errors is, and how its newest errors are averaged."""

    meaning: str
    """In words."""
    short: int = 20
    """Newest samples whose mean error is compared."""
    cap: float = 6.0
    """Errors count in that mean up to this many standard deviations above the usual one."""
    weight: float = 1.0
    """Its share in the score."""


@keras.saving.register_keras_serializable("kad")
class Scoring(layers.Layer):
    """Fuses error streams into one score, with statistics that follow each stream of errors.

    `static`: the score is the sum of the channels' own distances, as detectors define them.

    `adaptive`: every error stream e of every channel has an exponentially weighted mean m and
    variance v. With sd = √(v + floor² + (relative floor · m)²),

    - z = (mean of min(e, m + cap · sd) over those n of the last `short` samples that have an error
      − m) / sd · √(n / `short`), 0 where none of them has: the mean of few errors is less certain.
      `short` and cap are the error stream's,
    - m and v are updated with min(e, m + `winsor` · sd) afterwards, so that an anomaly hardly
      teaches what is normal,
    - a channel's score is the weighted root mean square over streams of max(z, 0), and the
      detector's is the root of the sum of squares over channels, of which each channel has its
      part.

    A reading outside the range of the channel's whole history by more than `novelty` of it scores
    at least `NOVEL` times how often it exceeds that share, at most `MOST`. Missing
    samples leave all statistics as they are. A new stream starts with the statistics and ranges of
    the training rows.

    Args:
        channels: Number of channels.
        streams: The error streams; those with weight 0 are left out.
        options: The `[scoring]` section; its `short` and `cap` are those of every stream.

    Reference: windows and weights are those measured in kad's own study on the Numenta Anomaly
    Benchmark; see `benchmarks/results/README.md`.
    """

    NOVEL = 20.0
    MOST = 99.0

    def __init__(
        self,
        channels: int,
        *,
        streams: Sequence[ErrorStream | Sequence[Any]],
        options: ScoringOptions | Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.streams = channels, tuple(ErrorStream(*stream) for stream in streams)
        self.options = options if isinstance(options, ScoringOptions) else ScoringOptions(**options)
        if self.is_adaptive:
            if not any(stream.weight for stream in self.streams):
                raise ConfigError(
                    "At least one error stream must have a weight above 0. Received: "
                    f"{', '.join(stream.meaning for stream in self.streams)}, all 0."
                )
            self._used = [i for i, stream in enumerate(self.streams) if stream.weight]
            used = [self.streams[i] for i in self._used]
            self._size = channels * len(used)
            self._weights = np.array([s.weight for s in used]) / sum(s.weight for s in used)
            self._shorts = np.repeat([self.options.short or s.short for s in used], channels)
            self._caps = np.repeat([self.options.cap or s.cap for s in used], channels)

            def weight(name: str, size: int) -> Any:
                return self.add_weight(
                    name=name, shape=(size,), initializer="zeros", trainable=False
                )

            self.statistics = {
                **{name: weight(name, self._size) for name in ("mean", "variance", "seen")},
                **{name: weight(name, channels) for name in ("lowest", "highest")},
            }
            self.memory = weight("memory", 1)
        self.built = True

    @property
    def is_adaptive(self) -> bool:
        """Whether statistics follow the errors."""
        return self.options.normalisation == "adaptive"

    @property
    def least_scale(self) -> float:
        """Differences between scores that are never remarkable."""
        return LEAST_SCALE if self.is_adaptive else 0.0

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """Shapes of its parts of the state."""
        if not self.is_adaptive:
            return {}
        before = (int(self._shorts.max()), self._size)
        return {
            **{name: tuple(value.shape) for name, value in self.statistics.items()},
            "recent": before,
            "recent_counts": before,
        }

    # Fitting

    def reset(self, *, rows: int) -> None:
        """Forgets the statistics of the training rows.

        Args:
            rows: Training rows: where no half-life is given, it is twice as long.
        """
        if self.is_adaptive:
            for value in self.statistics.values():
                value.assign(np.zeros(value.shape))
            half_life = self.options.half_life or 2 * rows
            memory = min(1 / (1 - 0.5 ** (1 / half_life)), _LARGEST_COUNT)
            self.memory.assign([memory])

    def start_from(self, parts: Mapping[str, np.ndarray]) -> None:
        """Starts new streams with the statistics of another stream.

        Args:
            parts: Its parts of the state, each with an axis of one stream.
        """
        for name, value in self.statistics.items():
            value.assign(parts[name][0])

    def set_ranges(self, z: np.ndarray) -> None:
        """Sets the ranges that new streams start with; they hold 0.

        Args:
            z: `(rows, channels)`, standardised; NaN where missing.
        """
        for name, reduce in (("lowest", np.fmin.reduce), ("highest", np.fmax.reduce)):
            self.statistics[name].assign(reduce(z, axis=0, initial=0.0))

    # Scoring

    def call(self, samples: Samples, measured: Measured, old: Mapping[str, Any]) -> dict[str, Any]:
        """Scores a chunk.

        Args:
            samples: The samples.
            measured: What the detector says about them.
            old: Parts of the state: `count` and its own.

        Returns:
            `score` `(streams, steps)`, `channel_scores` `(streams, steps, channels)`, both 0
            during the warm-up, and the next values of its parts of the state.
        """
        following: dict[str, Any] = {}
        if self.is_adaptive:
            channel_scores, following = self._adaptive(samples, measured, old)
            squares = ops.sum(ops.square(channel_scores), axis=-1, keepdims=True)
            total = ops.sqrt(squares)
            channel_scores = ops.square(channel_scores) / ops.maximum(total, 1e-6)
        else:
            channel_scores = measured.distance
            total = ops.sum(channel_scores, axis=-1, keepdims=True)
        is_warm = samples.is_warm[..., None]
        return {
            "score": ops.where(is_warm, total, ops.zeros_like(total))[..., 0],
            "channel_scores": ops.where(is_warm, channel_scores, ops.zeros_like(channel_scores)),
            **following,
        }

    def _adaptive(
        self, samples: Samples, measured: Measured, old: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        options, steps = self.options, ops.shape(samples.z)[1]
        errors = ops.concatenate([measured.errors[i] for i in self._used], axis=-1)
        warm = ops.cast(samples.is_warm, "float32")[..., None]
        counts = ops.concatenate([measured.counts[i] for i in self._used], axis=-1) * warm

        is_new = ops.equal(old["count"], 0.0)
        start = {
            name: ops.where(is_new, prior[None], old[name])
            for name, prior in self.statistics.items()
        }
        by_step = {"error": errors, "count": counts, "z": samples.z, "observed": samples.observed}
        last, out = scan(
            self._follow, start, {name: steps_first(value) for name, value in by_step.items()}
        )
        mean, deviation, capped, novel = (
            steps_first(out[name]) for name in ("mean", "deviation", "capped", "novel")
        )
        if measured.trusts:
            trusts = [measured.trusts[i] for i in self._used]
            capped = capped * ops.concatenate(trusts, axis=-1)
        recent = ops.concatenate([old["recent"], capped * counts], axis=1)
        recent_counts = ops.concatenate([old["recent_counts"], counts], axis=1)
        total, number = (self._newest(rows[:, 1:], steps) for rows in (recent, recent_counts))
        certainty = ops.sqrt(number * (1 / self._shorts).astype("float32"))
        z = (total / ops.maximum(number, 1.0) - mean) / deviation * certainty
        z = ops.maximum(z, 0.0)

        squares = ops.square(ops.reshape(z, (-1, steps, len(self._used), self.channels)))
        weights = self._weights.astype("float32")[:, None]
        score = ops.sqrt(ops.sum(squares * weights, axis=2))
        if options.novelty:
            far = ops.minimum(self.NOVEL * novel, self.MOST)
            score = ops.where(ops.greater(novel, 1.0), ops.maximum(far, score), score)
        return score, {
            **last,
            "recent": recent[:, steps:],
            "recent_counts": recent_counts[:, steps:],
        }

    def _newest(self, rows: Any, steps: Any) -> Any:
        """Sums over each step's newest rows, each error stream over its own number of them."""
        longest = int(self._shorts.max())
        age = np.arange(longest)[::-1, None]
        window = rolling(rows, steps, longest)
        if np.ptp(self._shorts):
            window = window * (age < self._shorts).astype("float32")
        return ops.sum(window, axis=2)

    def _follow(self, past: Any, now: Any) -> tuple[Any, Any]:
        """One step of all statistics; everything `(streams, ...)`."""
        options = self.options
        mean, variance = past["mean"], past["variance"]
        floor = ops.square(options.relative_floor * mean) + options.floor**2
        deviation = ops.sqrt(variance + floor)
        tame = ops.minimum(now["error"], mean + options.winsor * deviation)
        # The first errors of all say what is usual; a short memory never sees more of them.
        enough = ops.minimum(float(options.settle), self.memory)
        settled = ops.greater_equal(past["seen"], enough)
        capped = ops.minimum(now["error"], mean + deviation * self._caps.astype("float32"))
        capped, tame = (ops.where(settled, e, now["error"]) for e in (capped, tame))
        seen = ops.minimum(past["seen"] + now["count"], self.memory)
        gain = now["count"] / ops.maximum(seen, 1.0)
        change = tame - mean
        span = ops.maximum(past["highest"] - past["lowest"], NARROWEST_RANGE)
        beyond = ops.maximum(now["z"] - past["highest"], past["lowest"] - now["z"])
        following = {
            "mean": mean + gain * change,
            "variance": (1.0 - gain) * (variance + gain * ops.square(change)),
            "seen": seen,
            "lowest": ops.minimum(past["lowest"], now["z"]),
            "highest": ops.maximum(past["highest"], now["z"]),
        }
        novel = ops.maximum(beyond, 0.0) / ((options.novelty or 1.0) * span)
        return following, {
            "mean": mean,
            "deviation": deviation,
            "capped": capped,
            "novel": novel * now["observed"],
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "streams": [list(stream) for stream in self.streams],
            "options": self.options.model_dump(),
        }
