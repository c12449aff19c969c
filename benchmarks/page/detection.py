"""What detectors find: labelled series."""

from collections.abc import Iterable

import pandas as pd

from benchmarks.detection import published
from benchmarks.detection.anchors import ANCHORS
from benchmarks.detection.judging import RANDOM
from benchmarks.detection.restarts import CUTS, LOST, NO_OUTAGE, OUTAGE, SOON, TRAINED, summary
from benchmarks.detection.skab import BASELINES, EVERY_ROW, OTHER_HALF, WITH_LABELS
from benchmarks.page.markdown import section, spread, table, with_std
from kad.metrics import METRICS

NAB_TESTS = {
    "label-free 1/week": "1/week",
    "label-free 1/day": "1/day",
    "cross-half": "other half: threshold",
    "cross-half, policy": "other half: threshold and policy",
    "in-sample": "in-sample",
    "no policy": "bare score, in-sample",
    "no policy, cross-half": "bare score, other half",
}
SKAB_RULES = {
    "1/week, own": ("own", "1/week", "events"),
    "1/hour, own": ("own", "1/hour", "events"),
    "severity 3.5, held-out rows": ("held-out rows", "severity 3.5", "events"),
    "the rule of the other half": ("any", OTHER_HALF, "any"),
    "best, with labels": ("none", WITH_LABELS, "rows, by score"),
}
"""Calibration, threshold and what is reported."""
METRICS_SHOWN = (
    "event_precision",
    "event_recall",
    "delay_s",
    "false_alarms_per_day",
    "normal_in_events",
    "f1",
    "affiliation_f1",
    "average_precision",
    "vus_pr",
)


@section("One sensor: Numenta Anomaly Benchmark, 58 series", nab="python -m benchmarks nab")
def nab(results: pd.DataFrame) -> Iterable[str]:
    """The standard profile by every test, best first where nothing was seen but a half."""
    shown = results[(results["column"] == "score") & ~results["variant"].str.endswith("-static")]
    rows = []
    for variant, cases in shown.groupby("variant", sort=False):
        by_test = {
            test: cases[(cases["test"] == test) & cases["profile"].isin(["standard", "none"])][
                "value"
            ]
            for test in (*NAB_TESTS, "VUS-PR")
        }
        name = f"**{variant}**" if (cases["kind"] == "ours").all() else variant
        cells = [spread(by_test[test], 1) for test in NAB_TESTS]
        row = (name, *cells, spread(by_test["VUS-PR"], 3), cases["seed"].nunique())
        rows.append((by_test["cross-half, policy"].mean(), (*row, f"{cases['failed'].max():.0f}")))
    ordered = [row for _, row in sorted(rows, key=lambda pair: -pair[0])]
    printed = ", ".join(f"{name} {figures[0]:g}" for name, figures in published.NAB.items())
    return (
        (
            "`python -m benchmarks nab --seeds 3`: NAB's "
            "standard score. An alarm policy turns scores into alerts (habituation 0.2, refractory "
            "0.2 p rows, half-life 4 p, p training rows); the bare score, a score without it, is "
            "what the scoreboard has. A failed series counts as silence."
        ),
        table(("detector", *NAB_TESTS.values(), "VUS-PR", "seeds", "failed"), ordered),
        (
            f"Published, bare score, in-sample: {printed} ({published.NAB_SOURCE}). The policy is "
            "ours: peers' scores are at most 1, where habituation hardly lets them alarm again. "
            "The ensemble's weights, means and caps were chosen with these labels in view"
            f"{_recipes(results)}. Label-free figures "
            "stand where they are of today's calibration. Low FP, low FN and static scores: "
            "`--show`."
        ),
    )


def _recipes(results: pd.DataFrame) -> str:
    is_shown = (results["test"] == "cross-half, all") & (results["profile"] == "standard")
    found = spread(results[is_shown]["value"], 1)
    return f"; each half choosing them, too, gives {found} (`--recipes`)" if found else ""


@section("Related sensors: faults of a pump", faults="python -m benchmarks faults")
def faults(results: pd.DataFrame) -> Iterable[str]:
    """What is found at both budgets."""
    rows = []
    for detector, cases in _in_order(results, "detector"):
        cells: list[str] = []
        for budget in ("1/week", "1/day"):
            part = cases[cases["budget"] == budget]
            counts = part[["found", "outside", "blamed_rightly"]].sum(min_count=1)
            cells += ["" if pd.isna(count) else f"{count:.0f}" for count in counts]
            cells += [spread(part["normal_in_events"], 2), spread(part["delay_h"], 2)]
        scores = cases.drop_duplicates("seed")
        cells += [spread(scores[name], 2) for name in ("average_precision", "vus_pr")]
        rows.append((_name(detector), *cells, len(scores)))
    each = ("found", "outside", "first channel right", "normal rows in events", "delay, hours")
    header = [f"{budget}: {name}" for budget in ("1/week", "1/day") for name in each]
    return (
        (
            "`python -m benchmarks faults`: three synthetic pumps of five channels, two weeks of "
            "training, two weeks with eight faults each. Thresholds look at no label: at 1/week "
            "six events outside a fault are allowed, at 1/day 42. An event outside may be what a "
            "fault leaves behind. The weights of the preset `multichannel` were chosen on other "
            "pumps."
        ),
        table(("detector", *header, "average precision", "VUS-PR", "pumps"), rows),
    )


