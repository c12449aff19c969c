"""The RNN multi-step predictor with Gaussian error scores."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

import keras
import numpy as np
import pandas as pd
from keras import ops
from pydantic import Field

from kad.data import frames
from kad.detector import Detector, TrainingSeries
from kad.detector.diagnostics import Diagnostic
from kad.detector.footprint import chunk_steps
from kad.graph.missing import trust
from kad.graph.recurrence import LONGEST_CHUNK
from kad.graph.rolling import extended, newest_sum
from kad.graph.scoring import ErrorStream, Measured, Samples
from kad.networks.rnn import pictures, training
from kad.networks.rnn.cells import Cell
from kad.networks.rnn.error_gaussian import ErrorGaussian, Gaussian
from kad.networks.rnn.error_rows import FEWEST_ERRORS, error_rows
from kad.networks.rnn.forecasts import predict
from kad.networks.rnn.options import RNNTraining
from kad.networks.rnn.predictor import Head, Predictor
from kad.networks.rnn.recurrent import Activation
from kad.networks.rnn.states import state_parts
from kad.networks.rnn.usual_distance import UsualDistance
from kad.options import Count, FitOptions
from kad.training.examples import rows_to_split
from kad.training.session import TrainingSession
from runtime.errors import ConfigError, InputError

__all__ = ["RNNPredictor", "RNNTraining"]


@keras.saving.register_keras_serializable("kad")
class RNNPredictor(Detector):
    """A recurrent network predicts the next `horizon` samples; errors are scored by Gaussians.

    The error vector of a sample has the differences between the predictions made for it 1 to
    `horizon` samples before and its value. The score is the squared Mahalanobis distance of error
    vectors from those of the training rows, summed over channels. A missing sample has no error;
    the network sees the last observed sample, or its own forecast, in its place.

    Args:
        channels: Names of the columns it watches.
        cell: `lstm`, `gru`, `simple_rnn` or `sru`.
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
        # The distances that are averaged, what was predicted, and the errors.
        self.step_numbers = features * 2 * (smooth + horizon)
        self.row_numbers = 4 * horizon * features
        self.max_steps = chunk_steps(LONGEST_CHUNK, self.step_numbers)
        self.own_loops = 1 if impute == "forecast" else 0
        parts: dict[str, Any] = state_parts(
            [[(units,)] * layer.states for layer in self.predictor.recurrent]
        )
        if smooth > 1:
            parts["newest"] = (1, (smooth - 1) * 2 * features)
        self._ready(
            pending=(1, horizon * horizon * features),
            known=(1, (self._context_steps - 1) * features),
            **parts,
        )

    # The detector itself

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """See `Detector.measure`."""
        out = self._measure(samples, old)
        known, newest_known = extended(old["known"], samples.observed, self._context_steps - 1)
        own = trust(known, self._context_steps)
        is_known = ops.sign(own)
        # What the network predicts of a channel rests on all channels.
        inputs = ops.square(own)
        if len(self.channels) > 1:
            inputs = ops.square(ops.mean(own, axis=-1, keepdims=True)) * ops.ones_like(own)
        seen = ops.clip(out["z"], -self.clip, self.clip) if self.clip else out["z"]
        newest = out["forecasts"][:, :, 0]
        return Measured(
            distance=out["smoothed"] * is_known,
            errors=(ops.abs(newest - seen), ops.sqrt(out["distances"])),
            counts=(out["observed"] * is_known,) * 2,
            expected=newest,
            following={**out["following"], "known": newest_known},
            trusts=(inputs, inputs),
        )

    def measure_step(self, x: Any, state: Any) -> dict[str, Any]:
        """Predicts and measures errors, without scoring them.

        Args:
            x: See `Detector.step`.
            state: See `Detector.step`.

        Returns:
            What `kad.networks.rnn.forecasts.predict` returns per step, and `errors` `(streams,
            steps, channels, horizon)`; `distances` `(streams, steps, channels)`, each channel's
            part of the squared Mahalanobis distance; `smoothed`, the same shape, the square of the
            mean distance over the last `smooth` observed samples; `is_warm` `(streams, steps, 1)`;
            `next_state`.
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
        following, out = predict(self.predictor, samples, old, imputes=self.impute == "forecast")
        errors = ops.transpose(out["forecasts"] - ops.expand_dims(out["z"], 2), (0, 1, 3, 2))
        distances = self.error_gaussian(errors, out["observed"])
        if self.usual_distance is not None:
            distances = distances / self.usual_distance(out["hidden"])
        smoothed = distances
        if self.smooth > 1:
            now = ops.concatenate([ops.sqrt(distances), out["observed"]], axis=-1)
            rows, newest = extended(old["newest"], now, self.smooth - 1)
            sums = newest_sum(rows, ops.shape(samples.z)[1], self.smooth)
            total, count = ops.split(sums, 2, axis=-1)
            smoothed = ops.square(total / ops.maximum(count, 1.0))
            following = {**following, "newest": newest}
        measured = {"errors": errors, "distances": distances, "smoothed": smoothed}
        return {**out, **measured, "following": following}

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
        placed, _ = frames.to_grid(self.columns_of(frame), self.make_grid())
        made = [
            pictures.made_in(self.run_segment(self.measure_step, self.inputs(segment))["forecasts"])
            for segment in frames.to_segments(placed)
        ]
        raw = ops.convert_to_numpy(self.scaler.inverse(np.concatenate(made)))
        index = frames.time_index(placed.times_ns, frame.index)
        return pictures.predictions_table(placed.values, raw, names=self.channels, index=index)

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:
        """See `Detector.diagnostics`: 1-step, n-step and mean predictions."""
        table = self.predictions(frame)
        return [pictures.predictions_picture(table, names=self.channels, horizon=self.horizon)]

    # Training

    def rows_needed(self, options: FitOptions) -> int:
        """See `Detector.rows_needed`: one chunk to learn from and one held-out, and some errors."""
        own = cast("RNNTraining", options)
        return rows_to_split(*self.split_needed(options), share=own.validation)

    def split_needed(self, options: FitOptions) -> tuple[int, int]:
        """See `Detector.split_needed`: a chunk on both sides, and some errors."""
        chunk = cast("RNNTraining", options).chunk + self.predictor.ahead
        return max(chunk, self.warmup_steps + FEWEST_ERRORS), chunk

    def check_series(self, series: TrainingSeries, _options: FitOptions) -> None:
        """See `Detector.check_series`: rows to predict on both sides of the split."""
        for part, segments in zip(("training", "held-out"), training.split(series), strict=True):
            if not segments:
                raise InputError(
                    f"The {part} rows have no two rows without a long gap between them. Train on "
                    "other rows with --train, or raise training.validation."
                )

    def fit_networks(self, series: TrainingSeries, session: TrainingSession) -> None:
        """Trains the predictor by truncated back-propagation through parallel streams."""
        training.fit_predictor(
            self.predictor, series, session, cast("RNNTraining", session.options)
        )

    def fit_statistics(self, series: TrainingSeries) -> None:
        """Fits the error Gaussian, and the usual distance, on the rows before the held-out ones.

        Constant channels are left out of the network.
        """
        self.predictor.leave_out(series.constant)
        errors, observed = self.measured(series, "errors", "observed")
        self.error_gaussian.fit(errors, observed, constant=series.constant)
        if self.usual_distance is not None:
            self.usual_distance.reset()
            self.usual_distance.fit(*self.measured(series, "hidden", "distances", "observed"))

    def measured(self, series: TrainingSeries, *names: str) -> list[np.ndarray]:
        """Returns outputs of `measure_step` over the rows to train on, after the warm-up.

        Args:
            series: The training rows.
            *names: Outputs; each array is `(rows, ...)`.
        """
        parts = []
        for stretch in error_rows(series, self.inputs):
            (out,) = self.run_segments(self.measure_step, [stretch], only=[*names, "is_warm"])
            ready = out["is_warm"][:, 0]
            parts.append([out[name][ready] for name in names])
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = (
            *("cell", "activation", "embedding", "units", "layers", "horizon", "head"),
            *("residual", "tied", "gaussian", "smooth", "compensate", "impute", "clip", "uniform"),
        )
        # `layers` are a Keras model's own.
        attributes = {"layers": "depth"}
        return {
            **super().get_config(),
            **{name: getattr(self, attributes.get(name, name)) for name in names},
        }
