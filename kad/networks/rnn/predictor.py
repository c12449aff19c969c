"""The network of the RNN predictor: encoder, recurrent layers, decoder."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from kad.graph.rolling import is_one_step
from kad.networks.rnn.cells import Cell, recurrent_layer
from kad.networks.rnn.recurrent import Activation, kernel_initializers

Head = Literal["recursive", "direct"]
_DAY_S, _WEEK_S = 86_400.0, 604_800.0

States = list[list[Any]]
"""Per recurrent layer its states."""


class Step(NamedTuple):
    """What the network makes of one step."""

    predicted: Any
    """`(batch, ahead, channels)`: one step ahead, or all of the horizon with a direct head."""
    hidden: Any
    """`(batch, units)`: the last recurrent layer's output."""
    states: States
    """The next states."""


class Run(NamedTuple):
    """What the network makes of a sequence that it is fed."""

    predicted: Any
    """`(batch · steps, ahead, channels)`, see `Step`."""
    hidden: Any
    """`(batch, steps, units)`: the last recurrent layer's output."""
    states: States
    """The states after the last step."""
    every: States
    """Those after every step, each `(batch · steps, units)`, where asked for."""


class Reading(NamedTuple):
    """What the network makes of a sequence."""

    predicted: Any
    """`(batch, steps, horizon, channels)`: predictions made at each step, 1 to `horizon` ahead."""
    hidden: Any
    """`(batch, steps, units)`: the last recurrent layer's output."""
    states: States
    """The states after the last step."""


