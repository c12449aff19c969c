"""The VAE-LSTM's networks together: what its training, measures and pictures need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kad.backend.compiled import compile_function
from kad.graph.scaler import Scaler
from kad.networks.vae_lstm.elbo import SigmaSquared

EMBEDDING_BATCH = 4096
"""Windows that are embedded in one call: bounds memory for long series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """The networks of one detector, and their sizes."""

    scaler: Scaler
    """Standardises raw units."""
    encoder: keras.Model
    """See `vae_encoder`."""
    decoder: keras.Model
    """See `vae_decoder`."""
    lstm: keras.Model
    """See `embedding_lstm`."""
    sigma_squared: SigmaSquared
    """Variance of a reconstruction."""
    channels: int
    """Channels of a window."""
    l_win: int
    """Window length in samples."""
    l_seq: int
    """Windows of a sequence."""
    code_size: int
    """Size of an embedding."""
    clip: float
    """The encoder sees standardised values within ± this; 0 for no limit."""

    def limit(self, z: Any) -> Any:
        """Limits standardised values to what the encoder sees."""
        return ops.clip(z, -self.clip, self.clip) if self.clip else z

    def embed(self, windows: Any) -> Any:
        """Returns the mean embeddings `(batch, code_size)` of standardised windows."""
        return self.encoder(self.limit(windows))[0]

    def leave_out(self, channels: np.ndarray) -> None:
        """Makes encoder and decoder blind to channels, which they have never seen change.

        What the encoder's first weights of such a channel are is chance: the first change would
        disturb the embedding, and with it what is expected of all others. What is expected of the
        channel itself is 0, its mean.

        Args:
            channels: Boolean `(channels,)`.
        """
        if not channels.any():
            return
        kept = ~channels
        first, last = self.encoder.get_layer("conv_1"), self.decoder.get_layer("conv_4")
        first.kernel.assign(first.kernel * kept.astype("float32")[:, None])
        for weight in (last.kernel, last.bias):
            weight.assign(weight * kept.astype("float32"))

    def embed_rolling(self, z: np.ndarray) -> np.ndarray:
        """Embeds every rolling window of a standardised series in bounded memory.

        Args:
            z: float32 `(rows, channels)`, at least `l_win` rows, without missing samples.

        Returns:
            float32 `(rows - l_win + 1, code_size)`: the mean embedding of the window that starts
            at each row.
        """
        windows = np.lib.stride_tricks.sliding_window_view(z, self.l_win, axis=0)
        windows = windows.transpose(0, 2, 1)
        return self.in_batches(lambda x: {"codes": self.embed(x)}, windows)["codes"]

    def in_batches(
        self, function: Callable[[Any], dict[str, Any]], x: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Runs a function of these networks, compiled, over many examples in bounded memory.

        Args:
            function: From tensors `(batch, ...)` to a mapping of them.
            x: `(examples, ...)`.

        Returns:
            The outputs, float32 `(examples, ...)`.
        """
        run = compile_function(function, self._variables)
        size = min(EMBEDDING_BATCH, len(x))
        results: dict[str, np.ndarray] = {}
        for i in range(0, len(x), size):
            block = np.asarray(x[i : i + size], "float32")
            padding = np.repeat(block[-1:], size - len(block), axis=0)
            for name, array in run(np.concatenate([block, padding])).items():
                whole = results.setdefault(name, np.empty((len(x), *array.shape[1:]), "float32"))
                whole[i : i + size] = array[: len(block)]
        return results

    @property
    def _variables(self) -> list[Any]:
        layers = (self.scaler, self.encoder, self.decoder, self.lstm, self.sigma_squared)
        return [variable for layer in layers for variable in layer.variables]
