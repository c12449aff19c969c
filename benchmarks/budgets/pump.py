"""Does a false-alarm budget hold? Events on a year of normal data that no detector has seen.

A synthetic pump without faults: a detector is trained on its first days, exported, and a year
after them is streamed through `runtime`. Every budget and policy is set on the same file, as on a
gateway.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.streaming import events_of, streamed
from kad.detectors import detector_names
from runtime.alarms.budget import BudgetThreshold, event_threshold, severity_threshold
from runtime.alarms.budget_text import parse_budget
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata

PERIOD_S = 300
UNSEEN_DAYS = 365
TRAINING_DAYS = (14, 28, 180)
POLICIES: dict[str, dict[str, Any]] = {
    "default": {},
    "refractory 4h, merge gap 30min": {"refractory": "4h", "merge_gap": "30min"},
    "habituation 1day": {"habituation": "1day"},
}
BUDGETS = {"1/day": 1.0, "1/week": 1 / 7, "1 % of time": 0.01}
"""What each allows: events a day, or a share of the time."""


def plan(session: Session) -> list[Planned]:
    """Returns every detector, trained on so many days of so many pumps."""
    return [
        Planned(keys={"detector": detector, "training": f"{days} days", "seed": seed})
        for detector in session.options.names
        for days in TRAINING_DAYS
        for seed in range(session.options.seeds)
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Trains a detector and counts a year's events. A file that ONNX refuses has no rows."""
    from kad.config import build_config
    from kad.pump import pump
    from kad.runs.train import train

    days, seed = int(one.keys["training"].split()[0]), one.keys["seed"]
    rows = days * 86_400 // PERIOD_S
    frame, _ = pump(days=days + UNSEEN_DAYS, period_s=PERIOD_S, seed=seed, faults=False)
    config = build_config(
        detector=one.keys["detector"],
        overrides={"training": {"seed": seed}},
    )
    with tempfile.TemporaryDirectory() as folder:
        trained = train(config, frame.iloc[:rows], out=Path(folder) / "run")
        found = _events(session.exporter.export(trained.folder), frame.iloc[rows:])
    return {"budget": [{**one.keys, **row} for row in found]}


def _events(file: Path, frame: pd.DataFrame) -> list[dict[str, Any]]:
    meta, scores = streamed(file, frame)

    def count(threshold: float, policy: AlarmPolicy) -> Found:
        events = events_of(meta, scores, threshold, policy)
        return Found(len(events), sum(event.steps for event in events) / len(scores))

    return verdicts(meta, count, days=UNSEEN_DAYS)


class Found(NamedTuple):
    """What a threshold gives on unseen normal rows."""

    events: int
    time: float
    """Share of the rows in events."""


def verdicts(
    meta: Metadata, count: Callable[[float, AlarmPolicy], Found], *, days: float
) -> list[dict[str, Any]]:
    """Returns how each budget held under each policy.

    Args:
        meta: Of the detector file.
        count: Finds the events of unseen rows at a threshold under a policy.
        days: Time that these rows cover.
    """
    rows = []
    for name, options in POLICIES.items():
        policy = meta.alarm.changed(meta.period_s, **options)
        for budget, per_day in BUDGETS.items():
            found = event_threshold(
                budget, period_s=meta.period_s, calibration=meta.calibration, policy=policy
            )
            by_sample = severity_threshold(budget, meta.period_s)
            allowed = per_day * days
            events, share = count(found.threshold, policy)
            came = _came(Found(events, share), budget, days)
            low, high = _interval(found, per_day)
            rows.append(
                {
                    "policy": name,
                    "budget": budget,
                    "allowed": allowed,
                    "events": events,
                    "time_in_events": share,
                    "times_allowed": came / allowed,
                    "holds": 0.5 <= came / allowed <= 2,
                    "low": low,
                    "high": high,
                    "inside": low <= came / allowed <= high,
                    "threshold": found.threshold,
                    "allowed_in_calibration": found.expected,
                    "extrapolated": found.is_extrapolated,
                    "index": found.index,
                    "threshold_by_sample": by_sample,
                    "times_allowed_by_sample": _came(count(by_sample, policy), budget, days)
                    / allowed,
                }
            )
    return rows


def _came(found: Found, budget: str, days: float) -> float:
    """Returns what a budget counts: events, or days in events."""
    return found.time * days if _is_time(budget) else found.events


def _interval(found: BudgetThreshold, allowed: float) -> tuple[float, float]:
    """Returns within which multiples of what is allowed a day it should lie in 4 of 5 cases."""
    events, time = found.events_per_s, found.time_share
    if events is None or time is None:
        return np.nan, np.nan
    if _is_time(found.false_alarms):
        return time.low / allowed, time.high / allowed
    return 86_400 * events.low / allowed, 86_400 * events.high / allowed


def _is_time(budget: str) -> bool:
    return parse_budget(budget).share is not None


def show(tables: Tables, console: Console) -> None:
    """Prints how many times what was allowed there was: lowest, median and highest seed."""
    table = tables["budget"]
    by = ["detector", "training", "policy", "budget", "extrapolated"]
    groups = table.groupby(by, sort=False)
    summary = groups["times_allowed"].agg(["min", "median", "max"])
    summary["held"] = groups["holds"].mean()
    summary["inside"] = groups["inside"].mean()
    summary["time in events"] = groups["time_in_events"].median()
    summary["by sample"] = groups["times_allowed_by_sample"].median()
    console.print(summary.round(2).to_string())


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"budget": ("detector", "training", "seed", "policy", "budget")},
    default=("gaussian",),
    known=detector_names(),
    trains_here=True,
)
