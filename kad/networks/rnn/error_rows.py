"""Which training rows the statistics of prediction errors are fitted on."""

from collections.abc import Callable, Iterator

import numpy as np

from kad.data.frames import Segment
from kad.detector import TrainingSeries

ERROR_ROWS = 200_000
"""Most rows whose errors the Gaussian is fitted on: bounds memory for long series."""
FEWEST_ERRORS = 50
"""Rows after the warm-up that the Gaussian is fitted on at least."""


def error_rows(
    series: TrainingSeries, inputs: Callable[[Segment], np.ndarray]
) -> Iterator[np.ndarray]:
    """Yields stretches of the rows before the held-out ones, one segment after the other.

    Args:
        series: The training rows.
        inputs: From a segment to what the detector is fed, `(rows, inputs)`.
    """
    cut = len(series.values) - series.held_out_rows
    for (start, end), segment in zip(series.ranges, series.segments, strict=True):
        rows = min(end, cut) - start
        if rows < 1:
            break
        yield from _stretches(inputs(segment)[:rows], ERROR_ROWS * rows // cut)


def _stretches(inputs: np.ndarray, most: int) -> list[np.ndarray]:
    """Returns the rows, or stretches evenly spread over them that have `most` rows together."""
    length = 10_000
    if len(inputs) <= max(most, length):
        return [inputs]
    starts = np.linspace(0, len(inputs) - length, max(1, most // length)).astype(int)
    return [inputs[start : start + length] for start in starts]
