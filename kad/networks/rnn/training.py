"""Training of the RNN predictor's network."""

from typing import Annotated, Any, Literal

from keras import ops
from pydantic import Field

from kad.options import Count, Positive, TrainingOptions, Weight

KEEP = 256
"""Dropout masks are drawn as bytes."""


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


def mean_loss(kind: str, chunk: int, predicted: Any, *, z: Any, mask: Any) -> Any:
    """Mean squared or absolute error per stream over steps, predictions ahead, and channels.

    Args:
        kind: `squared` or `absolute`.
        chunk: Steps.
        predicted: `(chunk, streams, ahead, channels)`.
        z: `(chunk + ahead, streams, channels)`, or longer.
        mask: As `z`; 0 where a sample does not count.
    """
    size = ops.square if kind == "squared" else ops.abs
    total, count = 0.0, 0.0
    for k in range(predicted.shape[2]):
        target, counts = z[k + 1 : k + 1 + chunk], mask[k + 1 : k + 1 + chunk]
        total = total + ops.sum(size(predicted[:, :, k] - target) * counts, axis=(0, 2))
        count = count + ops.sum(counts, axis=(0, 2))
    return total / (count + 1e-6)