@keras.saving.register_keras_serializable("kad")
class Predictor(layers.Layer):
    """Dense encoder, stacked recurrent layers, Dense decoder.

    Args:
        channels: Values predicted per step.
        context: Context columns after them.
        period_s: Sampling period in seconds: moves the context on.
        embedding: Size of the encoder's output.
        units: Size of each recurrent layer.
        depth: Recurrent layers.
        cell: `lstm`, `gru`, `simple_rnn` or `sru`.
        activation: `tanh` or `relu`.
        horizon: Steps predicted.
        head: `recursive`: one step, fed back; `direct`: the decoder gives all of them.
        residual: Adds the input to the prediction.
        tied: The decoder uses the encoder's weights; needs `embedding == units` and the
            recursive head.
        clip: Inputs are limited to ± this; 0 for no limit.
        uniform: See `Recurrent` and `SRU`.
    """

    def __init__(
        self,
        channels: int,
        *,
        context: int,
        period_s: float,
        embedding: int,
        units: int,
        depth: int,
        cell: Cell,
        activation: Activation,
        horizon: int,
        head: Head,
        residual: bool,
        tied: bool,
        clip: float,
        uniform: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.context, self.period_s = channels, context, period_s
        self.embedding, self.units, self.depth = embedding, units, depth
        self.cell, self.activation, self.uniform = cell, activation, uniform
        self.horizon, self.head, self.clip = horizon, head, clip
        self.residual, self.tied = residual, tied
        self.ahead = horizon if head == "direct" else 1

        kernel, _ = kernel_initializers(uniform)
        self.encoder_kernel = self.add_weight(
            name="encoder_kernel", shape=(channels + context, embedding), initializer=kernel
        )
        self.encoder_bias = self.add_weight(
            name="encoder_bias", shape=(embedding,), initializer="zeros"
        )
        self.recurrent = [
            recurrent_layer(
                cell,
                units,
                inputs=units if i else embedding,
                activation=activation,
                uniform=uniform,
                name=f"recurrent_{i + 1}",
            )
            for i in range(depth)
        ]
        if not tied:
            self.decoder_kernel = self.add_weight(
                name="decoder_kernel", shape=(units, self.ahead * channels), initializer=kernel
            )
        self.decoder_bias = self.add_weight(
            name="decoder_bias", shape=(self.ahead * channels,), initializer="zeros"
        )
        self.built = True

    @property
    def dropout_widths(self) -> list[int]:
        """Widths of the places where dropout acts: encoder and every recurrent layer."""
        return [int(self.encoder_bias.shape[0]), *(self.units for _ in self.recurrent)]

    @property
    def is_parallel(self) -> bool:
        """Whether all steps of a sequence are computed at once: recurrences are linear."""
        return self.cell == "sru"

    def leave_out(self, channels: np.ndarray) -> None:
        """Makes the network blind to channels, which it has never seen change.

        What its weights of such a channel are is chance: the first change would disturb what it
        predicts of all others. What it predicts of the channel itself is 0, its mean, or with
        `residual` the last sample.

        Args:
            channels: Boolean `(channels,)`.
        """
        if not channels.any():
            return
        kept = (~channels).astype("float32")
        seen = np.concatenate([kept, np.ones(self.context, "float32")])[:, None]
        self.encoder_kernel.assign(self.encoder_kernel * seen)
        decoded = [self.decoder_bias] if self.tied else [self.decoder_bias, self.decoder_kernel]
        for weight in decoded:
            weight.assign(weight * np.tile(kept, self.ahead))

    def step(
        self, x: Any, context: Any, states: States, dropout: Sequence[Any] | None = None
    ) -> Step:
        """Takes one step.

        Args:
            x: `(batch, channels)`, standardised.
            context: `(batch, context)`.
            states: Per layer, each `(batch, units)`.
            dropout: Factors per place of `dropout_widths`, each `(batch, width)`.
        """
        seen = self._limited(x)
        return self._advance(seen, self._encode(seen, context), states, dropout)

    def _advance(
        self, seen: Any, y: Any, states: States, dropout: Sequence[Any] | None = None
    ) -> Step:
        """Takes one step from what the encoder gives, `(batch, embedding)`."""
        factors = dropout or [1.0] * (1 + len(self.recurrent))
        y = y * factors[0] if dropout else y
        following = []
        for layer, past, factor in zip(self.recurrent, states, factors[1:], strict=True):
            now = layer.advance(y, past)
            following.append(now)
            y = now[0] * factor if dropout else now[0]
        return Step(self._decode(y, seen), following[-1][0], following)

    def run(
        self,
        x: Any,
        context: Any,
        states: States,
        dropout: Sequence[Any] | None = None,
        *,
        every: bool = False,
    ) -> Run:
        """Runs over a sequence, layer by layer.

        Args:
            x: `(batch, steps, channels)`, standardised.
            context: `(batch, steps, context)`.
            states: Before the first step.
            dropout: Factors per place of `dropout_widths`, each `(batch, steps, width)`.
            every: Whether the states after every step are needed.
        """
        seen, last, passed = self._limited(x), [], []
        hidden = self._encode(seen, context)
        y = hidden * dropout[0] if dropout else hidden
        for i, (layer, past) in enumerate(zip(self.recurrent, states, strict=True)):
            run = layer(y, past, every=every)
            hidden = run.output
            y = hidden * dropout[i + 1] if dropout else hidden
            last.append(list(run.last))
            if run.every is not None:
                passed.append([self._flat(part, self.units) for part in run.every])
        predicted = self._decode(self._flat(y, self.units), self._flat(seen, self.channels))
        return Run(predicted, hidden, last, passed)

    def read(self, x: Any, context: Any, states: States) -> Reading:
        """Runs over a sequence and predicts `horizon` steps from each of its steps.

        Args:
            x: `(batch, steps, channels)`, standardised.
            context: `(batch, steps, context)`.
            states: Before the first step.
        """
        recursive = self.head == "recursive" and self.horizon > 1
        if is_one_step(x):
            first = self.step(self._flat(x, self.channels), context[:, 0], states)
            run = Run(first.predicted, first.hidden[:, None], first.states, first.states)
        else:
            run = self.run(x, context, states, every=recursive)
        predicted = run.predicted
        if recursive:
            predicted = self._roll_out(predicted, context, run.every)
        shape = (-1, ops.shape(x)[1], self.horizon, self.channels)
        return Reading(ops.reshape(predicted, shape), run.hidden, run.states)

    def _roll_out(self, predicted: Any, context: Any, states: States) -> Any:
        """Feeds predictions back: `(batch · steps, horizon · channels)`.

        Args:
            predicted: `(batch · steps, 1, channels)`, one step ahead.
            context: `(batch, steps, context)`.
            states: After every step, each `(batch · steps, units)`.
        """
        parts = [predicted[:, 0]]
        for added in self._encoded_contexts(context):
            seen = self._limited(parts[-1])
            y = ops.matmul(seen, self.encoder_kernel[: self.channels]) + added
            out = self._advance(seen, y, states)
            states = out.states
            parts.append(out.predicted[:, 0])
        return ops.concatenate(parts, axis=-1)

    def _limited(self, x: Any) -> Any:
        return ops.clip(x, -self.clip, self.clip) if self.clip else x

    def _encode(self, seen: Any, context: Any) -> Any:
        joined = ops.concatenate([seen, context], axis=-1) if self.context else seen
        return ops.matmul(joined, self.encoder_kernel) + self.encoder_bias

    def _decode(self, y: Any, seen: Any) -> Any:
        if self.tied:
            kernel = ops.transpose(self.encoder_kernel[: self.channels])
        else:
            kernel = self.decoder_kernel
        out = ops.matmul(y, kernel) + self.decoder_bias
        out = ops.reshape(out, (-1, self.ahead, self.channels))
        return out + seen[:, None] if self.residual else out

    def _flat(self, rows: Any, width: int) -> Any:
        return ops.reshape(rows, (-1, width))

    def _encoded_contexts(self, context: Any) -> list[Any]:
        """Returns what the encoder makes of context and bias 1 to `horizon` - 1 steps ahead.

        Context moves on by a turn of sine and cosine.
        """
        if not self.context:
            return [self.encoder_bias] * (self.horizon - 1)
        turns = np.zeros((self.horizon - 1, self.context, self.context), "float32")
        for i, cycle in enumerate((_DAY_S, _WEEK_S)):
            angle = 2 * np.pi * np.arange(1, self.horizon) * self.period_s / cycle
            sine, cosine = np.sin(angle), np.cos(angle)
            turn = np.array([[cosine, -sine], [sine, cosine]])
            turns[:, 2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = turn.transpose(2, 0, 1)
        kernels = ops.matmul(turns, self.encoder_kernel[self.channels :])
        joined = ops.reshape(ops.transpose(kernels, (1, 0, 2)), (self.context, -1))
        bias = ops.tile(self.encoder_bias, (self.horizon - 1,))
        added = ops.matmul(self._flat(context, self.context), joined) + bias
        split: list[Any] = ops.split(added, self.horizon - 1, axis=-1)
        return split

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = (
            *("channels", "context", "period_s", "embedding", "units", "depth", "cell"),
            *("activation", "horizon", "head", "residual", "tied", "clip", "uniform"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