@section(
    "Related sensors: Skoltech Anomaly Benchmark, 34 experiments", skab="python -m benchmarks skab"
)
def skab(results: pd.DataFrame) -> Iterable[str]:
    """F1 and both rates by rules without labels, and by the best with them."""
    rows = []
    for variant, cases in _in_order(results, "variant"):
        cells = []
        for calibration, threshold, outliers in SKAB_RULES.values():
            kept = cases[(cases["calibration"] == calibration) & (cases["threshold"] == threshold)]
            if variant not in BASELINES:
                kept = kept[kept["outliers"] == outliers]
            cells.append(_three(kept))
        if variant == EVERY_ROW:
            cells[0] = _three(cases)
        rows.append((_name(variant), *cells, cases["seed"].nunique()))
    figures = published.SKAB.items()
    printed = "; ".join(f"{name} {f.f1:.2f}, {f.far:.2f}, {f.mar:.2f}" for name, f in figures)
    return (
        (
            "`python -m benchmarks skab --seeds 3`: F1, false and missed alarms in percent. Half "
            "of the rows are labelled: an alarm in every row has F1 0.698. Only the file's own "
            "calibration is in an exported file. The rule on held-out rows was seen to be good "
            "with the labels in view; the rule of the other half is what that look is worth."
        ),
        table(("detector", *SKAB_RULES, "seeds"), rows),
        f"Published, each with a threshold of its own: {printed} ({published.SKAB_SOURCE}).",
    )


def _three(cases: pd.DataFrame) -> str:
    if cases.empty:
        return ""
    return f"{spread(cases['f1'], 3)}, {cases['far'].mean():.1f}, {cases['mar'].mean():.1f}"


def _name(variant: object) -> str:
    is_ours = variant not in {*BASELINES, *ANCHORS}
    return f"**{variant}**" if is_ours else str(variant)


def _in_order(results: pd.DataFrame, column: str) -> list[tuple[str, pd.DataFrame]]:
    """Returns the rows of each detector, baselines last."""
    groups = [(str(name), cases) for name, cases in results.groupby(column, sort=False)]
    return sorted(groups, key=lambda group: group[0] in {*BASELINES, *ANCHORS})


RESTARTS = {
    OUTAGE: (NO_OUTAGE, "everything zero", "first number 0"),
    TRAINED: ("goes on", "cold", "warm"),
}
"""What each table compares, by what a stream starts after."""


@section("Restarts and warm starts", restarts="python -m benchmarks restarts")
def restarts(results: pd.DataFrame) -> Iterable[str]:
    """The same rows after each kind of start."""
    header = {
        f"above the threshold, first {SOON[0]} rows": f"above_{SOON[0]}",
        f"first {SOON[1]}": f"above_{SOON[1]}",
        f"median severity, first {SOON[0]}": f"median_{SOON[0]}",
        f"first {SOON[1]} ": f"median_{SOON[1]}",
        "false alarms a day": "false_alarms_per_day",
        "labels found": "event_recall",
        "VUS-PR": "vus_pr",
    }
    results = results[results["schema"] == results["schema"].max()]
    old = (
        " These files are of schema 1, which knows no restart by a first number 0 and no warm "
        "state: what stands for them says nothing yet."
        if results["schema"].max() < 2
        else ""
    )
    parts = []
    for after, starts in RESTARTS.items():
        means = summary(results[results["after"] == after])
        rows = []
        same: dict[str, None] = {}
        for (_, data, detector), cases in means.groupby(level=[0, 1, 2], sort=False):
            by_start = cases.droplevel([0, 1, 2])
            warm = by_start[by_start.index.isin(["cold", "warm"])]
            if len(warm) == 2 and len(warm.drop_duplicates()) == 1:
                same[str(detector)] = None
                continue
            if detector == RANDOM:
                cells = [*[""] * (len(header) - 1), f"{by_start['vus_pr'].iloc[0]:.3f}"]
            else:
                cells = [_each(by_start, starts, column) for column in header.values()]
            rows.append((data, _name(str(detector)), *cells))
        alike = f" Cold and warm are the same of {', '.join(same)}." if same else ""
        parts.append(f"After {after}: {' / '.join(starts)}.{alike}")
        parts.append(table(("data", "detector", *map(str.strip, header)), rows))
    return (
        (
            "`python -m benchmarks restarts`: the first labelled series of each folder of NAB and "
            f"two pumps, few epochs; {CUTS} outages of {LOST} rows in each. Rows are counted from "
            "the end of the warm-up after the start, unlabelled ones where a severity is compared; "
            "the threshold is the file's own; the rest is of all rows after the start, means over "
            f"series.{old}"
        ),
        *parts,
    )


def _each(by_start: pd.DataFrame, starts: Iterable[str], column: str) -> str:
    digits = 3 if column in {"vus_pr", *(f"above_{rows}" for rows in SOON)} else 2
    found = [by_start[column].get(start, float("nan")) for start in starts]
    return " / ".join("" if pd.isna(value) else f"{value:.{digits}f}" for value in found)


