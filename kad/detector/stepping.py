"""The pure function that every detector is: `step`."""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from kad.detector.described import Described
from kad.graph.missing import hold_last, is_observed
from kad.graph.scoring import Measured, Samples
from kad.graph.state import StateLayout


class Stepping(Described):
    """Adds `step`: scaler, the detector's own measure, scoring, calibration."""

    def _ready(self, **parts: tuple[int, ...]) -> None:
        """Marks the model as built; every layer builds in the constructor.

        Args:
            **parts: Shapes of the detector's parts of a stream's state.
        """
        self.own_parts = parts
        self.layout = StateLayout(
            count=(1,), last=(len(self.channels),), **parts, **self.scoring.parts
        )
        self.built = True
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    def step(self, x: Any, state: Any) -> dict[str, Any]:
        """Scores the next chunk of every stream.

        Pure: everything it remembers is in `state`. Any chunking of the same rows gives the same
        numbers.

        Args:
            x: float32 `(streams, steps, inputs)` in raw units, `steps` at most `max_steps`; NaN or
                infinity where a sample is missing.
            state: float32 `(streams, state_size)`; zeros for a new stream.

        Returns:
            `score` and `severity` `(streams, steps)`, `channel_scores` and `expected`
            `(streams, steps, channels)`, `next_state` `(streams, state_size)`.
        """
        old = self.layout.unpack(state)
        samples, following = self.samples(x, old)
        measured = self.measure(samples, old)
        scored = self.scoring(samples, measured, old)
        score, channel_scores = scored.pop("score"), scored.pop("channel_scores")
        severity = self.calibration(score)
        sample = ops.where(samples.observed > 0.5, samples.x, self.scaler.inverse(samples.z))
        expected = self.scaler.inverse(measured.expected)
        return {
            "score": score,
            "severity": ops.where(samples.is_warm, severity, ops.zeros_like(severity)),
            "channel_scores": channel_scores,
            "expected": ops.where(samples.is_warm[..., None], expected, sample),
            "next_state": self.layout.pack({**following, **measured.following, **scored}),
        }

    def samples(self, x: Any, old: Mapping[str, Any]) -> tuple[Samples, dict[str, Any]]:
        """Standardises a chunk, holds the last observed sample, and counts towards the warm-up.

        Args:
            x: See `step`.
            old: Parts of the state.

        Returns:
            The samples, and the next values of the parts `count` and `last`.
        """
        raw, context = x[..., : len(self.channels)], x[..., len(self.channels) :]
        observed = is_observed(raw)
        anything = ops.cast(ops.any(observed, axis=-1), "float32")
        count = ops.minimum(old["count"] + ops.cumsum(anything, axis=1), self.longest_count + 1.0)
        samples = Samples(
            x=raw,
            z=hold_last(self.scaler(raw), observed, old["last"]),
            observed=ops.cast(observed, "float32"),
            context=context,
            count=count,
            is_warm=ops.greater(count, float(self.warmup_steps)),
        )
        return samples, {"count": count[:, -1:], "last": samples.z[:, -1]}

    def unscored(self, x: Any, state: Any) -> tuple[Samples, Measured, Any]:
        """Runs `step` without the scoring layer, whose parts of the state stay as they are.

        Returns:
            The samples, what the detector says about them, and the next state.
        """
        old = self.layout.unpack(state)
        samples, following = self.samples(x, old)
        measured = self.measure(samples, old)
        return samples, measured, self.layout.pack({**old, **following, **measured.following})

    def call(self, inputs: Any) -> dict[str, Any]:
        """Runs `step` on `(x, state)`."""
        return self.step(*inputs)
