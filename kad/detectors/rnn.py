"""The RNN multi-step predictor with Gaussian error scores."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil
from typing import Annotated, Any, ClassVar, Literal, cast

import keras
import numpy as np
import pandas as pd
from keras import ops
from pydantic import Field

from kad.backend.scan import scan
from kad.data import frames
from kad.detector.detector import Detector, TrainingSeries
from kad.detector.diagnostics import MOST_DRAWN, Curve, Diagnostic, DiagnosticPanel, Role
from kad.graph.missing import trust
from kad.graph.rolling import rolling, steps_first
from kad.graph.scoring import ErrorStream, Measured, Samples
from kad.networks.rnn.error_gaussian import ErrorGaussian, Gaussian
from kad.networks.rnn.predictor import Head, Predictor
from kad.networks.rnn.recurrent import Activation, Cell
from kad.networks.rnn.states import state_parts
from kad.networks.rnn.training import KEEP, RNNTraining, mean_loss
from kad.networks.rnn.usual_distance import UsualDistance
from kad.options import Count, TrainingOptions
from kad.training.chunks import Segments, chunk_steps, held_out_chunks, training_chunks
from kad.training.optimiser import Adam
from kad.training.session import TrainingSession
from runtime.errors import ConfigError, InputError

__all__ = ["RNNPredictor", "RNNTraining"]

STATISTICS_ROWS = 200_000
"""Most rows whose errors the Gaussian is fitted on: bounds memory for long series."""
FEWEST_ERRORS = 50
"""Rows after the warm-up that the Gaussian is fitted on at least."""


@keras.saving.register_keras_serializable("kad")
class RNNPredictor(Detector):
    """A recurrent network predicts the next `horizon` samples; errors are scored by Gaussians.

    The error vector of a sample has the differences between the predictions made for it 1 to
    `horizon` samples before and its value. The score is the squared Mahalanobis distance of error
    vectors from those of the training rows, summed over channels. A missing sample has no error;
    the network sees the last observed sample, or its own forecast, in its place.

    Args:
        channels: Names of the columns it watches.
        cell: `lstm`, `gru` or `simple_rnn`.
        activation: `tanh` or `relu`.
        embedding: Size of the encoder's output.
        units: Size of each recurrent layer.
        layers: Recurrent layers.
        horizon: Predictions per sample.
        head: `recursive`: each prediction is fed back for the next; `direct`: the decoder gives
            all of them at once, which is several times cheaper.
        residual: The network predicts the difference from the last sample.
        tied: The decoder uses the encoder's weights.
        gaussian: `channel`: one Gaussian per channel; `joint`: one over all channels, which also
            sees a correlation between channels that breaks.
        smooth: Samples whose Mahalanobis distances are averaged before they are squared; 1 is the
            original.
        compensate: Divides distances by what is usual in the network's state: phases that are
            hard to predict raise no alarm.
        impute: What replaces a missing sample: the `last` observed one, or the detector's own
            `forecast`, which makes the exported graph a loop over samples and its batches slow.
        clip: The network sees standardised values within ± this; 0 for no limit.
        uniform: Initial weights are uniform within ± this; 0: Glorot and orthogonal.
        **kwargs: See `Detector`.

    Reference: P. Malhotra, L. Vig, G. Shroff, P. Agarwal (2015), "Long Short Term Memory Networks
    for Anomaly Detection in Time Series", ESANN; J. Park (2018), "RNN-Time-series-Anomaly-
    Detection", for recursion and training; A. Lamb et al. (2016), "Professor Forcing". Shrinkage,
    the joint Gaussian, the direct head, missing samples and context columns are ours.
    """

    takes_context = True
    streams = (
        ErrorStream("one-step prediction error"),
        ErrorStream("Mahalanobis distance of prediction errors", weight=0.25),
    )
    Training = RNNTraining
    presets: ClassVar = {
        "default": {},
        "paper": {
            "data": {"grid": "rows", "context": False},
            "scoring": {"normalisation": "static"},
            "detector": {
                "embedding": 128,
                "units": 128,
                "smooth": 1,
                "compensate": False,
                "clip": 0.0,
                "uniform": 0.1,
            },
            "training": {
                "epochs": 400,
                "learning_rate": 2e-4,
                "learning_rate_decay": 1.0,
                "patience": 0,
            },
        },
        "tiny": {
            "detector": {"embedding": 8, "units": 8, "layers": 1, "horizon": 4},
            "training": {
                "epochs": 5,
                "batch_size": 16,
                "chunk": 16,
                "examples_per_epoch": 4096,
                "learning_rate": 1e-2,
            },
        },
    }

    def __init__(
        self,
        channels: Sequence[str],
        *,
        cell: Cell = "lstm",
        activation: Activation = "tanh",
        embedding: Count = 32,
        units: Count = 32,
        layers: Count = 2,
        horizon: Count = 10,
        head: Head = "recursive",
        residual: bool = False,
        tied: bool = False,
        gaussian: Gaussian = "channel",
        smooth: Count = 25,
        compensate: bool = True,
        impute: Literal["last", "forecast"] = "last",
        clip: Annotated[float, Field(ge=0)] = 8.0,
        uniform: Annotated[float, Field(ge=0)] = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels, **kwargs)
        if tied and (embedding != units or head == "direct"):
            raise ConfigError(
                "`tied` needs `embedding` equal to `units` and the recursive head. Received: "
                f"embedding {embedding}, units {units}, head {head!r}."
            )
        features = len(self.channels)

        # Layers
        self.predictor = Predictor(
            features,
            context=len(self.context),
            period_s=self.period_s,
            embedding=embedding,
            units=units,
            depth=layers,
            cell=cell,
            activation=activation,
            horizon=horizon,
            head=head,
            residual=residual,
            tied=tied,
            clip=clip,
            uniform=uniform,
            name="predictor",
        )
        self.error_gaussian = ErrorGaussian(
            features, horizon=horizon, gaussian=gaussian, name="error_gaussian"
        )
        self.usual_distance = (
            UsualDistance(units, channels=features, name="usual_distance") if compensate else None
        )

        # Config
        self.cell, self.activation, self.head = cell, activation, head
        self.embedding, self.units, self.depth = embedding, units, layers
        self.horizon, self.residual, self.tied = horizon, residual, tied
        self.gaussian, self.smooth, self.compensate = gaussian, smooth, compensate
        self.impute, self.clip, self.uniform = impute, clip, uniform
        self._context_steps = 4 * horizon
        self.warmup_steps = self._context_steps + smooth - 1
        self.max_steps = 256
        self.own_loops = 1 if impute == "forecast" else 0
        self._ready(
            pending=(horizon, horizon, features),
            known=(self._context_steps - 1, features),
            **state_parts([[(units,)] * layer.states for layer in self.predictor.recurrent]),
            **(dict.fromkeys(("roots", "counts"), (smooth - 1, features)) if smooth > 1 else {}),
        )

    # The detector itself

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """See `Detector.measure`."""
        out = self._measure(samples, old)
        known = ops.concatenate([old["known"], samples.observed], axis=1)
        own = trust(known, self._context_steps)
        is_known = ops.cast(own > 0.0, "float32")
        # What the network predicts of a channel rests on all channels.
        inputs = ops.square(ops.mean(own, axis=-1, keepdims=True)) * ops.ones_like(own)
        steps = ops.shape(samples.z)[1]
        seen = ops.clip(out["z"], -self.clip, self.clip) if self.clip else out["z"]
        return Measured(
            distance=out["smoothed"] * is_known,
            errors=(ops.abs(out["forecasts"][:, :, 0] - seen), ops.sqrt(out["distances"])),
            counts=(out["observed"] * is_known,) * 2,
            expected=out["forecasts"][:, :, 0],
            following={**out["following"], "known": known[:, steps:]},
            trusts=(inputs, inputs),
        )

    def measure_step(self, x: Any, state: Any) -> dict[str, Any]:
        """Predicts and measures errors, without scoring them.

        Args:
            x: See `Detector.step`.
            state: See `Detector.step`.

        Returns:
            What `_predict` returns, and `errors` `(streams, steps, channels, horizon)`; `distances`
            `(streams, steps, channels)`, each channel's part of the squared Mahalanobis distance;
            `smoothed`, the same shape, the square of the mean distance over the last `smooth`
            observed samples; `is_warm` `(streams, steps)`; `next_state`.
        """
        old = self.layout.unpack(state)
        samples, common = self.samples(x, old)
        out = self._measure(samples, old)
        following = out.pop("following")
        return {
            **out,
            "is_warm": samples.is_warm,
            "next_state": self.layout.pack({**old, **common, **following}),
        }

    def _measure(self, samples: Samples, old: Mapping[str, Any]) -> dict[str, Any]:
        if self.impute == "forecast":
            names = [name for name in old if name.startswith(("pending", "layer"))]
            now = {"z": samples.z, "observed": samples.observed, "is_warm": samples.is_warm}
            now |= {"context": samples.context} if self.context else {}
            following, out = scan(
                self._predict_one,
                {name: old[name] for name in names},
                {name: steps_first(value) for name, value in now.items()},
            )
            out = {name: steps_first(value) for name, value in out.items()}
        else:
            following, out = self._predict(old, samples)
        errors = ops.transpose(out["forecasts"] - out["z"][:, :, None], (0, 1, 3, 2))
        distances = self.error_gaussian(errors, out["observed"])
        if self.compensate:
            distances = distances / self.usual_distance(out["hidden"])
        smoothed = distances
        if self.smooth > 1:
            steps = ops.shape(samples.z)[1]
            roots = ops.concatenate([old["roots"], ops.sqrt(distances)], axis=1)
            counts = ops.concatenate([old["counts"], out["observed"]], axis=1)
            total = ops.sum(rolling(roots, steps, self.smooth), axis=2)
            count = ops.sum(rolling(counts, steps, self.smooth), axis=2)
            smoothed = ops.square(total / ops.maximum(count, 1.0))
            following = {**following, "roots": roots[:, steps:], "counts": counts[:, steps:]}
        measured = {"errors": errors, "distances": distances, "smoothed": smoothed}
        return {**out, **measured, "following": following}

    def _predict_one(self, past: Any, now: Any) -> tuple[Any, dict[str, Any]]:
        chunk = {name: value[:, None] for name, value in now.items()}
        z = chunk["z"]
        context = chunk.get("context", z[..., :0])
        is_warm = chunk["is_warm"]
        samples = Samples(z, z, chunk["observed"], context, count=is_warm, is_warm=is_warm)
        following, out = self._predict(past, samples)
        return following, {name: value[:, 0] for name, value in out.items()}

    def _predict(
        self, old: Mapping[str, Any], samples: Samples
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Predicts from the samples of a chunk.

        Args:
            old: Parts of the state.
            samples: The samples.

        Returns:
            The next parts of the state, and per step: `z` `(streams, steps, channels)`, the
            standardised samples with missing ones imputed; `observed`, the same shape, 1 where a
            sample was observed; `forecasts` `(streams, steps, horizon, channels)`, the predictions
            made for each sample 1 to `horizon` steps before; `hidden` `(streams, steps, units)`,
            the hidden state before each sample.
        """
        steps, features, horizon = ops.shape(samples.z)[1], len(self.channels), self.horizon
        z = samples.z
        if self.impute == "forecast":
            known = ops.logical_or(
                samples.observed > 0.5, ops.logical_not(samples.is_warm)[..., None]
            )
            z = ops.where(known, z, old["pending"][:, -1:, 0])

        states = self._states(old)
        read = self.predictor.read(z, samples.context, states)
        pending = ops.concatenate([old["pending"], read.predicted], axis=1)
        made = ops.reshape(pending, (-1, (steps + horizon) * horizon, features))
        ahead = ops.arange(1, horizon + 1)
        row = ops.arange(steps)[:, None] + (horizon - ahead)[None]
        forecasts = ops.take(made, row * horizon + (ahead - 1)[None], axis=1)
        before = ops.concatenate([states[-1][0][:, None], read.hidden[:, :-1]], axis=1)
        following = {"pending": pending[:, steps:], **state_parts(read.states)}
        return following, {
            "z": z,
            "observed": samples.observed,
            "forecasts": forecasts,
            "hidden": before,
        }

    def predictions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns what was predicted for each sample, in raw units.

        Args:
            frame: One float column per channel, indexed by time; NaN or infinity where missing.

        Returns:
            One row per step of the time grid, and per channel `<channel>`, the sample;
            `one_step_<channel>`, predicted one step before; `n_step_<channel>`, predicted
            `horizon` steps before; `mean_<channel>`, the mean of all `horizon` predictions. NaN
            where the prediction would have been made before the first sample of a segment.
        """
        placed, _ = frames.to_grid(self.columns_of(frame), self.grid_options())
        parts = []
        for segment in frames.to_segments(placed):
            ahead = self.run_segment(self.measure_step, self.inputs(segment))["forecasts"]
            for step in range(self.horizon):
                ahead[: step + 1, step] = np.nan
            parts.append(ahead)
        raw = ops.convert_to_numpy(self.scaler.inverse(np.concatenate(parts)))
        columns = {
            prefix + name: values[:, i]
            for prefix, values in (
                ("", placed.values),
                ("one_step_", raw[:, 0]),
                ("n_step_", raw[:, -1]),
                ("mean_", raw.mean(axis=1)),
            )
            for i, name in enumerate(self.channels)
        }
        return pd.DataFrame(columns, index=frames.time_index(placed.times_ns, frame.index))

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:
        """See `Detector.diagnostics`: 1-step, n-step and mean predictions.

        Reference: J. Park (2018), whose program draws these lines.
        """
        table = self.predictions(frame)
        lines: tuple[tuple[str, str, Role], ...] = (
            ("n_step_", f"{self.horizon} steps ahead", "second"),
            ("mean_", f"mean of {self.horizon}", "third"),
            ("one_step_", "1 step ahead", "expected"),
            ("", "measured", "measured"),
        )
        return [
            Diagnostic(
                name="predictions",
                title="Predictions, near and far",
                note="What the network predicted for each sample one step before, "
                f"{self.horizon} steps before, and the mean of all its predictions for it. On "
                "normal data they stay together; a fault pulls them apart.",
                x_title="",
                panels=tuple(
                    DiagnosticPanel(
                        title=channel,
                        x=table.index.to_numpy(),
                        curves=tuple(
                            Curve(name=name, y=table[f"{prefix}{channel}"].to_numpy(), role=role)
                            for prefix, name, role in lines
                        ),
                    )
                    for channel in self.channels[:MOST_DRAWN]
                ),
            )
        ]

    # Training

    def rows_needed(self, options: TrainingOptions) -> int:
        """See `Detector.rows_needed`: one chunk to learn from and one held-out, and some errors."""
        chunk = cast("RNNTraining", options).chunk + self.predictor.ahead
        learnt = max(chunk, self.warmup_steps + FEWEST_ERRORS)
        return max(ceil(learnt / (1 - options.validation)), ceil(chunk / options.validation))

    def check_series(self, series: TrainingSeries, _options: TrainingOptions) -> None:
        """See `Detector.check_series`: rows to predict on both sides of the split."""
        for part, segments in zip(("training", "held-out"), self._split(series), strict=True):
            if not segments:
                raise InputError(
                    f"The {part} rows have no two rows without a long gap between them. Train on "
                    "other rows with --train, or raise training.validation."
                )

    def fit_networks(self, series: TrainingSeries, session: TrainingSession) -> None:
        """Trains the predictor by truncated back-propagation through parallel streams."""
        options = cast("RNNTraining", session.options)
        train, held_out = self._split(series)
        layout = {"length": options.chunk, "streams": options.batch_size}
        rows = options.examples_per_epoch

        def batches(rng: np.random.Generator) -> dict[str, np.ndarray]:
            drawn = training_chunks(train, **layout, rows=rows, rng=rng)
            shape = (*drawn["start"].shape, options.chunk)
            if options.noise:
                size = (*shape[:2], options.chunk + self.predictor.ahead, len(self.channels))
                level = rng.uniform(0, options.noise, (*shape[:2], 1, 1)).astype("float32")
                drawn["noise"] = level * rng.standard_normal(size, dtype="float32")
            if options.dropout:
                for i, width in enumerate(self.predictor.dropout_widths):
                    drawn[f"dropout{i}"] = rng.integers(0, 256, (*shape, width), dtype="uint8")
            return drawn

        session.run_phase(
            "predictor",
            loss=self._loss(options),
            network=self.predictor.trainable_variables,
            data={"z": series.values, "mask": series.observed, "context": series.context},
            batches=batches,
            validation=held_out_chunks(held_out, **layout),
            epochs=options.epochs,
            optimizer=Adam(
                options.learning_rate,
                options.learning_rate_decay,
                clip_norm=options.gradient_norm,
                weight_decay=options.weight_decay or None,
            ),
            last=True,
            steps=chunk_steps(**layout, rows=rows),
            carry=self._zero_states,
        )

    def _zero_states(self, streams: int) -> dict[str, np.ndarray]:
        zeros = np.zeros((streams, self.units), "float32")
        return state_parts([[zeros] * layer.states for layer in self.predictor.recurrent])

    def _states(self, parts: Mapping[str, Any]) -> list[list[Any]]:
        """Returns the states of each recurrent layer, which `_parts` named."""
        return [
            [parts[f"layer{i}_{j}"] for j in range(layer.states)]
            for i, layer in enumerate(self.predictor.recurrent)
        ]

    def _loss(self, options: RNNTraining) -> Any:
        """Returns the loss of one chunk.

        Both runs, fed the rows and fed its own predictions, go through the network as one batch.
        """
        chunk, ahead, depth = options.chunk, self.predictor.ahead, self.depth
        two = bool(options.free_running or options.professor_forced)
        kept = max(1, round((1 - options.dropout) * KEEP))

        def loss(data: Any, batch: Any, carry: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            rows = batch["start"][:, None] + ops.arange(chunk + ahead, dtype="int32")
            inside = ops.cast(ops.less(rows, batch["end"][:, None]), "float32")
            rows = ops.minimum(rows, batch["end"][:, None] - 1)
            z = ops.take(data["z"], rows, axis=0)
            z = z + batch["noise"] if "noise" in batch else z
            mask = ops.take(data["mask"], rows, axis=0) * inside[..., None]
            context = ops.take(data["context"], rows[:, :chunk], axis=0)

            def doubled(x: Any) -> Any:
                return ops.concatenate([x, x], axis=0) if two else x

            keep = 1.0 - batch["fresh"][:, None]
            states = [[doubled(part * keep) for part in layer] for layer in self._states(carry)]
            fed = {"x": steps_first(z[:, :chunk]), "context": steps_first(context)}
            for i in range(1 + depth):
                if f"dropout{i}" in batch:
                    fed[f"dropout{i}"] = steps_first(batch[f"dropout{i}"])

            def advance(past: Any, now: Any) -> tuple[Any, Any]:
                states, own = past
                dropout = None
                if "dropout0" in now:
                    dropout = [
                        doubled(ops.cast(ops.cast(now[f"dropout{i}"], "int32") < kept, "float32"))
                        * (KEEP / kept)
                        for i in range(1 + depth)
                    ]
                x = ops.concatenate([now["x"], own], axis=0) if two else now["x"]
                out = self.predictor.step(x, doubled(now["context"]), states, dropout)
                own = out.predicted[-ops.shape(own)[0] :, 0]
                return (out.states, own), (out.predicted, out.hidden)

            (states, _), (predicted, hidden) = scan(advance, (states, z[:, 0]), fed)
            streams = ops.shape(z)[0]
            forced, free = predicted[:, :streams], predicted[:, -streams:, :1]
            mean_of = partial(
                mean_loss, options.loss, chunk, z=steps_first(z), mask=steps_first(mask)
            )
            parts = {"teacher_forced": mean_of(forced)}
            if two:
                parts["free_running"] = mean_of(free)
                gap = hidden[:, -streams:] - ops.stop_gradient(hidden[:, :streams])
                there = steps_first(inside[:, 1 : chunk + 1])[..., None]
                parts["professor_forced"] = ops.sum(ops.square(gap) * there, axis=(0, 2)) / (
                    ops.sum(there, axis=(0, 2)) * self.units + 1e-6
                )
            total = sum(getattr(options, name) * value for name, value in parts.items())
            following = state_parts([[part[:streams] for part in layer] for layer in states])
            return {"loss": total, **parts}, following

        return loss

    def _split(self, series: TrainingSeries) -> tuple[Segments, Segments]:
        """Returns the rows to train on and the held-out rows, in segments of two rows or more."""
        cut = len(series.values) - series.held_out_rows
        train = [(a, min(b, cut)) for a, b in series.ranges]
        held_out = [(max(a, cut), b) for a, b in series.ranges]
        return tuple([(a, b) for a, b in part if b - a >= 2] for part in (train, held_out))

    def fit_statistics(self, series: TrainingSeries) -> None:
        """Fits the error Gaussian, and the usual distance, on the rows before the held-out ones."""
        self.error_gaussian.fit(*self.measured(series, "errors", "observed"))
        if self.usual_distance is not None:
            self.usual_distance.reset()
            self.usual_distance.fit(*self.measured(series, "hidden", "distances", "observed"))

    def measured(self, series: TrainingSeries, *names: str) -> list[np.ndarray]:
        """Returns outputs of `measure_step` over the rows to train on, after the warm-up.

        Args:
            series: The training rows.
            *names: Outputs; each array is `(rows, ...)`.
        """
        cut = len(series.values) - series.held_out_rows
        parts = []
        for (start, end), segment in zip(series.ranges, series.segments, strict=True):
            rows = min(end, cut) - start
            if rows < 1:
                break
            inputs = self.inputs(segment)[:rows]
            for stretch in _stretches(inputs, STATISTICS_ROWS * rows // cut):
                out = self.run_segment(self.measure_step, stretch)
                ready = out["is_warm"]
                parts.append([out[name][ready] for name in names])
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "cell": self.cell,
            "activation": self.activation,
            "embedding": self.embedding,
            "units": self.units,
            "layers": self.depth,
            "horizon": self.horizon,
            "head": self.head,
            "residual": self.residual,
            "tied": self.tied,
            "gaussian": self.gaussian,
            "smooth": self.smooth,
            "compensate": self.compensate,
            "impute": self.impute,
            "clip": self.clip,
            "uniform": self.uniform,
        }


def _stretches(inputs: np.ndarray, most: int) -> list[np.ndarray]:
    """Returns the rows, or stretches evenly spread over them that have `most` rows together."""
    length = 10_000
    if len(inputs) <= max(most, length):
        return [inputs]
    starts = np.linspace(0, len(inputs) - length, max(1, most // length)).astype(int)
    return [inputs[start : start + length] for start in starts]
