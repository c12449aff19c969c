"""Faults that lie between sensors, with and without channels that hardly vary beside them.

Pumps as in `faults`, with two of each of these instead: one sensor shows its own readings of some
hours before (a broken correlation within each one's usual levels), one repeats its last reading,
one reads 0, and a drift that all have in common. Each pump is also measured with four channels
that say next to nothing in training, and that change afterwards while the pump is normal.
"""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.detection.faults import DAYS, PERIOD_S, TRAINING_ROWS, judged
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from kad.detectors import detector_names

KINDS = ("broken_correlation", "stuck", "dead", "common_drift")
COUNT = 2 * len(KINDS)
FIRST_PUMP = 20
"""Others than those of `faults`."""
PUMP, HARDLY_VARYING = "five", "nine, four hardly vary"


def plan(session: Session) -> list[Planned]:
    """Returns every detector, pump by pump, without and with the four channels."""
    return [
        Planned(keys={"detector": detector, "seed": seed, "channels": channels})
        for seed in range(FIRST_PUMP, FIRST_PUMP + session.options.seeds)
        for detector in session.options.names
        for channels in (PUMP, HARDLY_VARYING)
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Returns what is found at each budget."""
    from kad.pump import pump

    seed = one.keys["seed"]
    frame, faults = pump(days=DAYS, period_s=PERIOD_S, seed=seed, kinds=KINDS, fault_count=COUNT)
    if one.keys["channels"] == HARDLY_VARYING:
        frame = with_hardly_varying(frame, seed=seed)
    rows = judged(one.keys["detector"], frame, faults, seed=seed, exporter=session.exporter)
    return {"multichannel": [{**one.keys, **row, **_missed(row)} for row in rows]}


def _missed(row: dict[str, Any]) -> dict[str, int]:
    missed = row["missed"].split()
    return {f"missed_{kind}": missed.count(kind) for kind in KINDS}


def with_hardly_varying(frame: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Adds four channels.

    `level` is 0.999 and rounding; `switch` is 0 but for one row of the training, and later for one
    row in 500; `supply` is 24 and flickers between 24.0 and 24.1 from the training's end on;
    `valve` is 1 throughout.

    Args:
        frame: Readings of which the first `TRAINING_ROWS` train.
        seed: Of the noise.
    """
    rng = np.random.default_rng((seed, 1))
    rows = len(frame)
    is_later = np.arange(rows) >= TRAINING_ROWS
    switch = np.where(is_later & (rng.random(rows) < 1 / 500), 1.0, 0.0)
    switch[TRAINING_ROWS // 2] = 1.0
    return frame.assign(
        level=0.999 + 1.1e-16 * rng.integers(-2, 3, rows),
        switch=switch,
        supply=24.0 + 0.1 * (is_later & (rng.random(rows) < 0.5)),
        valve=1.0,
    )


def show(tables: Tables, console: Console) -> None:
    """Prints sums over the pumps, and the mean share of normal rows in events."""
    groups = tables["multichannel"].groupby(["detector", "channels", "budget"], sort=False)
    sums = ["faults", "found", "outside", *(f"missed_{kind}" for kind in KINDS)]
    summary = groups[sums].sum()
    means = ["normal_in_events", "vus_pr"]
    summary[means] = groups[means].mean()
    console.print(summary.round(3).to_string(), highlight=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"multichannel": ("detector", "seed", "channels", "budget")},
    default=("gaussian", "memory", "rnn", "vae-lstm", "ensemble"),
    known=detector_names(),
    trains_here=True,
)
