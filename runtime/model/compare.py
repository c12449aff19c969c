"""How far two arrays of outputs are apart: the one definition that every parity test uses."""

import numpy as np
from numpy.typing import ArrayLike

from runtime.model.outputs import DESCRIBED

__all__ = ["relative_gap"]


def relative_gap(actual: ArrayLike, expected: ArrayLike, *, output: str = "") -> float:
    """Returns the largest relative difference between two arrays of one output.

    The difference of each element is divided by `max(|e|, mean |e|)`, where the mean runs over
    the finite elements of `expected`: elements near zero are measured against the output's usual
    size instead of against themselves, those of an output with a unit against at least one unit.

    NaN, and infinity of the same sign, equal only themselves: on one side alone they make the
    gap infinite. Two arrays of zeros have the gap 0.

    Args:
        actual: Numbers to judge, any shape.
        expected: The reference, same shape.
        output: Name of the output.

    Returns:
        The gap, at least 0; infinite where shapes or non-finite elements differ.
    """
    a = np.asarray(actual, dtype=np.float64)
    e = np.asarray(expected, dtype=np.float64)
    if a.shape != e.shape:
        return float("inf")
    finite = np.isfinite(e)
    if not np.array_equal(a[~finite], e[~finite], equal_nan=True):
        return float("inf")
    a, e = a[finite], e[finite]
    if not np.isfinite(a).all():
        return float("inf")
    if not e.size:
        return 0.0
    size = np.abs(e)
    unit = DESCRIBED[output].unit if output in DESCRIBED else 0.0
    scale = np.maximum(size, max(float(size.mean()), unit))
    difference = np.abs(a - e)
    if (difference[scale == 0] > 0).any():
        return float("inf")
    scale[scale == 0] = 1.0
    return float((difference / scale).max())
