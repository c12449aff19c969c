"""Does a false-alarm budget hold on NAB? Events on normal parts that no detector has seen.

Of each series the longest stretch without a labelled window: the first half trains, the second half
is counted. Most stretches are too short for their own verdict, so that all of a kind together
matter.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.budgets.pump import verdicts
from benchmarks.detection import nab
from benchmarks.detection.alerts import event_ranges
from benchmarks.detection.judging import measure
from benchmarks.detection.nab_corpus import File, files
from benchmarks.protocol.cases import Case, Scored
from benchmarks.protocol.jobs import Effort
from benchmarks.protocol.results_file import ResultsFile
from datasets import load
from runtime.model.policy import AlarmPolicy

DEFAULT = ["gaussian"]
FEWEST_ROWS = 1500
"""Shorter stretches are left out."""
TRAINING = "first half of a normal stretch"


def stretch(file: File) -> tuple[int, int]:
    """Returns the longest stretch of rows without a labelled window."""
    starts = [0, *(end for _, end in file.windows)]
    ends = [*(start for start, _ in file.windows), file.rows]
    return max(zip(starts, ends, strict=True), key=lambda rows: rows[1] - rows[0])


def plan(variants: Sequence[str], seeds: int) -> list[Case]:
    """Returns all cases, seed by seed."""
    long = [
        (load(file.name), start, end)
        for file in files()
        for start, end in [stretch(file)]
        if end - start >= FEWEST_ROWS
    ]
    return [
        Case.of(
            "budget_nab",
            variant,
            series,
            seed,
            settings=nab.settings((end - start) // 2),
            train=(start, (start + end) // 2),
            parts=((start, end),),
            context=True,
        )
        for seed in range(seeds)
        for variant in variants
        for series, start, end in long
    ]


def run(*, variants: Sequence[str], seeds: int, effort: Effort, console: Console) -> pd.DataFrame:
    """Trains, scores and counts what is not in the results yet."""
    keys = ("detector", "series", "seed", "policy", "budget")
    results = ResultsFile("budget_nab", keys)
    for case, scored in measure(plan(variants, seeds), results, effort, console):
        if scored.error is None:
            results.replace(counted(case, scored))
    return results.table


def counted(case: Case, scored: Scored) -> list[dict[str, object]]:
    """Returns how the budgets held on the rows after the training."""
    ((start, end),) = case.parts
    unseen = case.train[1] - start
    severity = scored.parts[0]["severity"]
    days = (end - case.train[1]) * scored.metadata.period_s / 86_400

    def count(threshold: float, policy: AlarmPolicy) -> int:
        opened = np.array([first for first, _ in event_ranges(severity, threshold, policy)])
        return int((opened >= unseen).sum())

    keys = {"detector": case.variant, "series": case.series, "seed": case.seed}
    common = {**keys, "training": TRAINING, "variant": case.variant, "days": days}
    return [{**common, **row} for row in verdicts(scored.metadata, count, days=days)]


def show(table: pd.DataFrame, console: Console) -> None:
    """Prints events and what was allowed, all stretches together."""
    groups = table.groupby(["detector", "policy", "budget"], sort=False)
    summary = groups[["days", "allowed", "events"]].sum()
    summary["events / allowed"] = summary["events"] / summary["allowed"]
    summary["held"] = groups["holds"].mean()
    by_sample = (table["times_allowed_by_sample"] * table["allowed"]).groupby(
        [table["detector"], table["policy"], table["budget"]], sort=False
    )
    summary["by sample"] = by_sample.sum() / summary["allowed"]
    console.print(summary.round(2).to_string(), highlight=False)
