"""The comparison with published figures, written from the result tables."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import pandas as pd

from benchmarks.detection import published
from benchmarks.detection.judging import RANDOM
from benchmarks.detection.nab import TESTS
from benchmarks.detection.skab import BASELINES
from benchmarks.protocol.results_file import RESULTS, ResultsFile
from kad.metrics import METRICS, NAB_PROFILES, aggregate
from runtime.errors import InputError
from runtime.files import write_atomically

PAGE = RESULTS / "COMPARISON.md"
_PROFILES = ("standard", "low FP", "low FN")


def write() -> str:
    """Writes the page and returns it."""
    parts = (
        _HEAD,
        _nab(),
        _discords(),
        _skab(),
        _paper(),
        _metrics(),
        _faults(),
        _budget(),
        _costs(),
    )
    page = "\n\n".join(part.strip() for part in parts) + "\n"
    write_atomically(PAGE, page)
    return page


def _section(
    table: str, title: str, command: str
) -> Callable[[Callable[[pd.DataFrame, str], Iterable[str]]], Callable[[], str]]:
    """Makes a section of the paragraphs that a function writes about a table of results."""

    def decorate(paragraphs: Callable[[pd.DataFrame, str], Iterable[str]]) -> Callable[[], str]:
        @wraps(paragraphs)
        def section() -> str:
            results = ResultsFile(table, ()).table
            if results.empty:
                return f"{title}\n\nNot measured yet: `{command}` writes the table."
            return "\n\n".join((title, *paragraphs(results, command)))

        return section

    return decorate


_HEAD = """
# Compared with others

