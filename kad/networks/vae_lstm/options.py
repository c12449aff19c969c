"""The options of the VAE-LSTM's training."""

from typing import Annotated

from pydantic import Field

from kad.options import Count, Fraction, Positive, TrainingOptions


class VAELSTMTraining(TrainingOptions):
    """`[training]` of the VAE-LSTM; `epochs`, `batch_size` and `learning_rate` are the VAE's."""

    epochs_lstm: Count = 60
    """Longest training of the LSTM in epochs."""
    batch_size_lstm: Count = 64
    """Sequences of one optimiser step of the LSTM."""
    learning_rate_lstm: Positive = 2e-3
    """Adam's learning rate for the LSTM in the first epoch."""
    learning_rate_decay_lstm: Annotated[float, Field(gt=0, le=1)] = 0.98
    """Factor on the LSTM's learning rate after every epoch."""
    beta_2: Fraction = 0.95
    """Adam's second decay rate for the VAE."""
    gradient_clip: Positive = 1.0
    """Each gradient of the VAE is clipped to ± this value."""
