"""What detectors find: shapes, by family; and whether severity keeps its word."""

from collections.abc import Iterable

import pandas as pd

from benchmarks.detection import severity as promise
from benchmarks.detection import ucr as archive
from benchmarks.detection.normal_rows import LEVELS
from benchmarks.page.markdown import section, table


@section("Shapes: UCR anomaly archive, 98 series of 11 families", ucr="python -m benchmarks ucr")
def ucr(results: pd.DataFrame) -> Iterable[str]:
    """Hits beside anchors, then by family."""
    summary = archive.summary(results).sort_values("families", ascending=False)
    rows = []
    for variant, found in summary.iterrows():
        hits = f"{found['hits']:.1f}"
        if found["lowest"] != found["highest"]:
            hits += f" ({found['lowest']:.0f} to {found['highest']:.0f})"
        above = (
            _pair(found[f"above_{level}_mean"], found[f"above_{level}_median"]) for level in LEVELS
        )
        rows.append(
            (
                _name(variant),
                f"{hits} of {found['series']:.0f}",
                f"{found['families']:.3f}",
                f"{found['on_all']:.1f} of {found['series_all']:.0f}",
                _number(found["hits_severity"], 1),
                f"{found['vus_pr']:.3f}",
                *above,
                f"{found['seeds']:.0f}",
                f"{found['failed']:.0f}",
            )
        )
    header = (
        *("detector", "hits", "mean over families", "hits where all have scores"),
        *("hits by severity", "VUS-PR"),
        *(f"normal rows in 1,000 above {level}: mean / median series" for level in LEVELS),
        *("seeds", "failed"),
    )
    by_family = archive.by_family(results)
    counts = by_family.loc["series"]
    shown = [(_name(name), *(f"{v:.1f}" for v in by_family.loc[name])) for name in summary.index]
    families = [f"{name}, of {counts[name]:.0f}" for name in by_family.columns]
    return (
        (
            "`python -m benchmarks ucr`: a hit is the highest score of the test rows within "
            f"{archive.REACH} rows of the one anomaly. 98 series have 42 different anomalies, "
            "and large families must not decide: see the mean over families. Severity 2, 3, 4 "
            "promise 10, 1 and 0.1 in 1,000. A failed series is a miss. Random has its expected "
            "hits."
        ),
        table(header, rows),
        "Hits by family:",
        table(("detector", *families), shown),
        *archive.reasons(results),
    )


@section(
    "Severity's word: normal rows in 1,000 above 2, 3, 4", severity="python -m benchmarks severity"
)
def severity(results: pd.DataFrame) -> Iterable[str]:
    """By data, detector and code, means and medians over series."""
    rows = []
    for found in promise.summary(results).reset_index().to_dict("records"):
        above = (
            _pair(found[f"above_{level}_mean"], found[f"above_{level}_median"]) for level in LEVELS
        )
        lost = found["failed"] + found["missing"]
        keys = (found["data"], _name(found["variant"]), f"`{found['code'][:7]}`", found["scored"])
        rows.append((*keys, *above, f"{found['series']:.0f}", f"{lost:.0f}"))
    levels = (f"above {level}: mean / median series" for level in LEVELS)
    return (
        (
            "`python -m benchmarks severity`: severity 2, 3, 4 promise 10, 1 and 0.1. Test rows "
            "without a label. Code is the hash of what made the scores, older above newer."
        ),
        table(("data", "detector", "code", "scored", *levels, "series", "without scores"), rows),
    )


def _name(variant: object) -> str:
    return str(variant) if variant in archive.ANCHORS else f"**{variant}**"


def _pair(mean: float, median: float) -> str:
    return "" if pd.isna(mean) else f"{mean:.2g} / {median:.2g}"


def _number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"
