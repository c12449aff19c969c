"""The UCR anomaly archive: does the highest score lie within 100 rows of the one anomaly?

A detector trains on a series' training rows; its exported file then scores the series from its
first row in one stream, and only the test rows count. DISTORTED and NOISE series repeat an anomaly,
so that 98 series have 42 different ones, and large families must not decide: the mean over families
of the share of hits stands beside the hits.
"""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.detection.anchors import (
    DIFFERENCE,
    LEFT_PROFILE,
    LEFT_PROFILE_PERIOD,
    WINDOW,
    left_profile,
    newest_difference,
)
from benchmarks.detection.judging import RANDOM
from benchmarks.detection.normal_rows import LEVELS, column, shares
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case
from benchmarks.protocol.processes import installed
from datasets import Series, load, ucr
from datasets.ucr import Labelled
from kad.metrics import volume_under_surface
from runtime.errors import InputError

DEFAULT = ["gaussian", "memory", "rnn", "vae-lstm", "ensemble"]
REACH = 100
"""Rows before and after the anomaly that are a hit."""
LONGEST_PROFILE = 100_000
"""Rows of a series of which a left matrix profile is computed: it costs their square."""
NO_PERIOD = 64
"""Rows of a period where none was found."""
ANCHORS = (RANDOM, DIFFERENCE, LEFT_PROFILE, LEFT_PROFILE_PERIOD)


COSTS = ("train_s", "us_per_sample")
KEYS = ("variant", "series", "seed")
FIGURES = ("hit", "rows_away", "hit_severity", "vus_pr", *map(column, LEVELS), "normal_rows")
COLUMNS = [*KEYS, "family", *FIGURES, *COSTS, "failed", "left_out"]


def plan(session: Session) -> list[Planned]:
    """Returns the anchors, then every variant on every series with each seed, seed by seed."""
    chosen = [name for members in asked(session.options.families).values() for name in members]
    anchors = [name for name in ANCHORS if name in (RANDOM, DIFFERENCE) or installed("stumpy")]
    if len(anchors) < len(ANCHORS):
        session.console.print("No new left matrix profiles: they need stumpy (extra benchmarks).")
    cases = [
        case(variant, load(name), seed)
        for seed in range(session.options.seeds)
        for variant in session.options.names
        for name in chosen
    ]
    return [
        *(
            Planned(keys={"variant": anchor, "series": name, "seed": 0})
            for anchor in anchors
            for name in chosen
        ),
        *(Planned(keys=one.keys, trained=(one,), again=True) for one in cases),
    ]


def asked(families: str | None) -> dict[str, list[str]]:
    """Returns the names of the series of some families, by family.

    Args:
        families: Their names with commas between; all where not given.

    Raises:
        InputError: There is no such family.
    """
    known = ucr.families()
    wanted = families.split(",") if families else list(known)
    for name in wanted:
        if name not in known:
            raise InputError(f"There is no family {name!r}. There are {', '.join(known)}.")
    return {name: known[name] for name in wanted}


def case(variant: str, series: Series, seed: int) -> Case:
    """Returns one case."""
    return Case.of("ucr", variant, series, seed, settings={}, parts=((0, len(series.frame)),))


def measure(one: Planned, session: Session) -> Rows:
    """Returns the figures of a case or of an anchor."""
    found = ucr.read(one.keys["series"])
    keys = {**one.keys, "family": found.family}
    if not one.trained:
        return {"ucr": [{**keys, **_anchor(one.keys["variant"], found)}]}
    scored = session.scored(*one.trained)
    if scored.error:
        return {"ucr": [{**keys, "failed": scored.error}]}
    (part,) = scored.parts
    costs = {name: scored.info[name] for name in COSTS}
    return {"ucr": [{**keys, **judged(found, part["score"], part["severity"]), **costs}]}


def _anchor(variant: str, found: Labelled) -> dict[str, Any]:
    """Returns the figures of an anchor; of a random score the expected hits."""
    rows = len(found.values)
    if variant == RANDOM:
        uniform = np.random.default_rng(0).random(rows)
        figures = judged(found, uniform, -np.log10(1 - uniform))
        chance = near(found)[found.train_rows :].mean()
        return {**figures, "hit": chance, "hit_severity": chance, "rows_away": None}
    if variant == DIFFERENCE:
        return judged(found, newest_difference(found.values))
    if rows > LONGEST_PROFILE:
        return {"left_out": f"longer than {LONGEST_PROFILE:,} rows"}
    period = found.period or NO_PERIOD
    window = WINDOW if variant == LEFT_PROFILE else period
    return judged(found, left_profile(found.values, window))


def near(found: Labelled) -> np.ndarray:
    """Returns the rows that are a hit, bool `(rows,)`."""
    rows = np.arange(len(found.values))
    return (rows >= found.first_anomaly - REACH) & (rows <= found.last_anomaly + REACH)


