"""Anomaly measures of windows and sequences, as the paper has them."""

from typing import Any

import numpy as np
from keras import ops

from kad.networks.vae_lstm.elbo import elbo
from kad.networks.vae_lstm.networks import Networks


def window_measures(networks: Networks, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the VAE's anomaly measures of windows.

    Args:
        networks: The networks.
        windows: `(batch, l_win, channels)` in raw units, without missing samples.

    Returns:
        `reconstruction_error` Σ(x − x̂)², `kl` and `elbo`, each `(batch,)`, from the mean
        embedding.
    """

    def measures(x: Any) -> dict[str, Any]:
        z = networks.scaler(x)
        mean, deviation = networks.encoder(networks.limit(z))
        return elbo(
            z,
            ops.ones_like(z),
            mean,
            deviation,
            decoded=networks.decoder(mean),
            variance=networks.sigma_squared.variance(),
        )

    out = networks.in_batches(measures, windows)
    return {
        "reconstruction_error": out["reconstruction_error"],
        "kl": out["kl"],
        "elbo": -out["loss"],
    }


def sequence_measures(networks: Networks, sequences: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the LSTM's anomaly measures of sequences.

    Args:
        networks: The networks.
        sequences: `(batch, l_seq, l_win, channels)` in raw units, without missing samples.

    Returns:
        `lstm_reconstruction_error` Σ(x − x̂)² over windows 2 to l_seq, the paper's score, and
        `lstm_embedding_error` Σ(e − ê)² over their embeddings, each `(batch,)`.
    """

    def measures(x: Any) -> dict[str, Any]:
        z = networks.scaler(x)
        codes = networks.embed(ops.reshape(z, (-1, networks.l_win, networks.channels)))
        codes = ops.reshape(codes, (-1, networks.l_seq, networks.code_size))
        predicted = networks.lstm(codes[:, :-1])
        windows = networks.decoder(ops.reshape(predicted, (-1, networks.code_size)))
        windows = ops.reshape(windows, ops.shape(z[:, 1:]))
        return {
            "lstm_reconstruction_error": ops.sum(ops.square(z[:, 1:] - windows), (1, 2, 3)),
            "lstm_embedding_error": ops.sum(ops.square(codes[:, 1:] - predicted), (1, 2)),
        }

    return networks.in_batches(measures, sequences)
