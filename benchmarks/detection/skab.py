"""The Skoltech Anomaly Benchmark by its own protocol: which rows are outliers.

Each of the 34 labelled experiments trains on its first 400 rows; the rows after them are counted,
over all files together. Thresholds stand before the labels are looked at: false-alarm budgets and
three round severities, by each file's own calibration, by one on the calibration rows of all
files, which are experiments on one testbed, and by one on those of them that no network was trained
on. The best threshold with the labels in view is printed as such.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.detection import nab
from benchmarks.detection.alerts import event_ranges
from benchmarks.detection.anchors import PCA, pca_error
from benchmarks.detection.judging import RANDOM, by_chance, evaluated, means, without_threshold
from benchmarks.detection.published import SKAB
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case, Scored, training_rows
from datasets import Series, load, names
from kad.graph.calibration import Calibration
from kad.metrics import best_f1, to_mask, to_ranges
from runtime.alarms.budget import event_threshold
from runtime.alarms.calibration_rows import CalibrationRows
from runtime.model.policy import AlarmPolicy

DEFAULT = ["gaussian", "memory", "rnn", "vae-lstm", "ensemble"]
TRAINING_ROWS = 400
"""Of each file."""
RULES: dict[str, str | float] = {
    "1/week": "1/week",
    "1/day": "1/day",
    "1/hour": "1/hour",
    "severity 4": 4.0,
    "severity 3.5": 3.5,
    "severity 3": 3.0,
}
"""Thresholds without labels: a budget, or the severity of one normal row in 10,000, 3,000 or
1,000."""
PERIOD_S = 1.0
HELD_OUT_ROWS = 60
"""Training rows of each file that no network was trained on, the last ones."""
CALIBRATIONS = ("own", "pooled", "held-out rows")
"""Rows that say what is normal: the calibration rows of the file, of all files, or the held-out
ones among those of all files. The last two are computed here: no exported file carries them."""
POLICIES: dict[str, AlarmPolicy | None] = {
    "rows": None,
    "events": AlarmPolicy(),
    "events, merge gap 60 s": AlarmPolicy(merge_gap_steps=60),
}
"""What is reported as an outlier: rows at or above the threshold, or all rows of events."""
WITH_LABELS = "best, chosen with the labels"
OTHER_HALF = "one of these, chosen on the other half"
LEADER = SKAB["Conv-AE"]
EVERY_ROW = "every row"
BASELINES = (RANDOM, EVERY_ROW, PCA)


class Counts(NamedTuple):
    """Rows of all files together."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], detected: Sequence[np.ndarray]) -> "Counts":
        """Counts rows; both bool `(rows,)` per file."""
        real, found = np.concatenate([*labels]), np.concatenate([*detected])
        return cls(
            int((real & found).sum()),
            int((~real & found).sum()),
            int((~real & ~found).sum()),
            int((real & ~found).sum()),
        )

    @classmethod
    def total(cls, counts: Iterable["Counts"]) -> "Counts":
        """Adds those of several files."""
        return cls(*map(sum, zip((0, 0, 0, 0), *counts, strict=True)))

    def figures(self) -> dict[str, float]:
        """Returns SKAB's three figures, FAR and MAR in percent."""
        hits, false, right, missed = self
        return {
            "f1": 2 * hits / max(2 * hits + false + missed, 1),
            "far": 100 * false / max(false + right, 1),
            "mar": 100 * missed / max(hits + missed, 1),
        }


@cache
def experiments() -> tuple[Series, ...]:
    """The 34 labelled ones."""
    return tuple(series for name in names("skab/") if (series := load(name)).windows)


def settings() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns those of NAB, without range novelty: 400 rows have not seen a channel's range."""
    chosen = nab.settings(TRAINING_ROWS)
    return {**chosen, "": {**chosen[""], "scoring": {"novelty": 0.0}}}


def plan(session: Session) -> list[Planned]:
    """Returns the baselines, then every variant with each seed, seed by seed."""
    baselines = [(RANDOM, 0), (RANDOM, 1), (RANDOM, 2), (EVERY_ROW, 0), (PCA, 0)]
    ours = [
        Planned(
            keys={"variant": variant, "seed": seed},
            trained=tuple(case(variant, series, seed) for series in experiments()),
            again=True,
        )
        for seed in range(session.options.seeds)
        for variant in session.options.names
    ]
    return [*(Planned(keys={"variant": name, "seed": seed}) for name, seed in baselines), *ours]


