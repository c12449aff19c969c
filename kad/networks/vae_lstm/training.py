"""Training of the VAE-LSTM's networks."""

from typing import Any

import numpy as np
from keras import ops

from kad.detector import TrainingSeries
from kad.networks.vae_lstm.elbo import elbo
from kad.networks.vae_lstm.networks import Networks
from kad.networks.vae_lstm.options import VAELSTMTraining
from kad.options import TrainingOptions
from kad.training.examples import batch_steps, epoch_batches, padded_batches, split_starts
from kad.training.optimiser import Adam
from kad.training.session import TrainingSession


def fit_vae(
    networks: Networks, series: TrainingSeries, session: TrainingSession, options: VAELSTMTraining
) -> None:
    """Trains encoder, decoder and the variance on all rolling windows: the phase `vae`."""

    def loss(data: Any, batch: Any, carry: Any) -> Any:
        rows = batch["start"][:, None] + ops.arange(networks.l_win, dtype="int32")
        z, mask = ops.take(data["z"], rows, axis=0), ops.take(data["mask"], rows, axis=0)
        mean, deviation = networks.encoder(networks.limit(z))
        decoded = networks.decoder(mean + deviation * batch["noise"])
        variance = networks.sigma_squared.variance()
        return elbo(z, mask, mean, deviation, decoded=decoded, variance=variance), carry

    def with_noise(start: np.ndarray, weight: np.ndarray, rng: Any) -> dict[str, np.ndarray]:
        noise = rng.standard_normal((*start.shape, networks.code_size), dtype="float32")
        return {"start": start, "weight": weight, "noise": noise}

    def batches(rng: np.random.Generator) -> dict[str, np.ndarray]:
        start = epoch_batches(
            train, batch_size=options.batch_size, most=options.examples_per_epoch, rng=rng
        )
        return with_noise(start, np.ones(start.shape, "float32"), rng)

    train, held_out = split(series, networks.l_win, target=networks.l_win, options=options)
    layers = (networks.encoder, networks.decoder, networks.sigma_squared)
    session.run_phase(
        "vae",
        loss=loss,
        network=[variable for layer in layers for variable in layer.trainable_variables],
        data={"z": series.values, "mask": series.observed},
        batches=batches,
        validation=with_noise(
            *padded_batches(held_out, batch_size=options.batch_size), np.random.default_rng(0)
        ),
        epochs=options.epochs,
        optimizer=Adam(
            options.learning_rate,
            options.learning_rate_decay,
            options.beta_2,
            options.gradient_clip,
        ),
        last=False,
        steps=_steps(train, options.batch_size, options),
    )


def fit_lstm(
    networks: Networks, series: TrainingSeries, session: TrainingSession, options: VAELSTMTraining
) -> None:
    """Trains the LSTM on the mean embeddings of a trained encoder: the phase `lstm`."""
    l_win, length = networks.l_win, networks.l_seq * networks.l_win

    def loss(data: Any, batch: Any, carry: Any) -> Any:
        rows = batch["start"][:, None] + ops.arange(0, length, l_win, dtype="int32")
        codes = ops.take(data["codes"], rows, axis=0)
        error = ops.square(networks.lstm(codes[:, :-1], training=True) - codes[:, 1:])
        return {"loss": ops.mean(error, axis=(1, 2))}, carry

    def batches(rng: np.random.Generator) -> dict[str, np.ndarray]:
        start = epoch_batches(
            train, batch_size=options.batch_size_lstm, most=options.examples_per_epoch, rng=rng
        )
        return {"start": start, "weight": np.ones(start.shape, "float32")}

    train, held_out = split(series, length, target=l_win, options=options)
    start, weight = padded_batches(held_out, batch_size=options.batch_size_lstm)
    session.run_phase(
        "lstm",
        loss=loss,
        network=networks.lstm.trainable_variables,
        data={"codes": networks.embed_rolling(series.values)},
        batches=batches,
        validation={"start": start, "weight": weight},
        epochs=options.epochs_lstm,
        optimizer=Adam(options.learning_rate_lstm, options.learning_rate_decay_lstm),
        last=True,
        steps=_steps(train, options.batch_size_lstm, options),
    )


def split(
    series: TrainingSeries, length: int, *, target: int, options: TrainingOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first rows of the examples to train on and of the held-out ones.

    Args:
        series: The training rows.
        length: Rows of an example.
        target: Rows of one window.
        options: Training options; `examples_per_epoch` is the most held-out examples.
    """
    train, held_out = split_starts(
        series.starts(length),
        length=length,
        target=target,
        rows=len(series.values),
        held_out=series.held_out_rows,
        options=options,
    )
    most = options.examples_per_epoch
    if len(held_out) > most:
        held_out = held_out[np.linspace(0, len(held_out) - 1, most).astype(int)]
    return train, held_out


def _steps(train: np.ndarray, batch_size: int, options: VAELSTMTraining) -> int:
    return batch_steps(len(train), batch_size=batch_size, most=options.examples_per_epoch)