@section("Every series by itself", nab_means="python -m benchmarks nab",
         skab_means="python -m benchmarks skab")  # fmt: skip
def metrics(nab_means: pd.DataFrame, skab_means: pd.DataFrame) -> Iterable[str]:
    """What an operator sees at the default threshold."""
    rows = []
    # Tables from before a metric do not have it.
    named = [name for name in METRICS_SHOWN if name in nab_means or name in skab_means]
    for corpus, means in (("NAB", nab_means), ("SKAB", skab_means)):
        shown = means[~means["variant"].str.endswith("-static")]
        shown = shown[shown["column"] == "score"] if "column" in shown else shown
        for variant, cases in _in_order(shown, "variant"):
            if len(set(cases["series"])) > 1:  # means over other series compare with nothing
                continue
            cells = (with_std(cases[name]) if name in cases else "" for name in named)
            rows.append((corpus, _name(variant), *cells, len(cases)))
    titles = (METRICS[name].title for name in named)
    return (
        (
            "By `nab` and `skab`, too: means over series at the file's own threshold, 1/week, and "
            "alarm policy, ± over seeds. On NAB those of all but the ensemble's seed 0 are of the "
            "calibration before `b6a6761`."
        ),
        table(("", "detector", *titles, "seeds"), rows),
    )


@section("Sixteen discords", discords="python -m benchmarks discords",
         compensation="python -m benchmarks compensation")  # fmt: skip
def discords(results: pd.DataFrame, compensation: pd.DataFrame) -> Iterable[str]:
    """Where the highest score lies, and F1 with and without labels."""
    found = results[results["f1"].notna() & (results["series"] != "discords/nyc_taxi")]
    rows = []
    for variant, cases in found.groupby("variant", sort=False):
        seeds = cases.groupby("seed")
        tops = seeds["top_inside"].agg(lambda inside: float(inside.astype(bool).sum()))
        means = seeds[["f1_default", "f1_day", "f1_rare", "f1", "average_precision"]].mean()
        cells = (spread(means[column], 3) for column in means)
        rows.append((_name(variant), spread(tops, 1), *cells, len(means)))
    first = found[found["variant"] == found["variant"].iloc[0]]
    noise = first.groupby("seed")[["random_f1", "random_average_precision"]].mean().mean()
    tops = first.groupby("seed")["random_top_inside"].sum().mean()
    rows.append((RANDOM, f"{tops:.1f}", "", "", "", *(f"{v:.3f}" for v in noise), ""))
    header = (
        "top inside, of 16",
        "F1 at 1/week",
        "at 1/day",
        "at severity 3",
        "best F1, in-sample",
    )
    precision = (
        compensation[compensation["series"] != "discords/nyc_taxi"]
        .groupby("compensation")["average_precision"]
        .mean()
        .sort_values(ascending=False)
    )
    kinds = "; ".join(f"{name} {value:.3f}" for name, value in precision.items())
    return (
        (
            "`python -m benchmarks discords --seeds 1`. The budgets do not hold on series this "
            "short. The label-free columns of static memory and moving Gaussian are of the "
            "calibration before `b6a6761`."
        ),
        table(("detector", *header, "average precision", "seeds"), rows),
        (
            "The RNN predictor's compensation, average precision with the warm-up rows "
            f"(`python -m benchmarks compensation`): {kinds}."
        ),
    )


@section("The VAE-LSTM paper's five series", paper="python -m benchmarks paper")
def paper(results: pd.DataFrame) -> Iterable[str]:
    """F1 by the paper's protocol, in-sample and without labels."""
    rows = []
    for name, (plain, adjusted) in published.PAPER.items():
        part = results[(results["series"] == name) & results["f1"].notna()]
        by = {v: part[part["variant"] == v] for v in ("vae-lstm-paper", "vae-lstm-paper-adaptive")}
        ours, adaptive = by.values()
        rows.append(
            (
                name,
                f"{plain:.3f}",
                *(spread(ours[column], 3) for column in ("f1", "f1_week", "f1_day")),
                *(spread(adaptive[column], 3) for column in ("f1", "f1_week")),
                spread(part[part["variant"] == "gaussian"]["f1"], 3),
                spread(part["random_f1"], 3),
                f"{adjusted:.3f}, {ours['f1_adjusted'].mean():.3f}",
                spread(part["random_f1_adjusted"], 3),
            )
        )
    header = (
        *("original, best F1", "ours, best F1", "1/week", "1/day", "adaptive, best F1", "1/week"),
        *("moving Gaussian, best F1", "random, best F1", "adjusted: original, ours", "random"),
    )
    return (
        (
            "`python -m benchmarks paper --variants "
            "gaussian,vae-lstm-paper,vae-lstm-paper-adaptive --seeds 3`. "
            f"Original: {published.PAPER_SOURCE}. Best and adjusted F1 are in-sample; "
            "adjusted F1, found anywhere is found everywhere, says nothing: see the random score."
        ),
        table(("series", *header), rows),
    )
