"""Does a false-alarm budget hold on NAB? Events on normal parts that no detector has seen.

Of each series the longest stretch without a labelled window: the first half trains, the second half
is counted. Most stretches are too short for their own verdict, so that all of a kind together
matter.
"""

import numpy as np
from rich.console import Console

from benchmarks.budgets.pump import verdicts
from benchmarks.detection import nab
from benchmarks.detection.alerts import event_ranges
from benchmarks.detection.nab_corpus import File, files
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case, Scored
from datasets import Series, load
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


def plan(session: Session) -> list[Planned]:
    """Returns all cases, seed by seed."""
    long = [
        (load(file.name), start, end)
        for file in files()
        for start, end in [stretch(file)]
        if end - start >= FEWEST_ROWS
    ]
    cases = [
        case(variant, series, seed, start, end)
        for seed in range(session.options.seeds)
        for variant in session.options.names
        for series, start, end in long
    ]
    return [Planned(keys=case.keys, trained=(case,)) for case in cases]


def case(variant: str, series: Series, seed: int, start: int, end: int) -> Case:
    """Returns one case, of a normal stretch of rows."""
    return Case.of(
        "budget_nab",
        variant,
        series,
        seed,
        settings=nab.settings((end - start) // 2),
        train=(start, (start + end) // 2),
        parts=((start, end),),
        context=True,
    )


def measure(one: Planned, session: Session) -> Rows:
    """Counts the events of a case, if it did not fail."""
    (case,) = one.trained
    scored = session.scored(case)
    return {"budget_nab": [] if scored.error else counted(case, scored)}


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


def show(tables: Tables, console: Console) -> None:
    """Prints events and what was allowed, all stretches together."""
    table = tables["budget_nab"]
    groups = table.groupby(["detector", "policy", "budget"], sort=False)
    summary = groups[["days", "allowed", "events"]].sum()
    summary["events / allowed"] = summary["events"] / summary["allowed"]
    summary["held"] = groups["holds"].mean()
    by_sample = (table["times_allowed_by_sample"] * table["allowed"]).groupby(
        [table["detector"], table["policy"], table["budget"]], sort=False
    )
    summary["by sample"] = by_sample.sum() / summary["allowed"]
    console.print(summary.round(2).to_string(), highlight=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"budget_nab": ("detector", "series", "seed", "policy", "budget")},
    default=DEFAULT,
    trains_here=True,
)
