"""Examples of an epoch."""

import numpy as np

from kad.detectors.vae_lstm import VAELSTMTraining
from kad.training.examples import epoch_batches, padded_batches, rows_to_split, split_starts
from toys.series import TINY

OPTIONS = VAELSTMTraining(**TINY["training"])


def test_batches_and_splits():
    """Epochs cover every example; validation targets are held out, with a gap before them."""
    rng = np.random.default_rng(0)
    drawn = epoch_batches(np.arange(1000), batch_size=7, most=10**9, rng=rng)
    assert set(drawn.ravel()) == set(range(1000))
    assert drawn.size < 1000 + 7 * 4
    filled, weight = padded_batches(np.arange(10), batch_size=4)
    assert filled.shape == weight.shape == (3, 4)
    assert weight.sum() == 10
    starts = np.arange(100 - 18 + 1)
    train_starts, held_out = split_starts(
        starts, length=18, target=6, rows=100, held_out=20, options=OPTIONS
    )
    assert train_starts.max() + 18 <= 80 - 6
    assert held_out.min() + 18 - 6 == 80


def test_rows_to_split_leave_both_sides_enough():
    """The share is held out, or what has to be; two rows fewer would be too few."""
    for learnt, held_out, share in ((320, 65, 0.1), (312, 25, 0.1), (9, 2, 0.5)):
        needed = rows_to_split(learnt, held_out, share=share)
        left = [rows - max(held_out, round(share * rows)) for rows in (needed - 2, needed)]
        assert left[0] < learnt <= left[1]
