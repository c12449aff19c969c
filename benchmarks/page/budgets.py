"""Whether false-alarm budgets hold."""

from collections.abc import Iterable

import pandas as pd

from benchmarks.page.markdown import section, table


@section("False-alarm budgets", budget="python -m benchmarks budget",
         budget_nab="python -m benchmarks budget --data nab")  # fmt: skip
def budgets(pump: pd.DataFrame, nab: pd.DataFrame) -> Iterable[str]:
    """How many cases held, and events by what was allowed."""
    spans = ("14 days", "28 days", "180 days")
    columns = [(days, budget) for days in spans for budget in ("1/week", "1/day")]
    year = []
    for detector, cases in pump.groupby("detector", sort=False):
        parts = [cases[(cases["training"] == d) & (cases["budget"] == b)] for d, b in columns]
        year.append((detector, *(_held(part["holds"].sum(), len(part), part) for part in parts)))
    kinds = [(budget, known) for budget in ("1/week", "1/day") for known in (True, False)]
    normal = []
    for detector, cases in nab.groupby("detector", sort=False):
        parts = [cases[(cases["budget"] == b) & (cases["extrapolated"] == e)] for b, e in kinds]
        held = [_held(part["held"].sum(), part["stretches"].sum(), part) for part in parts]
        normal.append((detector, *held))
    few = {key for key, part in pump.groupby(["training", "budget"]) if part["extrapolated"].all()}
    header = [f"{d}: {b}{', extrapolated' if (d, b) in few else ''}" for d, b in columns]
    return (
        (
            "`python -m benchmarks budget --detector ensemble,vae-lstm,rnn,memory,gaussian`: a "
            "year of three pumps that no detector has seen, three alarm policies, by days of "
            "training. How many cases held, that is half to twice the allowed events; events / "
            "allowed, all together. Extrapolated: the calibration rows allow fewer than five."
        ),
        table(("detector", *header), year),
        (
            "`python -m benchmarks budget --data nab --detector ensemble,memory,gaussian --seeds 1`"
            ": normal parts of NAB; each allows a few events or a fraction of one."
        ),
        table(
            ("detector", *(f"{b}, {'extrapolated' if e else 'counted'}" for b, e in kinds)), normal
        ),
    )


def _held(held: float, of: float, cases: pd.DataFrame) -> str:
    if cases.empty:
        return ""
    return f"{held:.0f} of {of:.0f}, {cases['events'].sum() / cases['allowed'].sum():.2f}"
