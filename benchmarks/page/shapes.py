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
    by_family = archive.by_family(results)
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
                "/".join(f"{hits:.3g}" for hits in by_family.loc[str(variant)]),
                f"{found['seeds']:.0f}",
                f"{found['failed']:.0f}",
            )
        )
    header = (
        *("detector", "hits", "mean over families", "hits where all have scores"),
        *("hits by severity", "VUS-PR"),
        *(f"above {level}: mean / median series" for level in LEVELS),
        *("hits by family", "seeds", "failed"),
    )
    families = (f"{name} ({series:.0f})" for name, series in by_family.loc["series"].items())
    return (
        (
            "`python -m benchmarks ucr`: a hit is the highest score of the test rows within "
            f"{archive.REACH} rows of the one anomaly. 98 series have 42 different anomalies, "
            "and large families must not decide: see the mean over families. Above 2, 3, 4: "
            "normal rows in 1,000 with this severity; it promises 10, 1 and 0.1. A failed series "
            f"is a miss. Random has its expected hits. Families: {', '.join(families)}."
        ),
        table(header, rows),
        *archive.reasons(results),
    )


@section("Severity's word: normal rows in 1,000 above 3", severity="python -m benchmarks severity")
def severity(results: pd.DataFrame) -> Iterable[str]:
    """By detector and data, mean and median over series, code by code."""
    cells: dict[tuple[str, str], list[str]] = {}
    for found in promise.summary(results).reset_index().to_dict("records"):
        share = _pair(found["above_3_mean"], found["above_3_median"])
        lost = found["failed"] + found["missing"]
        said = f"{share} ({lost:.0f} without scores)" if lost else share
        cells.setdefault((found["variant"], found["data"]), []).append(said)
    variants = dict.fromkeys(variant for variant, _ in cells)
    rows = (
        (_name(variant), *(" → ".join(cells.get((variant, data), [])) for data in promise.DATA))
        for variant in variants
    )
    return (
        (
            "`python -m benchmarks severity`: mean / median over series; severity 3 promises 1. "
            "Test rows without a label. An arrow leads to newer code. Severity 2 and 4: `--show`."
        ),
        table(("detector", *promise.DATA), rows),
    )


def _name(variant: object) -> str:
    return str(variant) if variant in archive.ANCHORS else f"**{variant}**"


def _pair(mean: float, median: float) -> str:
    return "" if pd.isna(mean) else f"{mean:.2g} / {median:.2g}"


def _number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"
