"""Which examples an epoch has, and which are held out."""

from math import ceil

import numpy as np

from kad.options import TrainingOptions
from kad.training.session import STEPS_PER_CALL


def rows_to_split(learnt: int, held_out: int, *, share: float) -> int:
    """Returns how many rows a series needs at least, of which the last ones are held out.

    Args:
        learnt: Rows to learn from, at least.
        held_out: Rows that are held out, at least.
        share: Share of the rows that is held out where that is more.
    """
    return max(ceil(learnt / (1 - share)), learnt + held_out)


def epoch_steps(wanted: int) -> int:
    """Returns the optimiser steps of an epoch: at least `wanted`, a multiple of its calls."""
    calls = -(-wanted // STEPS_PER_CALL)
    return -(-wanted // calls) * calls


def batch_steps(examples: int, *, batch_size: int, most: int) -> int:
    """Returns the optimiser steps of an epoch of `epoch_batches`."""
    count = min(examples, most)
    return epoch_steps(-(-count // min(batch_size, count)))


def epoch_batches(
    examples: np.ndarray, *, batch_size: int, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws the examples of one epoch.

    The number of steps is a multiple of the calls that run them: the last batches are filled from
    the start of the permutation.

    Args:
        examples: int `(examples,)`.
        batch_size: Examples of one step.
        most: Most examples of an epoch.
        rng: Source of the permutation.

    Returns:
        int32 `(steps, batch)`.
    """
    order = rng.permutation(examples)[:most]
    steps = batch_steps(len(examples), batch_size=batch_size, most=most)
    return np.resize(order, (steps, min(batch_size, len(order)))).astype("int32")


def padded_batches(examples: np.ndarray, *, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples into full batches whose padding has weight 0.

    Args:
        examples: int `(examples,)`.
        batch_size: Examples of one step.

    Returns:
        Examples int32 and weights float32, both `(steps, batch)`.
    """
    batch_size = min(batch_size, len(examples))
    steps = -(-len(examples) // batch_size)
    filled = np.resize(examples, (steps, batch_size)).astype("int32")
    weight = (np.arange(steps * batch_size) < len(examples)).astype("float32")
    return filled, weight.reshape(steps, batch_size)


def split_starts(
    starts: np.ndarray,
    *,
    length: int,
    target: int,
    rows: int,
    held_out: int,
    options: TrainingOptions,
) -> tuple[np.ndarray, np.ndarray]:
    """Splits windows or sequences into training and validation.

    Chronological: validation examples have their last `target` rows inside the held-out rows;
    training examples end at least `target` rows before them. Shuffled: at random, as the paper
    does.

    Args:
        starts: First row of each example.
        length: Rows of an example.
        target: Rows of one window.
        rows: Rows of the series.
        held_out: Rows at its end that are held out.
        options: Training options: `split`, `validation` and `seed`.

    Returns:
        First rows of the training and of the validation examples.
    """
    if options.split == "shuffled":
        order = np.random.default_rng(options.seed).permutation(starts)
        count = max(1, round(options.validation * len(order)))
        return np.sort(order[count:]), np.sort(order[:count])
    cut = rows - held_out
    train = starts[starts + length <= cut - target]
    validation = starts[starts + length - target >= cut]
    return train, validation