def judged(
    found: Labelled, score: np.ndarray, severity: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns the figures of a score of all rows, of which the test rows count.

    Args:
        found: The series.
        score: `(rows,)`.
        severity: `(rows,)`; its figures are left out where there is none.
    """
    first = found.train_rows
    label = (found.first_anomaly - first, found.last_anomaly + 1 - first)
    away = rows_away(found, score)
    figures: dict[str, Any] = {
        "hit": float(abs(away) <= REACH),
        "rows_away": away,
        "vus_pr": volume_under_surface(score[first:], [label]).pr,
    }
    if severity is None:
        return figures
    normal = ~near(found)[first:]
    figures["hit_severity"] = float(abs(rows_away(found, severity)) <= REACH)
    return {**figures, **shares(severity[first:], normal), "normal_rows": int(normal.sum())}


def rows_away(found: Labelled, score: np.ndarray) -> int:
    """Returns how far the highest score of the test rows is from the anomaly; before it below 0.

    The first one counts where several are equal.
    """
    top = found.train_rows + int(score[found.train_rows :].argmax())
    return min(top - found.first_anomaly, 0) + max(top - found.last_anomaly, 0)


def show(tables: Tables, console: Console) -> None:
    """Prints hits, VUS-PR and shares of normal rows by detector, then hits by family."""
    table = tables["ucr"]
    console.print(summary(table).round(3).T.to_string(), highlight=False)
    console.print(by_family(table).round(1).T.to_string(), highlight=False)
    for line in reasons(table):
        console.print(line, highlight=False)


def reasons(table: pd.DataFrame) -> list[str]:
    """Returns which variants have no figures of how many series, and why."""
    lines = []
    for why, said in (("failed", "failed"), ("left_out", "left out")):
        groups = table.reindex(columns=COLUMNS).groupby(["variant", why], sort=False)
        for (variant, reason), cases in groups:
            lines.append(f"{variant}, {said}: {len(cases)} series: {reason}")
    return lines


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows that count: a failed case is a miss, what was left out is nothing."""
    kept = table.reindex(columns=COLUMNS)
    kept = kept[kept["left_out"].isna()].copy()
    kept.loc[kept["failed"].notna(), ["hit", "hit_severity"]] = 0.0
    return kept


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the figures of each variant, means over seeds.

    `families` is the mean over families of the share of hits, `lowest` and `highest` are the hits
    of a seed, `on_all` the hits on the series that no variant leaves out. Shares of normal rows are
    in 1,000, mean and median over series.
    """
    kept = counted(table)
    measured = kept.groupby("series")["variant"].nunique()
    everyone = measured.index[measured == kept["variant"].nunique()]
    rows = {}
    for variant, cases in kept.groupby("variant", sort=False):
        by_seed = cases.groupby("seed")
        hits = by_seed["hit"].sum()
        shared = cases[cases["series"].isin(everyone)]
        row: dict[str, Any] = {
            "seeds": len(hits),
            "series": cases["series"].nunique(),
            "failed": by_seed["failed"].count().mean(),
            "hits": hits.mean(),
            "lowest": hits.min(),
            "highest": hits.max(),
            "families": _families(cases, "hit"),
            "hits_severity": by_seed["hit_severity"].sum(min_count=1).mean(),
            "families_severity": _families(cases, "hit_severity"),
            "on_all": shared.groupby("seed")["hit"].sum().mean(),
            "series_all": len(everyone),
            "vus_pr": by_seed["vus_pr"].mean().mean(),
        }
        for level in LEVELS:
            in_thousand = 1000 * by_seed[column(level)].agg(["mean", "median"]).mean()
            row[f"{column(level)}_mean"] = in_thousand["mean"]
            row[f"{column(level)}_median"] = in_thousand["median"]
        for cost in COSTS:
            row[cost] = cases[cost].mean()
        rows[variant] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _families(cases: pd.DataFrame, figure: str) -> float:
    shares_of = cases.groupby(["seed", "family"])[figure].mean()
    return float(shares_of.groupby("seed").mean().mean())


def by_family(table: pd.DataFrame) -> pd.DataFrame:
    """Returns hits by variant and family, means over seeds; the first row says of how many."""
    kept = counted(table)
    hits = kept.groupby(["variant", "seed", "family"], sort=False)["hit"].sum()
    seeds = hits.rename("hits").reset_index()
    means = seeds.pivot_table("hits", "variant", "family", aggfunc="mean")
    series = table.groupby("family")["series"].nunique().reindex(means.columns)
    return pd.concat([series.to_frame("series").T, means])


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"ucr": KEYS},
    default=DEFAULT,
)
