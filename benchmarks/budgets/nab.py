"""Does a false-alarm budget hold on NAB? Events on normal parts that no detector has seen.

Of each series the longest stretch without a labelled window: the first half trains, the second half
is counted. Most stretches are too short for their own verdict, so that all of a kind together
matter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console

from benchmarks.budgets.pump import Found, verdicts
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
    """Returns every variant with each seed, seed by seed."""
    long = [
        (load(file.name), start, end)
        for file in files()
        for start, end in [stretch(file)]
        if end - start >= FEWEST_ROWS
    ]
    return [
        Planned(
            keys={"detector": variant, "seed": seed},
            trained=tuple(case(variant, *rows, seed=seed) for rows in long),
        )
        for seed in range(session.options.seeds)
        for variant in session.options.names
    ]


def case(variant: str, series: Series, start: int, end: int, *, seed: int) -> Case:
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
    """Counts the events of all stretches whose case did not fail."""
    found = [(case, session.scored(case)) for case in one.trained]
    rows = [row for case, scored in found if not scored.error for row in counted(case, scored)]
    summed = [{**one.keys, **row} for row in totals(rows)]
    return {"budget_nab": summed, "budget_nab_series": rows}


def totals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns sums over the stretches, those with an extrapolated threshold by themselves."""
    if not rows:
        return []
    table = pd.DataFrame(rows)
    table["by_sample"] = table["times_allowed_by_sample"] * table["allowed"]
    table["came"] = table["times_allowed"] * table["allowed"]
    table["days_in_events"] = table["time_in_events"] * table["days"]
    groups = table.groupby(["policy", "budget", "extrapolated"])
    sums = groups[["days", "allowed", "came", "events", "days_in_events", "by_sample"]].sum()
    sums["stretches"], sums["held"] = groups.size(), groups["holds"].sum()
    return [{str(k): v for k, v in row.items()} for row in sums.reset_index().to_dict("records")]


def counted(case: Case, scored: Scored) -> list[dict[str, object]]:
    """Returns how the budgets held on the rows after the training."""
    ((start, end),) = case.parts
    unseen = case.train[1] - start
    severity = scored.parts[0]["severity"]
    days = (end - case.train[1]) * scored.metadata.period_s / 86_400

    def count(threshold: float, policy: AlarmPolicy) -> Found:
        events = [one for one in event_ranges(severity, threshold, policy) if one[0] >= unseen]
        steps = sum(last - first for first, last in events)
        return Found(len(events), steps / (end - case.train[1]))

    keys = {"detector": case.variant, "series": case.series, "seed": case.seed}
    common = {**keys, "training": TRAINING, "variant": case.variant, "days": days}
    return [{**common, **row} for row in verdicts(scored.metadata, count, days=days)]


def show(tables: Tables, console: Console) -> None:
    """Prints what came and what was allowed, all stretches together."""
    groups = tables["budget_nab"].groupby(["detector", "policy", "budget"], sort=False)
    summary = groups[["days", "allowed", "came", "events", "days_in_events"]].sum()
    summary["came / allowed"] = summary["came"] / summary["allowed"]
    summary["time in events"] = summary.pop("days_in_events") / summary["days"]
    sums = groups[["held", "stretches", "by_sample"]].sum()
    summary["held"] = sums["held"] / sums["stretches"]
    summary["by sample"] = sums["by_sample"] / summary["allowed"]
    console.print(summary.round(2).to_string(), highlight=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"budget_nab": ("detector", "seed", "policy", "budget", "extrapolated")},
    details={"budget_nab_series": ("detector", "series", "seed", "policy", "budget")},
    default=DEFAULT,
    trains_here=True,
)
