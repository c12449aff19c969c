"""Events by an alarm policy, for whole series and many thresholds."""

from collections.abc import Sequence

import numpy as np

from runtime.alarms.episodes import Episodes
from runtime.model.policy import AlarmPolicy

_BLOCK = 512


def event_ranges(
    severity: np.ndarray, threshold: float, policy: AlarmPolicy
) -> list[tuple[int, int]]:
    """Returns the half-open row ranges of the events, by `runtime`."""
    rows = len(severity)
    episodes = Episodes(policy, threshold)
    pieces = episodes.update(severity, numbers=np.arange(rows), restart=np.zeros(rows, bool))
    last = episodes.finish()
    kept = [piece.is_kept for piece in pieces]
    if last is not None:
        kept[-1] = last.is_kept
    return [
        (piece.rows[0], piece.rows[-1] + 1)
        for piece, is_kept in zip(pieces, kept, strict=True)
        if is_kept
    ]


def alerts(score: np.ndarray, threshold: float, policy: AlarmPolicy) -> np.ndarray:
    """Returns the rows in which `runtime` opens an event, much faster than it does.

    Args:
        score: `(rows,)`; what the threshold applies to.
        threshold: Opens an event, before habituation; nothing does where it is infinite.
        policy: Refractory time, longest duration and habituation; the event ends below the
            threshold itself.
    """
    score = np.asarray(score, "float64")
    rows = np.flatnonzero(score >= threshold)
    values = score[rows]
    run_ends = np.append(np.flatnonzero(np.diff(rows) > 1), len(rows) - 1)
    found: list[int] = []
    opened, memory, at = 0, 0.0, 0
    while at < len(rows):
        if found:
            at = max(at, int(np.searchsorted(rows, opened + policy.refractory_steps)))
            if policy.habituation_steps:
                rise = policy.habituation_rise * memory
                at = _first_above(
                    values, rows, at, threshold, rise, opened, policy.habituation_steps
                )
        if at >= len(rows):
            break
        row = int(rows[at])
        if policy.habituation_steps:
            kept = memory * 2.0 ** -((row - opened) / policy.habituation_steps) if memory else 0.0
            memory = 1.0 + kept
        opened = row
        found.append(row)
        at = int(run_ends[np.searchsorted(run_ends, at)]) + 1
        if policy.max_duration_steps:
            at = min(at, int(np.searchsorted(rows, row + policy.max_duration_steps)))
    return np.array(found, int)


def _first_above(
    values: np.ndarray,
    rows: np.ndarray,
    at: int,
    threshold: float,
    rise: float,
    opened: int,
    half_life: int,
) -> int:
    """Returns the first place from `at` on whose value reaches the falling level."""
    size = _BLOCK
    while at < len(rows):
        age = (rows[at : at + size] - opened) / half_life
        reached = np.flatnonzero(values[at : at + size] >= threshold * (1 + rise * 2.0**-age))
        if len(reached):
            return at + int(reached[0])
        at, size = at + size, 2 * size
    return at


def threshold_grid(scores: Sequence[np.ndarray], *, count: int = 400) -> np.ndarray:
    """Returns thresholds over a corpus, falling: infinity, then scores evenly in log-frequency.

    NAB itself tries every score; the best of 800 thresholds is within 0.2 of the best of 400.

    Args:
        scores: Of each series.
        count: How many; fewer where there are fewer scores above 0.
    """
    pooled = np.sort(np.concatenate(scores).astype("float64"))
    levels = np.unique(pooled[pooled > 0])[::-1]
    reached = len(pooled) - np.searchsorted(pooled, levels)
    levels = levels[: max(int(np.searchsorted(reached, 0.3 * len(pooled))), count)]
    last = max(reached[len(levels) - 1], 1) if len(levels) else 0
    wanted = np.geomspace(1, last, count - 1) if len(levels) else np.empty(0)
    places = np.unique(np.searchsorted(reached[: len(levels)], wanted))
    # Where many rows score the same, few levels have all the frequencies: more of the levels.
    missing = count - 1 - len(places)
    if missing > 0:
        evenly = np.linspace(0, len(levels) - 1, min(missing, len(levels))).astype(int)
        places = np.unique(np.concatenate([places, evenly]))
    return np.append(np.inf, levels[places.astype(int)])
