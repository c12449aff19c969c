"""Whether false-alarm budgets hold."""

from collections.abc import Iterable

import pandas as pd

from benchmarks.page.markdown import section, table

BUDGETS = ("1/week", "1/day", "1 % of time")


@section("False-alarm budgets", budget="python -m benchmarks budget",
         budget_nab="python -m benchmarks budget --data nab")  # fmt: skip
def budgets(pump: pd.DataFrame, nab: pd.DataFrame) -> Iterable[str]:
    """How many cases held, and what came by what was allowed."""
    spans = ("14 days", "28 days", "180 days")
    asked = [budget for budget in BUDGETS if budget in set(pump["budget"]) | set(nab["budget"])]
    columns = [(days, budget) for days in spans for budget in asked]
    year = []
    for detector, cases in pump.groupby("detector", sort=False):
        parts = [cases[(cases["training"] == d) & (cases["budget"] == b)] for d, b in columns]
        came = [(part["times_allowed"] * part["allowed"]).sum() for part in parts]
        held = [
            _held(part["holds"].sum(), len(part), total, part)
            for part, total in zip(parts, came, strict=True)
        ]
        year.append((detector, *held, *_known(cases)))
    kinds = [(budget, known) for budget in asked for known in (True, False)]
    normal = []
    for detector, cases in nab.groupby("detector", sort=False):
        parts = [cases[(cases["budget"] == b) & (cases["extrapolated"] == e)] for b, e in kinds]
        held = [
            _held(part["held"].sum(), part["stretches"].sum(), part["came"].sum(), part)
            for part in parts
        ]
        normal.append((detector, *held))
    few = {key for key, part in pump.groupby(["training", "budget"]) if part["extrapolated"].all()}
    header = [f"{d}: {b}{', extrapolated' if (d, b) in few else ''}" for d, b in columns]
    return (
        (
            "`python -m benchmarks budget --detector ensemble,vae-lstm,rnn,memory,gaussian`: a "
            "year of three pumps that no detector has seen, three alarm policies, by days of "
            "training. How many cases held, that is half to twice what is allowed; what came / "
            "allowed, all together. Extrapolated: the calibration rows allow fewer than five "
            "events. Inside: cases that lie within the interval that is said beforehand, of which "
            "four in five should; none in those measured before there was one, by the rule before "
            "this one."
        ),
        table(("detector", *header, "inside"), year),
        (
            "`python -m benchmarks budget --data nab --detector ensemble,memory,gaussian --seeds 1`"
            ": normal parts of NAB; each allows a few events or a fraction of one."
        ),
        table(
            ("detector", *(f"{b}, {'extrapolated' if e else 'counted'}" for b, e in kinds)), normal
        ),
    )


def _held(held: float, of: float, came: float, cases: pd.DataFrame) -> str:
    if cases.empty:
        return ""
    return f"{held:.0f} of {of:.0f}, {came / cases['allowed'].sum():.2f}"


def _known(cases: pd.DataFrame) -> tuple[str]:
    """Returns how many cases lie within their interval, of those that have one."""
    known = cases[cases["low"].notna()]
    return (f"{known['inside'].astype(bool).sum()} of {len(known)}" if len(known) else "",)
