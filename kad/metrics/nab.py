"""The scores of the Numenta Anomaly Benchmark: early detections earn, false alarms cost."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from runtime.errors import InputError

__all__ = ["NAB_PROFILES", "NABProfile", "NABScore", "NABSeries", "nab_scores", "nab_worth"]


class NABProfile(NamedTuple):
    """What detections are worth."""

    hit: float
    """Of the first row of a window; later rows of the window earn less."""
    false_alarm: float
    """Cost of a row far from any window; rows soon after a window cost less."""
    miss: float
    """Cost of a window without detection."""


NAB_PROFILES: Mapping[str, NABProfile] = {
    "standard": NABProfile(1.0, 0.11, 1.0),
    "reward_low_FP_rate": NABProfile(1.0, 0.22, 1.0),
    "reward_low_FN_rate": NABProfile(1.0, 0.11, 2.0),
}
"""The benchmark's three profiles."""


class NABSeries(NamedTuple):
    """One scored series."""

    score: np.ndarray
    """`(rows,)`, higher is more anomalous; no NaN."""
    windows: Sequence[tuple[int, int]]
    """Half-open row ranges of the labelled windows, in order, without overlap."""
    probation: int | None = None
    """First rows, which do not count; NAB's 15 %, at most 750, where not given."""


class NABScore(NamedTuple):
    """One profile's result."""

    score: float
    """100 for every window found in its first row and no false alarm, 0 for silence."""
    threshold: float
    """Score at or above which a row counts as detected; infinite for silence."""


def nab_scores(
    corpus: Iterable[NABSeries], *, thresholds: Mapping[str, float] | None = None
) -> dict[str, NABScore]:
    """Scores a detector on a corpus, with one threshold for all its series.

    A window earns what the best of its detections earns, which is the earliest; every detection
    outside windows costs, so a detector should report an anomaly once, not in every row.

    Args:
        corpus: The scored series.
        thresholds: Threshold per profile. Where not given, each profile's is the one with the
            highest score: chosen with the labels in view, as in the benchmark's published
            figures.

    Returns:
        The score per profile; NaN where the corpus has no window after the probation.

    Raises:
        InputError: NaN scores, or windows that overlap or lie outside the rows.

    Reference: A. Lavin, S. Ahmad (2015), "Evaluating Real-time Anomaly Detection Algorithms: the
    Numenta Anomaly Benchmark", ICMLA, and the benchmark's v1.1 scorer, whose figures these are.
    """
    rows = _Rows.of(corpus)
    results = {}
    for name, profile in NAB_PROFILES.items():
        levels, totals = rows.sweep(profile)
        best = int(np.argmax(totals))
        if thresholds is not None:
            best = int(np.searchsorted(-levels, -thresholds[name], side="right")) - 1
        threshold = levels[best] if thresholds is None else thresholds[name]
        if rows.windows:
            mean = totals[best] / len(rows.windows)
            score = 100 * (mean + profile.miss) / (profile.hit + profile.miss)
        else:
            score = float("nan")
        results[name] = NABScore(float(score), float(threshold))
    return results


class _Rows(NamedTuple):
    """The rows of all series that count, one series after the other."""

    score: np.ndarray
    worth: np.ndarray
    """Of a detection, by its place: 1 to 0 in a window, 0 to −1 after one."""
    windows: list[tuple[int, int]]

    @classmethod
    def of(cls, corpus: Iterable[NABSeries]) -> "_Rows":
        scores, worths, windows = [np.empty(0)], [np.empty(0)], []
        done = 0
        for series in corpus:
            score = np.asarray(series.score, "float64")
            rows = len(score)
            _check(score, series.windows)
            probation = series.probation
            if probation is None:
                probation = min(int(0.15 * rows), 750)
            scores.append(score[probation:])
            worths.append(nab_worth(rows, series.windows)[probation:])
            shift = done - probation
            windows += [
                (max(start, probation) + shift, end + shift)
                for start, end in series.windows
                if end > probation
            ]
            done += rows - probation
        return cls(np.concatenate(scores), np.concatenate(worths), windows)

    def sweep(self, profile: NABProfile) -> tuple[np.ndarray, np.ndarray]:
        """Returns all thresholds, falling from infinity, and the total at each."""
        order = np.argsort(-self.score, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        gain = (self.worth * profile.false_alarm)[order]
        for start, end in self.windows:
            places = np.sort(rank[start:end])
            earned = profile.hit * self.worth[order[places]]
            best = np.maximum.accumulate(np.concatenate([[-profile.miss], earned]))
            gain[places] = np.diff(best)
        level = self.score[order]
        is_last = np.append(level[1:] != level[:-1], True)[: len(level)]
        silence = -profile.miss * len(self.windows)
        totals = silence + np.cumsum(gain)[is_last]
        return np.append(np.inf, level[is_last]), np.append(silence, totals)


def nab_worth(rows: int, windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """Returns what a detection is worth by its row, before the factors of a profile.

    Args:
        rows: Rows of the series.
        windows: Half-open row ranges of the labelled windows, in order, without overlap.

    Returns:
        `(rows,)`: 1 falling to 0 in a window, 0 to −1 after it, −1 elsewhere.
    """
    worth = np.full(rows, -1.0)
    for number, (start, end) in enumerate(windows):
        width = end - start
        worth[start:end] = _sigmoid((np.arange(start, end) - end) / width) / _sigmoid(-1.0)
        until = windows[number + 1][0] if number + 1 < len(windows) else rows
        past = (np.arange(end, until) - (end - 1)) / max(width - 1, 1)
        worth[end:until] = np.where(past < 3.0, _sigmoid(past), -1.0)
    return worth


def _sigmoid(place: float | np.ndarray) -> np.ndarray:
    """Falls from 1 far before 0 over 0 at 0 to −1: 2 / (1 + exp(5 x)) − 1."""
    return np.asarray(-np.tanh(2.5 * np.asarray(place)))


def _check(score: np.ndarray, windows: Sequence[tuple[int, int]]) -> None:
    if np.isnan(score).any():
        raise InputError("Scores must be numbers. Received: NaN.")
    bounds = [bound for window in windows for bound in window]
    inside = not bounds or (bounds[0] >= 0 and bounds[-1] <= len(score))
    if not inside or bounds != sorted(bounds) or any(start == end for start, end in windows):
        raise InputError(
            f"Windows must be half-open ranges of {len(score)} rows, in order, without overlap. "
            f"Received: {list(windows)}."
        )
