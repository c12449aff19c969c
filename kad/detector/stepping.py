"""The pure function that every detector is: `step`."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from keras import ops

from kad.detector.described import Described
from kad.graph.missing import hold_last, is_observed, usable_context
from kad.graph.rolling import running_sum
from kad.graph.scoring import Measured, Samples
from kad.graph.state import Layout, StateLayout


class Stepping(Described):
    """Adds `step`: scaler, the detector's own measure, scoring, calibration."""

    def _ready(self, *, keeps: Collection[str] = (), **parts: tuple[int, ...]) -> None:
        """Marks the model as built; every layer builds in the constructor.

        Args:
            keeps: Names of the parts that go on over a restart; all others begin anew.
            **parts: Shapes of the detector's parts of a stream's state.
        """
        self.own_parts, self.own_keeps = parts, tuple(keeps)
        short = {name: shape for name, shape in parts.items() if name not in keeps}
        long = {name: shape for name, shape in parts.items() if name in keeps}
        self.layout = StateLayout(
            {"last": (1, len(self.channels)), **short, **self.scoring.short_parts},
            long={**long, **self.scoring.long_parts},
            statistics=self.scoring.statistics_parts,
        )
        self.machine_layout = Layout(
            {name: (1, int(value.shape[0])) for name, value in self.of_machine.items()}
        )
        self.kept = None
        if long and not self._is_member:
            size = Layout(long).size
            self.kept = self.add_weight(
                name="kept", shape=(size,), initializer="zeros", trainable=False
            )
        self.built = True
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    def step(self, x: Any, state: Any, params: Any = None) -> dict[str, Any]:
        """Scores the next chunk of every stream.

        Pure: everything it remembers is in `state`. Any chunking of the same rows gives the same
        numbers.

        Args:
            x: float32 `(streams, steps, inputs)` in raw units, `steps` at most `max_steps`; NaN or
                infinity where a sample is missing.
            state: float32 `(streams, state_size)`; zeros for a new stream, the first number 0 for
                one that restarts: windows begin anew and the warm-up counts again, what the stream
                has learnt goes on.
            params: float32 `(streams, params_size)`, what belongs to each stream's machine (see
                `machine_layout`); the detector's own where not given.

        Returns:
            `score` and `severity` `(streams, steps)`, `channel_scores` and `expected`
            `(streams, steps, channels)`, `next_state` `(streams, state_size)`.
        """
        old = self.layout.unpack(state)
        samples, following = self.samples(x, old, params)
        measured = self.measure(samples, old)
        scored = self.scoring(samples, measured, old)
        score, channel_scores = scored.pop("score"), scored.pop("channel_scores")
        severity = self.calibration(score, samples.machine)
        if not self.scoring.is_adaptive:
            # Where adaptive scores are 0, as during the warm-up, severity is.
            severity = severity * ops.cast(samples.is_warm, "float32")
        expected = ops.where(samples.is_warm, measured.expected, samples.z)
        return {
            "score": score[..., 0],
            "severity": severity[..., 0],
            "channel_scores": channel_scores,
            "expected": self.scaler.inverse(expected, samples.machine),
            "next_state": self.layout.pack({**following, **measured.following, **scored}),
        }

    def samples(
        self, x: Any, old: Mapping[str, Any], params: Any = None
    ) -> tuple[Samples, dict[str, Any]]:
        """Standardises a chunk, holds the last observed sample, and counts towards the warm-up.

        Args:
            x: See `step`.
            old: Parts of the state.
            params: See `step`.

        Returns:
            The samples, and the next values of the parts `count` and `last`.
        """
        machine = self._machine(params)
        features = len(self.channels)
        raw, context = (x[..., :features], x[..., features:]) if self.context else (x, x[..., :0])
        is_there = is_observed(raw)
        observed = ops.cast(is_there, "float32")
        anything = observed if features == 1 else ops.max(observed, axis=-1, keepdims=True)
        # It counts from 1, so that a stream whose first samples are missing does not restart.
        count = ops.maximum(old["count"], 1.0) + running_sum(anything)
        count = ops.minimum(count, self.longest_count + 2.0)
        samples = Samples(
            x=raw,
            z=hold_last(self.scaler(raw, machine), is_there, old["last"]),
            observed=observed,
            is_observed=is_there,
            context=usable_context(context) if self.context else context,
            count=count,
            is_warm=ops.greater(count, self.warmup_steps + 1.0),
            machine=machine,
        )
        return samples, {"count": count[:, -1:], "last": samples.z[:, -1:]}

    def _machine(self, params: Any) -> dict[str, Any]:
        if params is None:
            return {name: value[None, None] for name, value in self.of_machine.items()}
        return self.machine_layout.unpack(ops.reshape(params, (-1, 1, self.machine_layout.size)))

    @property
    def warm_state(self) -> np.ndarray:
        """What a stream that starts warm starts with, float32 `(1, state_size)`.

        What goes on over a restart, as it was at the end of the training rows; the first number
        is 0.
        """
        state = np.zeros((1, self.state_size), "float32")
        parts = self.layout.read(state)
        for name in self.scoring.statistics_parts:
            parts[name][:] = ops.convert_to_numpy(self.scoring.statistics[name])
            parts["begun"][:] = 1
        if self.kept is not None:
            long = Layout({name: self.own_parts[name] for name in self.own_keeps})
            kept = ops.convert_to_numpy(self.kept)[None]
            for name, part in long.read(kept).items():
                parts[name][:] = part
        return state

    @property
    def params(self) -> np.ndarray:
        """What belongs to its own machine, float32 `(1, params_size)`; see `machine_layout`."""
        parts = [ops.convert_to_numpy(value) for value in self.of_machine.values()]
        return np.concatenate(parts)[None].astype("float32")

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
