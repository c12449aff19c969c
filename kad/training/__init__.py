"""Training phases: examples, optimisers, early stopping, checkpoints."""

from kad.training.examples import batch_steps, epoch_batches, padded_batches, split_starts
from kad.training.optimiser import Adam
from kad.training.session import Progress, TrainingInterruptedError, TrainingSession

__all__ = [
    "Adam",
    "Progress",
    "TrainingInterruptedError",
    "TrainingSession",
    "batch_steps",
    "epoch_batches",
    "padded_batches",
    "split_starts",
]
