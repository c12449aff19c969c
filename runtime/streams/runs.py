"""Rows of many streams, sorted by stream: which of them are of the same stream."""

import numpy as np
import numpy.typing as npt

__all__ = ["places_within", "runs_of"]

Numbers = npt.NDArray[np.intp]


def places_within(numbers: Numbers) -> Numbers:
    """Returns the place of each row among those of its stream: intp (rows,).

    Args:
        numbers: Of the rows' streams, sorted (rows,).
    """
    again = numbers[1:] == numbers[:-1]
    if not again.any():
        return np.zeros(len(numbers), np.intp)
    place = np.arange(len(numbers))
    begins = np.concatenate([[0], np.where(again, 0, place[1:])])
    return place - np.maximum.accumulate(begins)


def runs_of(within: Numbers) -> list[Numbers]:
    """Returns the rows of streams that have as many of them: intp (streams, steps) for each number.

    Args:
        within: See `places_within`; at least one row.
    """
    firsts = np.flatnonzero(within == 0)
    counts = np.diff(firsts, append=len(within))
    return [firsts[counts == steps, None] + np.arange(steps) for steps in np.unique(counts)]
