"""A score for the labels of `toys.labels`."""

import numpy as np
import pytest

from kad.metrics import (
    to_mask,
)
from toys.labels import LABELS, ROWS


@pytest.fixture(scope="module")
def score():
    """A score that is higher in LABELS, but not by much."""
    rng = np.random.default_rng(0)
    score = rng.random(ROWS)
    mask = to_mask(LABELS, ROWS)
    score[mask] += 0.4 * rng.random(mask.sum())
    return score
