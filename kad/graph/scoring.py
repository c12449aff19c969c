"""The scoring layer that all detectors share: from streams of errors to one score."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from kad.backend.scan import scan
from kad.graph.rolling import extended, is_one_step, newest_sum, rolling, steps_first
from kad.options import ScoringOptions
from runtime.errors import ConfigError

NARROWEST_RANGE = 0.02
"""A channel's range of readings counts as at least this wide, in standardised units."""
LEAST_SCALE = 0.2
"""Differences between adaptive scores that are never remarkable, in standard deviations."""
FOLLOWED = ("mean", "variance", "seen")
"""Statistics of each error stream of each channel."""
_LARGEST_COUNT = 1e6
_WITHOUT_LIMIT = 1e9


class Samples(NamedTuple):
    """A chunk of samples as detectors measure them."""

    x: Any
    """`(streams, steps, channels)`, raw units; NaN or infinity where missing."""
    z: Any
    """Same shape, standardised; the last observed sample in place of a missing one."""
    observed: Any
    """Same shape, float32: 1 where there is a sample."""
    is_observed: Any
    """Same shape, boolean."""
    context: Any
    """`(streams, steps, context)`."""
    count: Any
    """`(streams, steps, 1)`: 1 and the samples since the stream began or restarted, saturating."""
    is_warm: Any
    """Boolean `(streams, steps, 1)`: after the detector's warm-up."""
    machine: Mapping[str, Any]
    """What belongs to each stream's machine: `(streams, 1, numbers)`, or one row for all."""


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

            sizes = {**dict.fromkeys(FOLLOWED, self._size), "lowest": channels, "highest": channels}
            self.statistics = {name: weight(name, size) for name, size in sizes.items()}
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
    def _longest(self) -> int:
        return int(self._shorts.max())

    @property
    def of_machine(self) -> dict[str, Any]:
        """What belongs to one machine."""
        return {**self.statistics, "memory": self.memory} if self.is_adaptive else {}

    @property
    def short_parts(self) -> dict[str, tuple[int, ...]]:
        """Shapes of its parts of the state that begin anew at a restart."""
        if not self.is_adaptive or self._longest == 1:
            return {}
        return {"recent": (1, 2 * self._size * (self._longest - 1))}

    @property
    def long_parts(self) -> dict[str, tuple[int, ...]]:
        """Shapes of its parts of the state that go on: 1 after the first step of all."""
        return {"begun": (1, 1)} if self.is_adaptive else {}

    @property
    def statistics_parts(self) -> dict[str, tuple[int, ...]]:
        """Shapes of its statistics, which go on, and start with those of the machine."""
        if not self.is_adaptive:
            return {}
        return {name: (1, value.shape[0]) for name, value in self.statistics.items()}

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
            value.assign(parts[name][0, 0])

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
            old: Its own parts of the state.

        Returns:
            `score` `(streams, steps, 1)`, `channel_scores` `(streams, steps, channels)`, both 0
            during the warm-up, and the next values of its parts of the state.
        """
        warm = ops.cast(samples.is_warm, "float32")
        if not self.is_adaptive:
            parts = measured.distance * warm
            total = parts if self.channels == 1 else ops.sum(parts, axis=-1, keepdims=True)
            return {"score": total, "channel_scores": parts}
        scores, following = self._adaptive(samples, measured, old, warm)
        if self.channels == 1:
            return {"score": scores, "channel_scores": scores, **following}
        total = ops.norm(scores, axis=-1, keepdims=True)
        return {
            "score": total,
            "channel_scores": ops.square(scores) / ops.maximum(total, 1e-6),
            **following,
        }

    def _adaptive(
        self, samples: Samples, measured: Measured, old: Mapping[str, Any], warm: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Returns the channels' scores, and the next values of its parts of the state."""
        steps = ops.shape(samples.z)[1]
        errors = _joined([measured.errors[i] for i in self._used])
        counts = self._of_streams(measured.counts) * warm
        prior = _joined([samples.machine[f"scoring.{name}"] for name in self.statistics])
        start = ops.where(ops.greater(old["begun"], 0.5), old["statistics"], prior)
        statistics, out = self._followed(
            start,
            {"error": errors, "count": counts, "z": samples.z},
            memory=samples.machine["scoring.memory"],
        )
        capped = out["capped"]
        if measured.trusts:
            capped = capped * self._of_streams(measured.trusts)
        counted = [counts] * (self._size // counts.shape[-1])
        rows, following = _joined([capped * counts, *counted]), {}
        if self._longest > 1:
            rows, following["recent"] = extended(old["recent"], rows, self._longest - 1)
        total, number = ops.split(self._newest(rows, steps), 2, axis=-1)
        # The root of the weight is in the certainty: a channel's score is the length of a vector.
        shares = np.repeat(self._weights, self.channels) / self._shorts
        certainty = ops.sqrt(number * shares.astype("float32"))
        z = (total / ops.maximum(number, 1.0) - out["mean"]) / out["deviation"] * certainty
        score = self._length(ops.maximum(z, 0.0), steps)
        if self.options.novelty:
            far = ops.minimum(out["novel"], self.MOST)
            is_novel = ops.greater(out["novel"], self.NOVEL)
            score = ops.where(is_novel, ops.maximum(far, score), score)
        following |= {"statistics": statistics, "begun": ops.ones_like(old["begun"])}
        return score * warm, following

    def _of_streams(self, each: Sequence[Any]) -> Any:
        """Joins what is said of each error stream; of one channel, what all share stays one."""
        used = [each[i] for i in self._used]
        is_shared = self.channels == 1 and all(one is used[0] for one in used)
        return used[0] if is_shared else _joined(used)

    def _length(self, z: Any, steps: Any) -> Any:
        """Returns each channel's length over its error streams: `(streams, steps, channels)`."""
        if self.channels == 1:
            return ops.norm(z, axis=-1, keepdims=True)
        return ops.norm(ops.reshape(z, (-1, steps, len(self._used), self.channels)), axis=2)

    def _newest(self, rows: Any, steps: Any) -> Any:
        """Sums over each step's newest rows, each error stream over its own number of them."""
        if not np.ptp(self._shorts):
            return newest_sum(rows, steps, self._longest)
        is_new = np.arange(self._longest)[::-1, None] < np.tile(self._shorts, 2)
        window = rolling(rows, steps, self._longest) * is_new.astype("float32")
        return ops.sum(window, axis=2)

    def _followed(
        self, start: Any, by_step: Mapping[str, Any], *, memory: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Lets the statistics follow a chunk.

        Args:
            start: `(streams, 1, statistics)`.
            by_step: `error`, `count` and `z`, each `(streams, steps, ...)`.
            memory: `(streams, 1, 1)`.

        Returns:
            The last statistics as `start`, and per step what `_follow` says.
        """
        sizes = [value.shape[0] for value in self.statistics.values()]
        parts = ops.split(start, np.cumsum(sizes)[:-1].tolist(), axis=-1)
        past = dict(zip(self.statistics, parts, strict=True))
        if is_one_step(by_step["z"]):
            last, out = self._follow(past, by_step, memory)
            return _joined([last[name] for name in self.statistics]), out
        last, out = scan(
            lambda past, now: self._follow(past, now, memory[:, 0]),
            {name: value[:, 0] for name, value in past.items()},
            {name: steps_first(value) for name, value in by_step.items()},
        )
        statistics = _joined([last[name] for name in self.statistics])
        return statistics[:, None], {name: steps_first(value) for name, value in out.items()}

    def _follow(
        self, past: Mapping[str, Any], now: Mapping[str, Any], memory: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """One step of all statistics; everything `(streams, ...)`."""
        options = self.options
        mean, variance = past["mean"], past["variance"]
        floor = ops.square(mean) * options.relative_floor**2 + options.floor**2
        deviation = ops.sqrt(variance + floor)
        # The first errors of all say what is usual; a short memory never sees more of them.
        settled = ops.greater_equal(past["seen"], ops.minimum(float(options.settle), memory))
        reach = ops.where(settled, deviation, _WITHOUT_LIMIT)
        tame = ops.minimum(now["error"], mean + reach * options.winsor)
        capped = ops.minimum(now["error"], mean + reach * self._caps.astype("float32"))
        seen = ops.minimum(past["seen"] + now["count"], memory)
        gain = now["count"] / ops.maximum(seen, 1.0)
        change = tame - mean
        moved = gain * change
        lowest = ops.minimum(past["lowest"], now["z"])
        highest = ops.maximum(past["highest"], now["z"])
        # A held sample lies within the range: what is missing is never novel.
        span = past["highest"] - past["lowest"]
        beyond = (highest - lowest) - span
        following = {
            "mean": mean + moved,
            "variance": (1.0 - gain) * (variance + moved * change),
            "seen": seen,
            "lowest": lowest,
            "highest": highest,
        }
        width = ops.maximum(span, NARROWEST_RANGE)
        return following, {
            "mean": mean,
            "deviation": deviation,
            "capped": capped,
            "novel": beyond * (self.NOVEL / (options.novelty or 1.0)) / width,
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "streams": [list(stream) for stream in self.streams],
            "options": self.options.model_dump(),
        }


def _joined(parts: Sequence[Any]) -> Any:
    """Joins along the last axis."""
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
