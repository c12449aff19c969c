"""Ranges of rows, and precision and recall that count ranges."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from kad.metrics.points import PrecisionRecall
from runtime.errors import InputError

__all__ = [
    "Ranges",
    "check_ranges",
    "keep_rows",
    "range_based",
    "to_mask",
    "to_ranges",
    "windows_to_ranges",
]

Ranges = Sequence[tuple[int, int]]
"""Half-open ranges of rows, in order, without overlap."""
Bias = Literal["flat", "front", "middle", "back"]


def to_ranges(mask: np.ndarray) -> list[tuple[int, int]]:
    """Returns the half-open ranges of rows that are True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype("int8"), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def windows_to_ranges(
    windows: Sequence[tuple[int, int]], times_ns: np.ndarray, *, around_ns: int = 0
) -> list[tuple[int, int]]:
    """Returns the half-open ranges of rows that lie in windows of time, overlapping ones as one.

    Args:
        windows: Start and end of each, both inside, in nanoseconds.
        times_ns: Time of each row, `(rows,)`.
        around_ns: How far outside of a window a row still counts.
    """
    found: list[tuple[int, int]] = []
    for start, end in windows:
        mask = (times_ns >= start - around_ns) & (times_ns <= end + around_ns)
        found += to_ranges(mask)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def to_mask(ranges: Ranges, rows: int) -> np.ndarray:
    """Returns bool `(rows,)`, True inside the ranges."""
    mask = np.zeros(rows, bool)
    for start, end in ranges:
        mask[start:end] = True
    return mask


def keep_rows(ranges: Ranges, keep: np.ndarray) -> list[tuple[int, int]]:
    """Returns where ranges lie once only the rows of a mask are kept; empty ones are dropped."""
    place = np.concatenate([[0], np.cumsum(keep)])
    kept = [(int(place[start]), int(place[end])) for start, end in ranges]
    return [(start, end) for start, end in kept if start < end]


def check_ranges(ranges: Ranges, rows: int) -> None:
    """Raises InputError unless ranges are half-open, in order, apart, and inside the rows."""
    bounds = np.asarray(ranges, int).ravel()
    inside = not bounds.size or (bounds[0] >= 0 and bounds[-1] <= rows)
    if not inside or (np.diff(bounds) < 0).any() or (bounds[::2] == bounds[1::2]).any():
        raise InputError(
            f"Ranges must be half-open, (start, end), in order, without overlap, within {rows} "
            f"rows. Received: {list(ranges)[:5]}."
        )


def range_based(
    detected: Ranges,
    labels: Ranges,
    *,
    existence: float = 0.0,
    fragments: Literal["reciprocal", "one"] = "reciprocal",
    bias: Bias = "flat",
) -> PrecisionRecall:
    """Precision and recall in which every range counts the same, however long it is.

    The recall of a labelled range is the share of it that was detected, divided by the number of
    detected ranges that share consists of; precision is the same with both sides exchanged.

    Args:
        detected: Detected ranges.
        labels: Labelled ranges.
        existence: Share of the recall that one detected row is worth, 0 to 1 (the paper's α).
        fragments: `reciprocal` divides as said, `one` does not (the paper's γ).
        bias: Which rows of a range weigh more (the paper's δ); precision is always flat.

    Reference: N. Tatbul, T. J. Lee, S. Zdonik, M. Alam, J. Gottschlich (2018), "Precision and
    Recall for Time Series", NeurIPS.
    """
    recall = _overlap(labels, detected, fragments=fragments, bias=bias)
    found = _overlap(labels, detected, fragments="one", bias="flat") > 0
    precision = _overlap(detected, labels, fragments=fragments, bias="flat")
    return PrecisionRecall(
        mean_of_known(precision), mean_of_known(existence * found + (1 - existence) * recall)
    )


def _overlap(ranges: Ranges, others: Ranges, *, fragments: str, bias: Bias) -> np.ndarray:
    """Returns how much of each range the others cover, 0 to 1."""
    if not ranges or not others:
        return np.zeros(len(ranges))
    starts, ends = np.asarray(ranges).T
    other_starts, other_ends = np.asarray(others).T
    first = np.searchsorted(other_ends, starts, side="right")
    last = np.searchsorted(other_starts, ends, side="left")
    count = np.maximum(last - first, 0)
    mask = to_mask(others, int(max(ends.max(), other_ends.max())))
    rows = np.concatenate([[0], np.cumsum(mask)])
    places = np.concatenate([[0], np.cumsum(mask * np.arange(len(mask)))])

    def rising(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The covered rows' places in their range, from 1, summed."""
        sums = (places[end] - places[start]) - (start - 1) * (rows[end] - rows[start])
        return np.asarray(sums)

    length = ends - starts
    half = starts + length // 2
    covered = rows[ends] - rows[starts]
    falling = (length + 1) * covered - rising(starts, ends)
    every = length * (length + 1) / 2
    if bias == "flat":
        share = covered / length
    elif bias == "back":
        share = rising(starts, ends) / every
    elif bias == "front":
        share = falling / every
    else:
        right = rows[ends] - rows[half]
        down = (length + 1 - length // 2) * right - rising(half, ends)
        low, high = length // 2, length - length // 2
        share = (rising(starts, half) + down) / (low * (low + 1) / 2 + high * (high + 1) / 2)
    return np.asarray(share / np.maximum(count, 1) if fragments == "reciprocal" else share)


def mean_of_known(values: np.ndarray) -> float:
    """Returns the mean of what is not NaN; NaN where everything is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