Written by `python -m benchmarks page` from the tables in this folder; do not edit it. Scores are
those of the exported file, streamed through `runtime`. A figure of ours is the mean over seeds,
with the lowest and highest seed behind it. *In-sample*: the labels chose the threshold, as they did
for the published figures. *Cross-half*: threshold (and policy, where said) chosen on one half of
the files, scored on the other, both ways, mean. *Label-free*: the threshold comes from a
false-alarm budget and training rows alone.
"""


@_section("nab", "## Numenta Anomaly Benchmark, 58 series", "python -m benchmarks nab --seeds 3")
def _nab(results: pd.DataFrame, command: str) -> Iterable[str]:
    parts = [
        (
            f"`{command}`; `nab_windows.csv` has what each labelled window earned, "
            "`nab_metrics.csv` every metric of each series. `column`: what the alarm policy "
            "thresholds. Our policy: habituation 0.2 with a half-life of 4 p rows, refractory "
            "0.2 p rows, p training rows. Peers' scores are at most 1, where habituation, a factor "
            "on the threshold, hardly lets them alarm again: compare with them without policy, too."
        ),
        "Published, in-sample (" + published.NAB_SOURCE + "):",
        _table(
            ("detector", *_PROFILES),
            [(name, *(f"{f:g}" for f in row)) for name, row in published.NAB.items()],
        ),
    ]
    for test, what in TESTS.items():
        rows = results[results["test"] == test]
        if rows.empty:
            continue
        profiles = [p for p in NAB_PROFILES if p in set(rows["profile"])] or [None]
        digits = 1 if profiles[0] else 3
        lines = []
        for (variant, column), cases in rows.groupby(["variant", "column"], sort=False):
            chosen = [cases if p is None else cases[cases["profile"] == p] for p in profiles]
            spreads = [_spread(part["value"], digits) for part in chosen]
            first = chosen[0]
            lines.append(
                (
                    first["value"].mean(),
                    (_name(variant, first), column, *spreads, len(first), _failed(first)),
                )
            )
        ordered = [cells for _, cells in sorted(lines, key=lambda line: -line[0])]
        names = _PROFILES if profiles[0] else ("VUS-PR",)
        parts += [
            f"### {test}: {what}",
            _table(("detector", "column", *names, "seeds", "failed"), ordered),
        ]
    return parts


def _name(variant: object, cases: pd.DataFrame) -> str:
    return f"**{variant}**" if (cases["kind"] == "ours").all() else str(variant)


def _failed(cases: pd.DataFrame) -> str:
    return f"{cases['failed'].max():.0f}" if cases["failed"].notna().any() else ""


@_section("discords", "## Sixteen discords", "python -m benchmarks discords")
def _discords(results: pd.DataFrame, command: str) -> Iterable[str]:
    found = results[results["f1"].notna() & (results["series"] != "discords/nyc_taxi")]
    rows = []
    for variant, cases in found.groupby("variant", sort=False):
        seeds = cases.groupby("seed")
        tops = seeds["top_inside"].agg(lambda inside: inside.astype(bool).sum())
        means = seeds[["f1", "average_precision", "f1_default", "f1_day", "f1_rare"]].mean()
        rows.append((f"**{variant}**", _spread(tops, 1), *(_spread(means[c], 3) for c in means)))
    first = found[found["variant"] == found["variant"].iloc[0]]
    noise = first.groupby("seed")[["random_f1", "random_average_precision"]].mean().mean()
    tops = first.groupby("seed")["random_top_inside"].sum().mean()
    rows.append(("uniform random", f"{tops:.1f}", *(f"{v:.3f}" for v in noise), "", "", ""))
    header = ("top inside, of 16", "best F1", "average precision", "1/week", "1/day", "severity 3")
    return (
        (
            f"`{command}`. The best F1 is in-sample; the last three columns are F1 at "
            "thresholds without labels. No published table has these splits."
        ),
        _table(("detector", *header), rows),
    )


@_section(
    "skab", "## Skoltech Anomaly Benchmark, 34 experiments", "python -m benchmarks skab --seeds 3"
)
def _skab(results: pd.DataFrame, command: str) -> Iterable[str]:
    rows = [
        (name, "its own", "", f"{f.f1:.2f}", f"{f.far:.2f}", f"{f.mar:.2f}", "")
        for name, f in published.SKAB.items()
    ]
    shown = results[~results["threshold"].isin(["1/week", "1/day", "severity 4"])]
    shown = shown[shown["outliers"] != "events, merge gap 60 s"]
    keys = ["variant", "calibration", "threshold", "outliers"]
    for (variant, calibration, threshold, outliers), cases in shown.groupby(keys, sort=False):
        figures = (_spread(cases[c], d) for c, d in (("f1", 3), ("far", 1), ("mar", 1)))
        name = variant if variant in BASELINES else f"**{variant}**"
        rule = threshold if calibration == "none" else f"{threshold}, {calibration} calibration"
        rows.append((name, rule, outliers, *figures, len(cases)))
    return (
        (
            f"`{command}`. Published: {published.SKAB_SOURCE}. Half of the rows are "
            "labelled: an alarm in every row has F1 0.698. Thresholds other than the "
            "best need no labels: by each file's own calibration, by one on the calibration rows "
            "of all files (pooled), or on the last 60 of each file's, which no network was "
            "trained on (held-out rows); only the first is in an exported file. That there are "
            "several to choose from is a look at the labels: where each half of the files takes "
            "the rule that is best on the other half, it says so. "
            "`skab.csv` has more of them."
        ),
        _table(("detector", "threshold", "outliers", "F1", "FAR %", "MAR %", "seeds"), rows),
    )


@_section("paper", "## The VAE-LSTM paper's five series", "python -m benchmarks paper --seeds 3")
def _paper(results: pd.DataFrame, command: str) -> Iterable[str]:
    columns = ("f1", "f1_week", "f1_day", "f1_rare", "f1_adjusted", "random_f1")
    rows = []
    for name, (plain, adjusted) in published.PAPER.items():
        rows.append((name, "original", f"{plain:.3f}", "", "", "", f"{adjusted:.3f}", "", ""))
        part = results[(results["series"] == name) & results["f1"].notna()]
        for variant, cases in part.groupby("variant", sort=False):
            figures = (_spread(cases[column], 3) for column in columns)
            rows.append((name, f"**{variant}**", *figures, len(cases)))
    header = ("best F1", "1/week", "1/day", "severity 3", "adjusted", "random", "seeds")
    return (
        (
            f"`{command}`. Original: {published.PAPER_SOURCE}. Best and adjusted F1 are "
            "in-sample; a random score's adjusted F1 is 0.97 to 0.99."
        ),
        _table(("series", "detector", *header), rows),
    )


_SHOWN = (
    "average_precision",
    "vus_pr",
    "f1",
    "event_precision",
    "event_recall",
    "delay_s",
    "false_alarms_per_day",
    "affiliation_f1",
    "best_f1",
)


def _metrics() -> str:
    parts = [
        "## Every series by itself",
        (
            "Means over series, by `kad.metrics.evaluate` and `aggregate`; all metrics are in the "
            "tables. The default threshold and alarm policy are those of the file, 1/week; only "
            "the best F1 is in-sample."
        ),
    ]
    for name in ("nab", "skab", "discords"):
        table = ResultsFile(f"{name}_metrics", ()).table
        if table.empty:
            parts.append(f"`{name}_metrics.csv`: not measured yet.")
            continue
        rows = []
        for variant, cases in table.groupby("variant", sort=False):
            figures = cases[cases["column"] == "score"] if "column" in cases else cases
            try:
                spread = aggregate(figures, by=["variant"]).set_index("metric")
            except InputError as error:
                parts.append(f"`{name}_metrics.csv`: {variant} is left out: {error}")
                continue
            cells = (_mean_and_spread(spread.loc[metric]) for metric in _SHOWN)
            name_shown = variant if variant == RANDOM else f"**{variant}**"
            rows.append((name_shown, *cells, spread["seeds"].max()))
        titles = (METRICS[metric].title for metric in _SHOWN[:-1])
        header = ("detector", *titles, "best F1", "seeds")
        parts += [f"`{name}_metrics.csv`:", _table(header, rows)]
    return "\n\n".join(parts)


def _mean_and_spread(row: "pd.Series[float]") -> str:
    digits = 0 if row["mean"] > 100 else 3
    mean = f"{row['mean']:.{digits}f}"
    return mean if pd.isna(row["std"]) else f"{mean} ± {row['std']:.{digits}f}"


@_section("faults", "## Faults of a pump", "python -m benchmarks faults")
def _faults(results: pd.DataFrame, command: str) -> Iterable[str]:
    rows = []
    for (detector, budget), cases in results.groupby(["detector", "budget"], sort=False):
        counts = cases[["found", "outside", "blamed_rightly"]].sum(min_count=1)
        known = ["" if pd.isna(count) else f"{count:.0f}" for count in counts]
        names = ("normal_in_events", "delay_h", "average_precision", "vus_pr")
        figures = [_spread(cases[name], 2) for name in names]
        rows.append((detector, budget, *known, *figures, len(cases)))
    header = (
        *("detector", "budget", "found", "events outside", "first channel right"),
        *("normal rows in events", "delay, hours", "average precision", "VUS-PR", "pumps"),
    )
    text = (
        f"`{command}`: a synthetic pump of five channels, two weeks of training, two weeks with "
        "eight faults. All pumps together; thresholds look at no label, and the weights of the "
        "preset `multichannel` were chosen on other pumps."
    )
    return text, _table(header, rows)


def _budget() -> str:
    title = "## False-alarm budgets"
    command = "python -m benchmarks budget [--data nab]"
    results = ResultsFile("budget", ()).table
    nab = ResultsFile("budget_nab", ()).table
    parts = [title, f"`{command}`. Held: half to twice the allowed events."]
    for name, table in (("A year of a synthetic pump", results), ("Normal parts of NAB", nab)):
        if table.empty:
            parts.append(f"{name}: not measured yet.")
            continue
        source = table["extrapolated"].map({True: "extrapolated", False: "counted"})
        groups = table.groupby(["detector", "training", "budget", source], sort=False)
        rows = [
            (*key, f"{cases['holds'].sum()} of {len(cases)}", _ratio(cases))
            for key, cases in groups
        ]
        header = (
            *("detector", "training", "budget", "on calibration rows", "held"),
            "events / allowed, all together",
        )
        parts += [f"{name}:", _table(header, rows)]
    return "\n\n".join(parts)


def _ratio(cases: pd.DataFrame) -> str:
    return f"{cases['events'].sum() / cases['allowed'].sum():.2f}"


@_section("scoring_detectors", "## Cost of a sample", "python -m benchmarks scoring")
def _costs(results: pd.DataFrame, command: str) -> Iterable[str]:
    columns = [str(column) for column in results.columns]
    rows = [tuple(_cell(value) for value in row) for row in results.itertuples(index=False)]
    return f"`{command}`, one thread, µs a sample by (streams, steps).", _table(columns, rows)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _spread(values: "pd.Series[float]", digits: int) -> str:
    known = values.dropna()
    if known.empty:
        return ""
    mean = f"{known.mean():.{digits}f}"
    if len(known) == 1 or known.min() == known.max():
        return mean
    return f"{mean} ({known.min():.{digits}f} to {known.max():.{digits}f})"


def _table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
