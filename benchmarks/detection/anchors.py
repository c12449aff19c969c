"""Simple scores that every detector has to beat, each causal and without a setting to choose.

Uniform random stands in `judging`, the moving Gaussian is a detector of ours. The left matrix
profile needs stumpy.

Reference:
    C.-C. M. Yeh et al., 2016, "Matrix profile I". The left profile, the nearest of the windows
    that began earlier, is the causal one: Y. Zhu et al., 2017, "Matrix profile VII".
"""

import numpy as np

DIFFERENCE = "newest difference"
LEFT_PROFILE = "left matrix profile, 128 rows"
LEFT_PROFILE_PERIOD = "left matrix profile, a period"
PCA = "PCA reconstruction error"
ANCHORS = (DIFFERENCE, LEFT_PROFILE, LEFT_PROFILE_PERIOD, PCA)

WINDOW = 128
"""Rows of a left matrix profile."""
NEWEST = 20
"""Rows over which a left matrix profile is averaged."""
PCA_VARIANCE = 0.9
PCA_NEWEST = 6
_BLOCK = 4096


def newest_difference(values: np.ndarray) -> np.ndarray:
    """Returns how far each row is from the row before, `(rows,)`; the first is 0.

    Args:
        values: `(rows,)`.
    """
    return np.abs(np.diff(values, prepend=values[:1]))


def newest_mean(score: np.ndarray, rows: int) -> np.ndarray:
    """Returns the mean of the newest rows at each row; of fewer at the beginning.

    Args:
        score: `(rows,)`.
        rows: How many.
    """
    sums = np.cumsum(np.concatenate([[0.0], score]))
    ends = np.arange(1, len(score) + 1)
    starts = np.maximum(ends - rows, 0)
    mean: np.ndarray = (sums[ends] - sums[starts]) / (ends - starts)
    return mean


def held(values: np.ndarray) -> np.ndarray:
    """Returns the values with the last known one in place of a missing one, first ones 0.

    Args:
        values: `(rows, channels)`; NaN is missing.
    """
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
    known = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last < 0, 0.0, known)


def left_profile(values: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Returns the left matrix profile at the end of each window, averaged over the newest rows.

    The distance of z-normalised windows; of several channels the mean of their profiles. Rows
    without a whole window, or without one before it, are 0.

    Args:
        values: `(rows,)` or `(rows, channels)`; a missing value is held.
        window: Rows of a window.

    Returns:
        `(rows,)`.
    """
    channels = held(values.reshape(len(values), -1).astype("float64"))
    profile = np.mean([_left_distances(channel, window) for channel in channels.T], axis=0)
    at_end = np.concatenate([np.zeros(window - 1), profile])
    return newest_mean(at_end, NEWEST)


def _left_distances(channel: np.ndarray, window: int) -> np.ndarray:
    """Returns the distance of each window to the nearest earlier one, `(windows,)`.

    stumpy says which one that is, and how far only for the nearest of both sides.
    """
    import stumpy

    windows = np.lib.stride_tricks.sliding_window_view(channel, window)
    nearest = stumpy.stump(channel, window).left_I_.astype(int)
    distances = np.zeros(len(windows))
    some = np.flatnonzero(nearest >= 0)
    for first in range(0, len(some), _BLOCK):
        rows = some[first : first + _BLOCK]
        gaps = _normalised(windows[rows]) - _normalised(windows[nearest[rows]])
        distances[rows] = np.sqrt(np.square(gaps).sum(axis=1))
    return distances


def _normalised(windows: np.ndarray) -> np.ndarray:
    """Returns windows `(windows, rows)` with mean 0 and deviation 1; constant ones are 0."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    deviation = windows.std(axis=1, keepdims=True)
    constant = np.ptp(windows, axis=1, keepdims=True) == 0
    normalised: np.ndarray = np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))
    return normalised


def pca_error(values: np.ndarray, training_rows: int) -> np.ndarray:
    """Returns the squared error of a reconstruction by principal components.

    Channels are standardised by the training rows, a constant one by 1; as many components as hold
    90 % of the variance of these rows; the sum over channels, averaged over the newest six rows.

    Args:
        values: `(rows, channels)`; a missing value is held.
        training_rows: The first rows.

    Returns:
        `(rows,)`.
    """
    known = held(values.astype("float64"))
    training = known[:training_rows]
    deviation = training.std(axis=0)
    z = (known - training.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    _, singular, directions = np.linalg.svd(z[:training_rows], full_matrices=False)
    held_by = np.cumsum(singular**2)
    enough = int(np.searchsorted(held_by, PCA_VARIANCE * held_by[-1])) + 1
    kept = directions[: enough if held_by[-1] > 0 else 0]
    errors = z - z @ kept.T @ kept
    return newest_mean(np.square(errors).sum(axis=1), PCA_NEWEST)
