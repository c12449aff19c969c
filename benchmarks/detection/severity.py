"""Does severity keep its word? The share of normal rows above 2, 3 and 4, on everything.

Severity 3 promises one normal row in 1,000. Nothing is trained or scored here: severities that the
other benchmarks keep are read, so that it takes seconds and can be made before a change of the code
and after it. Both stand in the table, each with the code that made the severities.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.detection import discords, faults, nab, skab, ucr
from benchmarks.detection.normal_rows import LEVELS, column, shares
from benchmarks.protocol import cases
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case
from datasets import Series, load, names

DEFAULT = ["gaussian", "memory", "rnn", "vae-lstm", "ensemble"]
CASES = {"nab": nab.case, "ucr": ucr.case, "skab": skab.case, "discords": discords.case}
"""How the benchmark of that name makes a case of a series."""
PUMP = "faults"
DATA = (*CASES, PUMP)
SEVERAL = "several"


class Kept(NamedTuple):
    """A severity that a benchmark has kept."""

    severity: np.ndarray
    """`(rows,)`."""
    normal: np.ndarray
    """bool `(rows,)`: not trained on, and no anomaly."""
    code: str
    """Hash of the code that made it."""


@cache
def series_of(data: str) -> tuple[Series, ...]:
    """Returns the series of a benchmark that have normal rows after their training rows."""
    every = (load(name) for name in names(f"{data}/"))
    return tuple(series for series in every if series.train and series.test)


def normal_rows(data: str, series: Series) -> np.ndarray:
    """Returns the test rows without a label, bool `(rows,)`; of UCR those that are no hit."""
    labels = series.labels()
    if data == "ucr":
        labels = np.convolve(labels, np.ones(2 * ucr.REACH + 1), mode="same") > 0
    normal: np.ndarray = series.test_mask & ~labels
    return normal


def files(data: str, variant: str, seed: int) -> list[Path]:
    """Returns where the severities of a variant are kept, whether they are there or not."""
    if data == PUMP:
        return [faults.kept_file(variant, faults.FIRST_PUMP + seed)]
    return [case.file for case, _ in _cases(data, variant, seed)]


def _cases(data: str, variant: str, seed: int) -> Iterator[tuple[Case, Series]]:
    return ((CASES[data](variant, series, seed), series) for series in series_of(data))


def plan(session: Session) -> list[Planned]:
    """Returns what has severities, and says what has none."""
    planned = []
    for data in DATA:
        missing = []
        for variant in session.options.names:
            for seed in range(session.options.seeds):
                if any(file.is_file() for file in files(data, variant, seed)):
                    keys = {"data": data, "variant": variant, "seed": seed}
                    planned.append(Planned(keys=keys, again=True))
                else:
                    missing.append(f"{variant} {seed}")
        if missing:
            session.console.print(
                f"No scores kept of {data} by {', '.join(missing)} (detector and seed): "
                f"`python -m benchmarks {data}` makes them.",
                highlight=False,
            )
    return planned


def measure(one: Planned, session: Session) -> Rows:
    """Returns the shares of one variant's normal rows.

    Raises:
        RuntimeError: What is kept is of other settings or other code.
    """
    found = _found(**one.keys, stale=session.options.stale)
    kept = [part for part in found if isinstance(part, Kept)]
    if not kept:
        raise RuntimeError("what is kept is of other settings or code; --stale takes that of code.")
    each = pd.DataFrame([shares(part.severity, part.normal) for part in kept])
    codes = {part.code for part in kept}
    newest = max(file.stat().st_mtime for file in files(**one.keys) if file.is_file())
    row: dict[str, Any] = {
        **one.keys,
        "code": codes.pop() if len(codes) == 1 else SEVERAL,
        "scored": datetime.fromtimestamp(newest, UTC).date().isoformat(),
        "series": len(kept),
        **Counter({"failed": 0, "missing": 0}),
        **Counter(part for part in found if isinstance(part, str)),
        "normal_rows": sum(int(part.normal.sum()) for part in kept),
    }
    for name in map(column, LEVELS):
        row[f"{name}_mean"], row[f"{name}_median"] = each[name].mean(), each[name].median()
    return {"severity": [row]}


def _found(data: str, variant: str, seed: int, *, stale: bool) -> list[Kept | str]:
    """Returns what is kept of each series, or that it failed or is missing."""
    if data == PUMP:
        pump = faults.kept(variant, faults.FIRST_PUMP + seed, stale=stale)
        return [Kept(*pump) if pump else "missing"]
    found: list[Kept | str] = []
    for case, series in _cases(data, variant, seed):
        scored = cases.load(case, stale=stale)
        if scored is None or scored.error:
            found.append("failed" if scored else "missing")
            continue
        normal = normal_rows(data, series)[slice(*case.parts[0])]
        found.append(Kept(scored.parts[0]["severity"], normal, scored.info["code_key"]))
    return found


def show(tables: Tables, console: Console) -> None:
    """Prints the shares in 1,000 by data, variant and code, means over seeds."""
    console.print(summary(tables["severity"]).round(2).to_string(), highlight=False)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the shares in 1,000 normal rows, means over seeds, code by code as it was scored."""
    rows = table.sort_values("scored", kind="stable")
    groups = rows.groupby(["data", "variant", "code"], sort=False)
    out = groups[["scored"]].max().join(groups[["series", "failed", "missing"]].mean())
    for level in LEVELS:
        for kind in ("mean", "median"):
            name = f"{column(level)}_{kind}"
            out[name] = 1000 * groups[name].mean()
    return out.sort_index(level=["data", "variant"], sort_remaining=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"severity": ("data", "variant", "seed", "code")},
    default=DEFAULT,
)
