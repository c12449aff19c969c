"""What all benchmarks do with finished cases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.detection.alerts import event_ranges
from benchmarks.protocol import cases as cached
from benchmarks.protocol.cases import Case, Scored
from benchmarks.protocol.jobs import Effort, finish
from benchmarks.protocol.results_file import ResultsFile
from kad.metrics import evaluate
from runtime.alarms.budget import severity_threshold
from runtime.model.policy import AlarmPolicy

RANDOM = "uniform random"
BUDGET = "1/week"
"""For which a random score alarms as often as it is allowed to."""


def complete(
    planned: Sequence[Case], *, stale: bool = False
) -> dict[tuple[str, int], list[Scored]]:
    """Returns the scores of every variant and seed of which all series are finished."""
    groups: dict[tuple[str, int], list[Case]] = {}
    for case in planned:
        groups.setdefault((case.variant, case.seed), []).append(case)
    found = {key: [s for _, s in cached.each(group, stale=stale)] for key, group in groups.items()}
    return {key: scored for key, scored in found.items() if len(scored) == len(groups[key])}


def unmeasured(planned: Sequence[Case], results: ResultsFile, effort: Effort) -> list[Case]:
    """Returns the cases without a row in a table with one or more rows for each."""
    if effort.fresh:
        return list(planned)
    measured = results.table
    if effort.retry and "failed" in measured:
        measured = measured[measured["failed"].isna()]
    names = ("variant", "case" if "case" in measured else "series", "seed")
    done = (
        set()
        if measured.empty
        else set(zip(*(measured[n].astype(str) for n in names), strict=True))
    )
    return [case for case in planned if tuple(map(str, case.keys.values())) not in done]


def measure(
    planned: Sequence[Case], results: ResultsFile, effort: Effort, console: Console
) -> list[tuple[Case, Scored]]:
    """Trains and scores the cases without a row in a table, and returns them."""
    todo = unmeasured(planned, results, effort)
    finish(todo, effort, console)
    return list(cached.each(todo, stale=effort.stale))


def by_chance(
    labels: Sequence[tuple[int, int]], keep: np.ndarray, *, period_s: float, seed: int = 0
) -> dict[str, Any]:
    """Returns every metric of a uniform random score.

    Args:
        labels: Half-open row ranges.
        keep: bool `(rows,)`: rows that count.
        period_s: Seconds from one row to the next.
        seed: Of the score.
    """
    score = np.random.default_rng(seed).random(len(keep))
    severity, threshold = -np.log10(1 - score), severity_threshold(BUDGET, period_s)
    return evaluate(
        score,
        labels,
        detected=severity >= threshold,
        events=event_ranges(severity, threshold, AlarmPolicy()),
        keep=keep,
        period_s=period_s,
    )


def evaluated(
    scored: Scored,
    labels: Sequence[tuple[int, int]],
    *,
    score: np.ndarray | None = None,
    keep: np.ndarray | None = None,
    period_s: float = 1.0,
) -> dict[str, Any]:
    """Returns every metric of the first part of a case, and its costs.

    The default threshold and the alarm policy are the file's.

    Args:
        scored: What the case gave.
        labels: Half-open row ranges.
        score: Instead of the detector's score.
        keep: Rows that count.
        period_s: Seconds from one row to the next.
    """
    meta, part = scored.metadata, scored.parts[0]
    return {
        **evaluate(
            part["score"] if score is None else score,
            labels,
            detected=part["severity"] >= meta.threshold,
            events=event_ranges(part["severity"], meta.threshold, meta.alarm),
            keep=keep,
            period_s=period_s,
        ),
        "threshold": meta.threshold,
        **scored.costs(),
    }