def case(variant: str, series: Series, seed: int) -> Case:
    """Returns one case."""
    rows = ((0, len(series.frame)),)
    return Case.of("skab", variant, series, seed, settings=settings(), parts=rows)


def measure(one: Planned, session: Session) -> Rows:
    """Counts a variant with a seed, or a baseline."""
    tables: dict[str, list[dict[str, Any]]] = {}
    if one.trained:
        found = [session.scored(case) for case in one.trained]
        failed = sum(scored.error is not None for scored in found)
        tables["skab"] = [{"failed": failed, **row} for row in count(found)]
        tables["skab_metrics"] = list(per_series(found))
        tables["skab_means"] = [means(tables["skab_metrics"])]
    else:
        tables["skab"] = [baseline(**one.keys)]
        variant, seed = one.keys["variant"], one.keys["seed"]
        if variant != EVERY_ROW and seed == 0:
            tables["skab_metrics"] = list(_chances() if variant == RANDOM else _pca())
            tables["skab_means"] = [means(tables["skab_metrics"])]
    return {name: [{**one.keys, **row} for row in part] for name, part in tables.items()}


def labels() -> list[np.ndarray]:
    """Returns the labels of the rows that count, per file."""
    return [series.labels()[training_rows(series)[1] :] for series in experiments()]


def baseline(variant: str, seed: int) -> dict[str, Any]:
    """Returns the figures of a random score, of PCA, or of an alarm in every row."""
    real = labels()
    keys = {"calibration": "none", "threshold": WITH_LABELS, "outliers": "rows", "failed": 0}
    if variant == RANDOM:
        rng = np.random.default_rng(seed)
        return {**keys, **_best(real, [rng.random(len(part)) for part in real])}
    if variant == PCA:
        scores = [_reconstructed(series)[training_rows(series)[1] :] for series in experiments()]
        return {**keys, **_best(real, scores)}
    keys["threshold"] = "none"
    return {**keys, **Counts.of(real, [np.ones_like(part) for part in real]).figures()}


def _chances() -> Iterator[dict[str, Any]]:
    for series in experiments():
        counted = np.arange(len(series.frame)) >= training_rows(series)[1]
        figures = by_chance(to_ranges(series.labels()), counted, period_s=PERIOD_S)
        yield {"series": series.name, **figures}


def _pca() -> Iterator[dict[str, Any]]:
    for series in experiments():
        counted = np.arange(len(series.frame)) >= training_rows(series)[1]
        labelled = to_ranges(series.labels())
        figures = without_threshold(
            _reconstructed(series), labelled, keep=counted, period_s=PERIOD_S
        )
        yield {"series": series.name, **figures}


def _reconstructed(series: Series) -> np.ndarray:
    """Returns PCA's error as a multiple of what 1 % of the training rows exceed.

    One threshold stands for all files, whose errors are of different size.
    """
    rows = training_rows(series)[1]
    error = pca_error(series.frame.to_numpy("float64"), rows)
    usual = float(np.quantile(error[:rows], 0.99))
    return error / usual if usual else error


class Rule(NamedTuple):
    """How rows become outliers without a look at the labels."""

    calibration: str
    threshold: str
    outliers: str


class Judge(NamedTuple):
    """Severities of an experiment, and what they stand for."""

    severity: np.ndarray
    """`(rows,)`; the training rows, too."""
    threshold: Callable[[str, AlarmPolicy], float]
    """The severity of a budget under a policy."""


def judges(found: Sequence[Scored]) -> dict[str, list[Judge | None]]:
    """Returns every calibration's judge of each experiment; `None` where the case failed."""
    own = [None if s.error else Judge(s.parts[0]["severity"], s.threshold) for s in found]
    pooled, held_out = _pooled(found), _pooled(found, newest=HELD_OUT_ROWS)
    return dict(zip(CALIBRATIONS, (own, pooled, held_out), strict=True))


def _pooled(found: Sequence[Scored], *, newest: int = 0) -> list[Judge | None]:
    """Returns judges by one calibration on rows of all files: the newest of each, or all."""
    used = [scored for scored in found if not scored.error]
    if not used:
        return [None] * len(found)
    kept = [np.array(scored.info["calibration_scores"][-newest:]) for scored in used]
    calibration = Calibration()
    summary = calibration.fit(np.concatenate(kept), least_scale=used[0].info["least_scale"])
    summary["severest"] = CalibrationRows.of(
        [calibration.severity(scores) for scores in kept],
        rows=sum(map(len, kept)),
        gap=TRAINING_ROWS,
    ).to_dict()

    def threshold(budget: str, policy: AlarmPolicy) -> float:
        return event_threshold(
            budget, period_s=PERIOD_S, calibration=summary, policy=policy
        ).threshold

    return [
        None if scored.error else Judge(calibration.severity(scored.parts[0]["score"]), threshold)
        for scored in found
    ]


