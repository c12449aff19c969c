"""The VAE-LSTM detector."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

import keras
import numpy as np
import pandas as pd
from keras import ops
from pydantic import Field

from kad.data import frames
from kad.detector import Component, Detector, TrainingSeries
from kad.detector.diagnostics import Diagnostic
from kad.detector.footprint import chunk_steps
from kad.graph.missing import trust
from kad.graph.rolling import extended, rolling
from kad.graph.scoring import ErrorStream, Measured, Samples
from kad.networks.vae_lstm import measures, pictures, training
from kad.networks.vae_lstm.conv_plan import conv_plan
from kad.networks.vae_lstm.elbo import SigmaSquared
from kad.networks.vae_lstm.networks import Networks
from kad.networks.vae_lstm.options import VAELSTMTraining
from kad.networks.vae_lstm.vae import (
    Head,
    embedding_lstm,
    newest_predictions,
    vae_decoder,
    vae_encoder,
)
from kad.options import Count, FitOptions, Positive, Weight
from kad.training.examples import rows_to_split
from kad.training.session import TrainingSession
from runtime.errors import ConfigError, InputError

__all__ = ["VAELSTM", "VAELSTMTraining"]


@keras.saving.register_keras_serializable("kad")
class VAELSTM(Detector):
    """A VAE embeds windows, an LSTM predicts the embeddings, the decoder draws what it expects.

    The score of a sample is the squared difference between the newest `score_windows` windows and
    their predictions, summed over the observed samples, in standardised units. Missing samples are
    imputed with the detector's own forecast, which needs only embeddings older than one window;
    during the warm-up, with the last observed sample.

    Args:
        channels: Names of the columns it watches.
        l_win: Window length in samples; 24, 48 and 144 have the paper's layers.
        l_seq: Windows of a sequence.
        code_size: Size of an embedding.
        hidden_units: Width of encoder and decoder; 512 in the paper.
        lstm_units: Units of each of the two LSTM layers.
        head: What follows them: a `dense` layer, or the paper's third, linear `lstm`, which costs
            more and follows anomalies less.
        sigma: Standard deviation of a reconstruction, in standardised units.
        learn_sigma: Whether `sigma` is learnt.
        sigma_offset: Added to the learnt variance.
        score_windows: How many of the newest predicted windows are compared: `l_seq - 1` is the
            paper's score; 1 costs a fifth in batch and reacts sooner.
        clip: Networks see standardised values within ± this; 0 for no limit.
        importance: Weight of each of `streams` in the adaptive score. Where several channels change
            their regime together, the prediction cannot know when: the preset `multichannel`, which
            trains on more than one where none is chosen, weighs it a tenth.
        **kwargs: See `Detector`.

    Reference: S. Lin, R. Clark, R. Birke, S. Schönborn, N. Trigoni, S. Roberts (2020), "Anomaly
    Detection for Time Series Using VAE-LSTM Hybrid Model", ICASSP. By default we replace its
    third LSTM layer by a Dense layer; missing samples and a limit on the networks' inputs are
    ours.
    """

    Training = VAELSTMTraining
    streams = (
        ErrorStream("reconstruction of the newest window"),
        ErrorStream("prediction of the newest window"),
    )
    presets: ClassVar = {
        "default": {},
        "multichannel": {"detector": {"importance": (1.0, 0.1)}},
        "paper": {
            "data": {"grid": "rows"},
            "scoring": {"normalisation": "static"},
            "detector": {
                "hidden_units": 512,
                "head": "lstm",
                "score_windows": 11,
                "clip": 0.0,
            },
            "training": {
                "epochs": 40,
                "epochs_lstm": 40,
                "batch_size": 32,
                "batch_size_lstm": 32,
                "learning_rate": 4e-4,
                "learning_rate_lstm": 2e-4,
                "learning_rate_decay_lstm": 1.0,
                "patience": 0,
                "split": "shuffled",
                "examples_per_epoch": 1_000_000_000,
            },
        },
        "tiny": {
            "detector": {
                "l_win": 8,
                "l_seq": 4,
                "code_size": 3,
                "hidden_units": 16,
                "lstm_units": 8,
            },
            "training": {"epochs": 10, "epochs_lstm": 10, "examples_per_epoch": 2000},
        },
    }

    def __init__(
        self,
        channels: Sequence[str],
        *,
        l_win: Annotated[int, Field(ge=2)] = 24,
        l_seq: Annotated[int, Field(ge=2)] = 12,
        code_size: Count = 6,
        hidden_units: Annotated[int, Field(ge=16)] = 128,
        lstm_units: Count = 64,
        head: Head = "dense",
        sigma: Positive = 0.1,
        learn_sigma: bool = False,
        sigma_offset: Positive = 0.01,
        score_windows: Count = 1,
        clip: Annotated[float, Field(ge=0)] = 8.0,
        importance: tuple[Weight, Weight] = (1.0, 1.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(channels, importance=importance, **kwargs)
        if score_windows > l_seq - 1:
            raise ConfigError(
                f"`score_windows` must be at most l_seq - 1 = {l_seq - 1}. "
                f"Received: {score_windows}."
            )

        # Layers
        features = len(self.channels)
        plan = conv_plan(l_win, hidden_units)
        self.encoder = vae_encoder(plan, channels=features, code_size=code_size)
        self.decoder = vae_decoder(plan, channels=features, code_size=code_size)
        self.lstm = embedding_lstm(l_seq=l_seq, code_size=code_size, units=lstm_units, head=head)
        self.sigma_squared = SigmaSquared(
            sigma, learn=learn_sigma, offset=sigma_offset, name="sigma_squared"
        )

        # Config
        self.l_win, self.l_seq, self.code_size = l_win, l_seq, code_size
        self.hidden_units, self.lstm_units, self.head = hidden_units, lstm_units, head
        self.sigma, self.learn_sigma, self.sigma_offset = sigma, learn_sigma, sigma_offset
        self.score_windows, self.clip = score_windows, clip
        self.warmup_steps = l_seq * l_win - 1
        # Which samples of its sequences each step has seen.
        self.step_numbers = features * l_seq * l_win
        self.max_steps = chunk_steps(l_win, self.step_numbers)
        self._history = score_windows * l_win - 1
        self._codes = (l_seq - 1) * l_win
        self._ready(
            values=(1, self._history * features),
            observed=(1, self.warmup_steps * features),
            codes=(1, self._codes * code_size),
        )

    @property
    def _networks(self) -> Networks:
        return Networks(
            scaler=self.scaler,
            encoder=self.encoder,
            decoder=self.decoder,
            lstm=self.lstm,
            sigma_squared=self.sigma_squared,
            channels=len(self.channels),
            l_win=self.l_win,
            l_seq=self.l_seq,
            code_size=self.code_size,
            clip=self.clip,
        )

    # The detector itself

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """See `Detector.measure`."""
        steps, features = ops.shape(samples.z)[1], len(self.channels)
        before = ops.reshape(old["codes"], (-1, self._codes, self.code_size))
        forecast = self._forecast(before, steps)
        newest = forecast[..., -features:]
        imputed = ops.where(samples.is_warm, newest, samples.z)
        z = ops.where(samples.is_observed, samples.z, imputed)
        values, newest_values = extended(old["values"], z, self._history)
        seen, newest_seen = extended(old["observed"], samples.observed, self.warmup_steps)
        limited = self._networks.limit(values)
        embedded = self._embed(limited, steps)
        _, newest_codes = extended(old["codes"], embedded, self._codes)

        compared = self.score_windows * self.l_win
        target = rolling(values, steps, compared)
        counts = rolling(seen[:, self.warmup_steps - self._history :], steps, compared)
        trusted = trust(seen, self.l_seq * self.l_win)
        is_known = ops.sign(trusted)
        expected = ops.reshape(forecast, (-1, steps, compared, features))
        errors: tuple[Any, ...] = ()
        if self.scoring.is_adaptive:
            window = rolling(limited[:, self._history - (self.l_win - 1) :], steps, self.l_win)
            mask = counts[:, :, -self.l_win :]
            number = ops.sqrt(ops.maximum(ops.sum(mask, axis=2), 1.0))
            own = self.decoder(ops.reshape(embedded, (-1, self.code_size)))
            own = ops.reshape(own, (-1, steps, self.l_win, features))
            errors = tuple(
                ops.norm((window - drawn) * mask, axis=2) / number
                for drawn in (own, expected[:, :, -self.l_win :])
            )
        return Measured(
            distance=ops.sum(ops.square(target - expected) * counts, axis=2) * is_known,
            errors=errors,
            counts=(samples.observed * is_known,) * 2,
            trusts=(trusted, trusted),
            expected=newest,
            following={
                "values": newest_values,
                "observed": newest_seen,
                "codes": newest_codes,
            },
        )

    def _forecast(self, codes: Any, steps: Any) -> Any:
        """Decodes the newest predicted windows that end at each step.

        Their LSTM inputs are embeddings of windows that ended one window ago and earlier: for
        chunks of at most `l_win` steps all of them are in the state.

        Args:
            codes: `(streams, (l_seq - 1) * l_win, code_size)`.
            steps: Length of the chunk.

        Returns:
            `(streams, steps, score_windows · l_win · channels)`, standardised.
        """
        sequence = rolling(codes, steps, self.l_seq - 1, stride=self.l_win)
        sequence = ops.reshape(sequence, (-1, self.l_seq - 1, self.code_size))
        predicted = newest_predictions(self.lstm, sequence, self.score_windows)
        windows = self.decoder(ops.reshape(predicted, (-1, self.code_size)))
        size = self.score_windows * self.l_win * len(self.channels)
        return ops.reshape(windows, (-1, steps, size))

    def _embed(self, values: Any, steps: Any) -> Any:
        """Embeds the window that ends at each step: `(streams, steps, code_size)`.

        Args:
            values: `(streams, rows, channels)`, as the encoder sees them.
            steps: Length of the chunk.
        """
        newest = values[:, self._history - (self.l_win - 1) :]
        windows = rolling(newest, steps, self.l_win)
        flat = ops.reshape(windows, (-1, self.l_win, len(self.channels)))
        return ops.reshape(self.encoder(flat)[0], (-1, steps, self.code_size))

    def components(self) -> dict[str, Component]:
        """Returns `encoder`, `lstm` and `decoder`; windows are in raw units."""
        window, code = (self.l_win, len(self.channels)), (self.code_size,)
        codes = (self.l_seq - 1, self.code_size)

        def encode(windows: Any) -> dict[str, Any]:
            mean, deviation = self.encoder(self._networks.limit(self.scaler(windows)))
            return {"mean": mean, "deviation": deviation}

        return {
            "encoder": Component(encode, {"windows": window}, {"mean": code, "deviation": code}),
            "lstm": Component(
                lambda codes: {"predicted": self.lstm(codes)},
                {"codes": codes},
                {"predicted": codes},
            ),
            "decoder": Component(
                lambda codes: {"windows": self.scaler.inverse(self.decoder(codes))},
                {"codes": code},
                {"windows": window},
            ),
        }

    # Measures

    def window_measures(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the VAE's anomaly measures of windows.

        Args:
            windows: `(batch, l_win, channels)` in raw units, without missing samples.

        Returns:
            `reconstruction_error` Σ(x − x̂)², `kl` and `elbo`, each `(batch,)`, from the mean
            embedding.
        """
        return measures.window_measures(self._networks, windows)

    def sequence_measures(self, sequences: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the LSTM's anomaly measures of sequences.

        Args:
            sequences: `(batch, l_seq, l_win, channels)` in raw units, without missing samples.

        Returns:
            `lstm_reconstruction_error` Σ(x − x̂)² over windows 2 to l_seq, the paper's score, and
            `lstm_embedding_error` Σ(e − ê)² over their embeddings, each `(batch,)`.
        """
        return measures.sequence_measures(self._networks, sequences)

    def embed_rolling(self, z: np.ndarray) -> np.ndarray:
        """Embeds every rolling window of a standardised series in bounded memory.

        Args:
            z: float32 `(rows, channels)`, at least `l_win` rows, without missing samples.

        Returns:
            float32 `(rows - l_win + 1, code_size)`: the mean embedding of the window that starts
            at each row.
        """
        return self._networks.embed_rolling(z)

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:
        """See `Detector.diagnostics`: reconstructions, samples of the prior, embeddings.

        Reference: S. Lin et al. (2020), whose code draws these pictures after training.
        """
        placed, _ = frames.to_grid(self.columns_of(frame), self.make_grid())
        series = TrainingSeries(frames.to_segments(placed), self.scaler, validation=0.5)
        return [
            *pictures.reconstructions(self._networks, series, self.channels),
            pictures.prior_samples(self._networks, self.channels),
            *pictures.embedding_predictions(self._networks, series),
        ]

    # Training

    def rows_needed(self, options: FitOptions) -> int:
        """See `Detector.rows_needed`: one sequence to learn from and one held-out window."""
        own = cast("VAELSTMTraining", options)
        learnt, held_out = self.split_needed(options)
        if own.split == "shuffled":
            return learnt
        return rows_to_split(learnt, held_out, share=own.validation)

    def split_needed(self, options: FitOptions) -> tuple[int, int]:
        """See `Detector.split_needed`: a sequence, a window before the held-out ones, and these."""
        own = cast("VAELSTMTraining", options)
        learnt = self.l_seq * self.l_win + self.l_win
        return learnt, 0 if own.split == "shuffled" else self.l_win + 1

    def check_series(self, series: TrainingSeries, options: FitOptions) -> None:
        """See `Detector.check_series`: windows and sequences on both sides of the split."""
        own = cast("VAELSTMTraining", options)
        for what, length in (("window", self.l_win), ("sequence", self.l_seq * self.l_win)):
            train, held_out = training.split(series, length, target=self.l_win, options=own)
            if not len(train) or not len(held_out):
                part = "training" if not len(train) else "held-out"
                raise InputError(
                    f"The {part} rows have no {what} of {length} rows without a long gap and with "
                    "at least half of the samples observed. Train on other rows with --train, "
                    "raise training.validation, or give a longer [data] period."
                )

    def fit_networks(self, series: TrainingSeries, session: TrainingSession) -> None:
        """Trains the VAE on all rolling windows, then the LSTM on their mean embeddings."""
        options = cast("VAELSTMTraining", session.options)
        training.fit_vae(self._networks, series, session, options)
        training.fit_lstm(self._networks, series, session, options)

    def fit_statistics(self, series: TrainingSeries) -> None:
        """See `Detector.fit_statistics`: constant channels are left out of the networks."""
        self._networks.leave_out(series.constant)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = (
            *("l_win", "l_seq", "code_size", "hidden_units", "lstm_units", "head"),
            *("sigma", "learn_sigma", "sigma_offset", "score_windows", "clip"),
        )
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "importance": [stream.weight for stream in self.scoring.streams],
        }
