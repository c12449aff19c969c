"""The options of the RNN predictor's training."""

from typing import Annotated, Literal

from pydantic import Field

from kad.options import Count, Positive, TrainingOptions, Weight


class RNNTraining(TrainingOptions):
    """`[training]` of the RNN predictor."""

    epochs: Count = 60
    """Longest training in epochs."""
    batch_size: Count = 64
    """Parallel streams that the training rows are cut into."""
    examples_per_epoch: Count = 100_000
    """Rows of an epoch: a shorter series is repeated with noise, a longer one drawn from."""
    chunk: Annotated[int, Field(ge=2)] = 50
    """Steps of truncated back-propagation; the state is carried from chunk to chunk."""
    learning_rate: Positive = 2e-3
    """Adam's learning rate in the first epoch."""
    loss: Literal["squared", "absolute"] = "squared"
    """Of a prediction error; with `absolute`, the spikes of a series teach less."""
    free_running: Weight = 1.0
    """Weight of the loss of a run that is fed its own predictions from the chunk's first row."""
    teacher_forced: Weight = 1.0
    """Weight of the loss of a run that is fed the rows."""
    professor_forced: Weight = 1.0
    """Weight of the distance between the hidden states of both runs."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share dropped after the encoder, between recurrent layers and before the decoder."""
    noise: Weight = 0.05
    """Most noise that is added to repeated rows, in standard deviations of the channel."""
    gradient_norm: Positive = 10.0
    """The norm of all gradients together is clipped to this value."""
    weight_decay: Weight = 1e-4
    """Share of every weight that is taken off per unit of learning rate and step."""
    split: Literal["chronological"] = "chronological"
    """Held-out rows are the last ones."""