def count(found: Sequence[Scored]) -> Iterator[dict[str, Any]]:
    """Yields the figures at each threshold; a failed case finds nothing."""
    real = labels()
    by_rule: dict[Rule, list[Counts]] = {}
    for calibration, judged in judges(found).items():
        for threshold, level in RULES.items():
            for outliers, policy in POLICIES.items():
                by_rule[Rule(calibration, threshold, outliers)] = [
                    Counts.of([part], [_detected(series, judge, level, policy)])
                    for series, judge, part in zip(experiments(), judged, real, strict=True)
                ]
    for rule, counts in by_rule.items():
        yield {**rule._asdict(), **Counts.total(counts).figures()}
    yield _from_the_other_half(by_rule)
    for column in ("severity", "score"):
        scores = [
            np.zeros(len(part)) if scored.error else scored.parts[0][column][-len(part) :]
            for part, scored in zip(real, found, strict=True)
        ]
        keys = {"calibration": "own" if column == "severity" else "none", "threshold": WITH_LABELS}
        yield {**keys, "outliers": f"rows, by {column}", **_best(real, scores)}


def _from_the_other_half(by_rule: Mapping[Rule, list[Counts]]) -> dict[str, Any]:
    """Returns the figures where every second file takes the rule that is best on the others.

    The best rule has the highest F1 with no more false alarms than the leader of the published
    table.
    """
    kept, chosen = [], []
    for here in (0, 1):
        there = {rule: Counts.total(counts[1 - here :: 2]) for rule, counts in by_rule.items()}
        figures = {rule: counts.figures() for rule, counts in there.items()}
        allowed = [rule for rule in figures if figures[rule]["far"] <= LEADER.far]
        best = max(allowed or figures, key=lambda rule: figures[rule]["f1"])
        kept += by_rule[best][here::2]
        chosen.append(", ".join(best))
    keys = {"calibration": "any", "threshold": OTHER_HALF, "outliers": "any"}
    return {**keys, **Counts.total(kept).figures(), "chosen": "; ".join(chosen)}


def _best(real: list[np.ndarray], scores: Sequence[np.ndarray]) -> dict[str, float]:
    """Returns the figures at the one threshold for all files that has the highest F1."""
    best = best_f1(np.concatenate([*scores]), np.concatenate(real), thresholds=None)
    detected = [score >= best.threshold for score in scores]
    return {**Counts.of(real, detected).figures(), "level": best.threshold}


def _detected(
    series: Series, judge: Judge | None, level: str | float, policy: AlarmPolicy | None
) -> np.ndarray:
    """Returns the outliers among the rows that count."""
    rows, first = len(series.frame), training_rows(series)[1]
    if judge is None:
        return np.zeros(rows - first, bool)
    used = policy or AlarmPolicy(release=1.0)
    threshold = judge.threshold(level, used) if isinstance(level, str) else level
    if policy is None:
        return judge.severity[first:] >= threshold
    return to_mask(event_ranges(judge.severity, threshold, policy), rows)[first:]


def per_series(found: Sequence[Scored]) -> Iterator[dict[str, Any]]:
    """Yields every metric of each experiment, at the file's own threshold and alarm policy."""
    for series, scored in zip(experiments(), found, strict=True):
        if scored.error:
            continue
        counted = np.arange(len(series.frame)) >= training_rows(series)[1]
        ranges = to_ranges(series.labels())
        figures = evaluated(scored, ranges, keep=counted, period_s=series.period_s or PERIOD_S)
        yield {"series": series.name, **figures}


def show(tables: Tables, console: Console) -> None:
    """Prints the means over seeds, F1 with its range."""
    groups = tables["skab"].groupby(["variant", "calibration", "threshold", "outliers"], sort=False)
    spread = groups["f1"].agg(["mean", "min", "max", "count"])
    rest = groups[["far", "mar", "failed"]].mean()
    console.print(spread.join(rest).round(3).to_string(), highlight=False)


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={
        "skab": ("variant", "seed", "calibration", "threshold", "outliers"),
        "skab_means": ("variant", "seed"),
    },
    details={"skab_metrics": ("variant", "seed", "series")},
    default=DEFAULT,
    trains_here=True,
)
