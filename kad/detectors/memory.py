"""The nearest-neighbour memory: a streaming discord, without any network."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Annotated, Any, ClassVar

import keras
import numpy as np
import pandas as pd
from keras import ops
from pydantic import Field

from kad.data import frames
from kad.detector import Detector, TrainingSeries
from kad.detector.diagnostics import Diagnostic
from kad.detector.footprint import chunk_steps
from kad.graph.missing import ENOUGH
from kad.graph.rolling import extended, is_one_step, rolling
from kad.graph.scoring import ErrorStream, Measured, Samples
from kad.networks.memory.pictures import nearest_windows
from kad.options import Count, FitOptions
from runtime.errors import ConfigError

FAR = 1e4
"""Features of patterns that nothing resembles: most of their samples are missing."""

CACHE_BYTES = 1 << 20
"""What a chunk may make of some channels at once, so that the next operator finds it in a cache."""


@keras.saving.register_keras_serializable("kad")
class Memory(Detector):
    """Compares the newest window and sample with what the same stream had before.

    A window of each channel is remembered as a pattern: its means over `boxes` boxes of `box`
    samples. Every `stride` samples one pattern is stored, once it is one window old, and the oldest
    of `size` patterns is forgotten: what lies within the last `size · stride` samples is known. The
    first error stream of a channel is the distance, a root mean square over boxes, of its newest
    window to the nearest pattern; the second is the distance of its newest sample to the nearest of
    the `size · stride` samples before it. The detector's own score is the squared distance of
    windows, summed over channels.

    There is nothing to train: scaler, scoring statistics and calibration are all that is fitted.
    A new stream knows nothing: for `start` samples, its warm-up, nothing is remarkable. The nearest
    of few is farther away than the nearest of many: until a stream has as many samples as there
    were training rows, at most all that is remembered, its errors count in proportion. A window of
    which half is missing is neither compared nor resembled.

    Args:
        channels: Names of the columns it watches.
        box: Samples that are averaged.
        boxes: Boxes of a window.
        size: Patterns that are remembered, per channel; they are most of the state.
        stride: Samples from one stored pattern to the next.
        start: Samples before the first comparison.
        clip: Patterns have standardised values within ± this.
        **kwargs: See `Detector`.

    Reference: E. Keogh, J. Lin, A. Fu (2005), "HOT SAX: Efficiently Finding the Most Unusual Time
    Series Subsequence", ICDM, for the discord; a bounded memory of box means makes it one of a
    stream. Box means are the piecewise aggregate approximation of E. Keogh et al. (2001).
    """

    Training = FitOptions
    streams = (
        ErrorStream("distance to the nearest window", short=10, cap=32.0),
        ErrorStream("distance to the nearest value", short=10, cap=32.0),
    )
    presets: ClassVar = {
        "default": {},
        "tiny": {"detector": {"box": 2, "boxes": 4, "size": 50, "stride": 2, "start": 24}},
    }

    def __init__(
        self,
        channels: Sequence[str],
        *,
        box: Count = 8,
        boxes: Annotated[int, Field(ge=2)] = 8,
        size: Count = 2000,
        stride: Count = 2,
        start: Count = 256,
        clip: Annotated[float, Field(gt=0)] = 8.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels, **kwargs)
        window = box * boxes
        if start < window + stride:
            raise ConfigError(
                "`start` must be at least one window and one stride, box * boxes + stride = "
                f"{window + stride}. Received: {start}."
            )
        if stride > window:
            raise ConfigError(
                f"`stride` must be at most one window, box * boxes = {window}. Received: {stride}."
            )

        # Config
        self.box, self.boxes, self.size, self.stride = box, boxes, size, stride
        self.start, self.clip = start, clip
        self.window = window
        self._span = size * stride
        self.warmup_steps = start
        features = len(self.channels)
        self.step_numbers = features * boxes * size
        self.max_steps = chunk_steps(window, self.step_numbers)
        self.usual_age = self.add_weight(
            name="usual_age", shape=(1,), initializer="ones", trainable=False
        )
        # Of a pattern: box means, the newest sample, and 1 where it can be compared.
        self._ready(
            observed=(1, (window - 1) * features),
            young=(1, window * features * (boxes + 2)),
            wait=(1, 1),
            patterns=(features * (boxes + 2), size),
            past=(features, size * stride),
            age=(1, 1),
            keeps=("patterns", "past", "age"),
        )

    @property
    def own_of_machine(self) -> dict[str, Any]:
        """See `Detector.own_of_machine`."""
        return {"usual_age": self.usual_age}

    # The detector itself

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """See `Detector.measure`."""
        steps, features = ops.shape(samples.z)[1], len(self.channels)
        z = ops.clip(samples.z, -self.clip, self.clip)
        past = ops.concatenate([old["past"], ops.transpose(z, (0, 2, 1))], axis=-1)
        observed, newest_observed = extended(old["observed"], samples.observed, self.window - 1)
        newest = ops.transpose(past[..., self._span - (self.window - 1) :], (0, 2, 1))
        by_box = (-1, steps, self.boxes, self.box, features)
        values = ops.reshape(rolling(newest, steps, self.window), by_box)
        was_seen = ops.reshape(rolling(observed, steps, self.window), by_box)
        count = ops.sum(was_seen, axis=3, keepdims=True)
        known = ops.sum(values * was_seen, axis=3, keepdims=True)
        means = ops.transpose(known / ops.maximum(count, 1.0), (0, 1, 2, 4, 3))
        is_whole = ops.greater(ops.min(count, axis=(2, 3)), ENOUGH * self.box)

        flat = ops.reshape(means, (-1, steps, self.boxes * features))
        new = ops.concatenate([flat, z, ops.cast(is_whole, "float32")], axis=-1)
        young, newest_young = extended(old["young"], new, self.window)
        patterns, far, following = self._remember(old, young, new)
        nearest, expected = self._nearest_pattern(means, patterns, far)
        age = ops.minimum(old["age"] + self._numbers(samples.z, 1), self._span + 1.0)
        apart = self._nearest_value(z, old["past"], past, age)

        is_compared = ops.logical_and(ops.less(nearest, FAR**0.5), is_whole)
        compared = samples.observed * ops.cast(is_compared, "float32")
        trust = ops.minimum(age * (1.0 / samples.machine["usual_age"]), 1.0)
        trust = trust if features == 1 else trust * ops.ones_like(z)
        return Measured(
            distance=ops.square(nearest * trust) * compared,
            errors=(nearest, apart),
            counts=(compared, samples.observed),
            expected=ops.where(is_compared, expected, samples.z),
            following={
                "observed": newest_observed,
                "young": newest_young,
                "past": past[..., steps:],
                "age": age[:, -1:],
                **following,
            },
            trusts=(trust, trust),
        )

    def _numbers(self, z: Any, first: int) -> Any:
        """Numbers the steps of a chunk: `(1, steps, 1)`, or one number."""
        if is_one_step(z):
            return float(first)
        return ops.arange(first, ops.shape(z)[1] + first, dtype="float32")[None, :, None]

    def _remember(
        self, old: Mapping[str, Any], young: Any, now: Any
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Lets the patterns that are one window old into the memory.

        Args:
            old: Parts of the state.
            young: `(streams, window + steps, features)`: the patterns of the last window and of the
                chunk.
            now: `(streams, steps, features)`: those of the chunk.

        Returns:
            All patterns that any step of the chunk is compared with `(streams, features, size +
            new)`; the least distance of those that a step does not know, `(streams, steps, size +
            new)`, or None where it knows all; the next `patterns` and `wait`.
        """
        wait, stride = old["wait"], self.stride
        if is_one_step(now):
            is_due = ops.less(wait, 0.5)
            new = ops.reshape(old["young"][..., : now.shape[-1]], (-1, now.shape[-1], 1))
            with_new = ops.concatenate([old["patterns"][..., 1:], new], axis=-1)
            kept = ops.where(is_due, with_new, old["patterns"])
            left = ops.where(is_due, stride - 1.0, wait - 1.0)
            return kept, None, {"patterns": kept, "wait": left}
        steps = ops.shape(now)[1]
        most = (steps + stride - 1) // stride
        rows = ops.reshape(young[:, : most * stride], (-1, most, stride, young.shape[-1]))
        is_due = ops.cast(ops.equal(ops.arange(stride, dtype="float32"), wait[:, 0]), "float32")
        new = ops.transpose(ops.sum(rows * is_due[:, None, :, None], axis=2), (0, 2, 1))
        patterns = ops.concatenate([old["patterns"], new], axis=-1)

        step = ops.arange(steps, dtype="float32")
        known = ops.floor((step[None] - wait[:, 0] + stride) / stride)
        number = known[:, -1:]
        # The last of the new ones may be due after the chunk.
        is_all = ops.equal(number, ops.cast(most, "float32"))[..., None]
        kept = ops.where(
            is_all,
            patterns[..., most : most + self.size],
            patterns[..., most - 1 : most - 1 + self.size],
        )
        length = ops.cast(steps, "float32")
        far = _far(patterns, known, known + float(self.size))
        left = wait[:, 0] + number * stride - length
        return patterns, far, {"patterns": kept, "wait": left}

    def _nearest_pattern(self, means: Any, patterns: Any, far: Any) -> tuple[Any, Any]:
        """Finds the nearest pattern of each channel.

        Differences are taken before they are squared: a product of matrices would lose the small
        ones to rounding.

        Args:
            means: `(streams, steps, boxes, channels, 1)`.
            patterns: See `_remember`.
            far: See `_remember`.

        Returns:
            Each `(streams, steps, channels)`: the distance, a root mean square, at least the root
            of `FAR` where there is no pattern; the newest sample of the nearest pattern.
        """
        features = len(self.channels)
        parts = ops.reshape(patterns, (-1, 1, self.boxes + 2, features, ops.shape(patterns)[-1]))
        most = (self.boxes * FAR) ** 0.5
        if far is None:
            boxes, value, usable = ops.split(parts, [self.boxes, self.boxes + 1], axis=2)
            apart = ops.norm(means - boxes, axis=2, keepdims=True)
            nearest, expected = _nearest(ops.where(usable > 0.5, apart, most), value)
        else:
            far = ops.expand_dims(far, (2, 3))
            pairs = zip(self._few(means, 3), self._few(parts, 3), strict=True)
            found = [self._nearest_of_few(*pair, far, most) for pair in pairs]
            nearest, expected = (_together(few, 3) for few in zip(*found, strict=True))
        shape = (-1, ops.shape(means)[1], features)
        return ops.reshape(nearest, shape) * self.boxes**-0.5, ops.reshape(expected, shape)

    def _nearest_of_few(self, means: Any, parts: Any, far: Any, most: float) -> tuple[Any, Any]:
        """Does so for some channels.

        One box after the other: what is added up stays in the cache, and is added in one order,
        however many streams and steps there are.
        """
        *boxes, value, usable = ops.split(parts, self.boxes + 2, axis=2)
        pairs = zip(ops.split(means, self.boxes, axis=2), boxes, strict=True)
        apart = ops.sqrt(reduce(add, [ops.square(mean - box) for mean, box in pairs]))
        apart = ops.maximum(apart, most - most * usable)
        return _nearest(ops.maximum(apart, far), value)

    def _few(self, array: Any, axis: int) -> list[Any]:
        """Splits channels so that what a chunk makes of some stays in a cache, `CACHE_BYTES`."""
        few = max(1, CACHE_BYTES // (4 * self.max_steps * self.size))
        places = list(range(few, len(self.channels), few))
        return ops.split(array, places, axis=axis) if places else [array]

    def _nearest_value(self, z: Any, before: Any, past: Any, age: Any) -> Any:
        """Returns the distance to the nearest sample before each, `(streams, steps, channels)`.

        Args:
            z: `(streams, steps, channels)`.
            before: `(streams, channels, span)`: samples before the chunk.
            past: `(streams, channels, span + steps)`: these and its own.
            age: `(streams, steps, 1)`: samples of the stream so far, each step's own among them, at
                most one more than the span.
        """
        if is_one_step(z):
            apart = ops.abs(ops.transpose(z, (0, 2, 1)) - before)
            since = np.arange(self._span, 0, -1, dtype="float32")
            known = ops.where(ops.less(since, age), apart, ops.full_like(apart, FAR))
            return ops.transpose(ops.min(known, axis=-1, keepdims=True), (0, 2, 1))
        end = self._span + ops.arange(ops.shape(z)[1], dtype="float32")[None]
        far = _far(past, end - (age[..., 0] - 1.0), end)
        # Not indexed with None: a converter makes a slice of it, which copies.
        far = ops.expand_dims(far, 2)
        pairs = zip(self._few(z, 2), self._few(past, 1), strict=True)
        apart = (ops.abs(ops.expand_dims(a, -1) - ops.expand_dims(b, 1)) for a, b in pairs)
        return _together([ops.min(ops.maximum(one, far), axis=-1) for one in apart], 2)

    # Pictures

    @property
    def lookback(self) -> int:
        """See `Detector.lookback`: all that it remembers."""
        return self._span + self.start

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:
        """See `Detector.diagnostics`: each channel's most unusual window and the nearest one."""
        placed, _ = frames.to_grid(self.columns_of(frame), self.make_grid())
        longest = max(frames.to_segments(placed), key=lambda segment: len(segment.values))
        values = pd.DataFrame(longest.values).interpolate(limit_direction="both").to_numpy()
        if len(values) <= self.start or not np.isfinite(values).all():
            return []
        distances = self.run_segment(self._distances, longest.values)["distance"]
        # Until then there is no window before to draw.
        distances[: max(self.start, 2 * self.window)] = 0.0
        return nearest_windows(
            values,
            distances,
            names=self.channels,
            box=self.box,
            boxes=self.boxes,
            span=self._span,
        )

    def _distances(self, x: Any, state: Any) -> dict[str, Any]:
        _, measured, following = self.unscored(x, state)
        return {"distance": measured.distance, "next_state": following}

    # Training

    def fit_statistics(self, series: TrainingSeries) -> None:
        """See `Detector.fit_statistics`: how much a stream like the training rows remembers."""
        self.usual_age.assign([min(self._span, len(series.values))])

    def rows_needed(self, _options: FitOptions) -> int:
        """See `Detector.rows_needed`: one row after the warm-up."""
        return self.start + 1

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("box", "boxes", "size", "stride", "start", "clip")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _nearest(apart: Any, value: Any) -> tuple[Any, Any]:
    """Returns the least distance, and the value of the pattern that has it."""
    nearest = ops.min(apart, axis=-1, keepdims=True)
    expected = ops.where(ops.less_equal(apart, nearest), value, -FAR)
    return nearest, ops.max(expected, axis=-1)


def _together(parts: Sequence[Any], axis: int) -> Any:
    return ops.concatenate(parts, axis=axis) if len(parts) > 1 else parts[0]


def _far(rows: Any, first: Any, end: Any) -> Any:
    """Returns the least distance of rows: `FAR` and more outside `[first, end)`, else 0 or below.

    Args:
        rows: `(..., rows)`.
        first: `(streams, steps)`.
        end: `(streams, steps)` or `(1, steps)`.

    Returns:
        `(streams, steps, rows)`.
    """
    index = FAR * ops.arange(ops.shape(rows)[-1], dtype="float32")
    before, after = FAR * first, FAR * (end - 1.0)
    return ops.maximum(ops.expand_dims(before, -1) - index, index - ops.expand_dims(after, -1))
