"""The Numenta Anomaly Benchmark: all 58 series, scored by the exported file in the runtime.

Each series trains on its probationary rows and is then scored from its first row in one stream. An
alarm policy turns scores into alerts, one threshold for all series; NAB's scorer counts these.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.detection.alerts import alerts
from benchmarks.detection.anchors import LEFT_PROFILE, left_profile
from benchmarks.detection.judging import RANDOM, by_chance, evaluated, means, without_threshold
from benchmarks.detection.nab_corpus import (
    POLICIES,
    POLICY,
    File,
    Sweep,
    corpus_score,
    cross_half,
    files,
    grid_of,
    halves,
)
from benchmarks.detection.nab_recipes import chosen_recipes
from benchmarks.detection.rescoring import Recipe
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import Case, Scored, training_rows
from benchmarks.protocol.processes import installed
from datasets import Series, load
from kad.metrics import (
    NAB_PROFILES,
    NABSeries,
    nab_scores,
    volume_under_surface,
)
from runtime.errors import InputError

DEFAULT = ["gaussian", "memory", "rnn", "vae-lstm", "ensemble"]


def settings(rows: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the settings of every detector, and of each one, for a series' training rows.

    One recipe: the shortest series train on 169 rows, of which static calibration needs 50, so the
    share that is held out grows and the VAE-LSTM's windows shrink where rows are few. VAE-LSTM and
    RNN are those of the ensemble. The memory alone warms up in at most half of the training rows;
    in the ensemble it joins in after 256 rows, as everywhere.
    """
    from kad.detectors.ensemble import EnsembleTraining, RNNArguments, VAELSTMArguments

    vae_lstm, training = {"l_win": min(64, rows // 8)}, EnsembleTraining()
    held_out = {"validation": round(max(0.15, 52 / rows), 3)}
    return {
        "": {"data": {"grid": "rows"}},
        "vae-lstm": {
            "detector": VAELSTMArguments(**vae_lstm).model_dump(),
            "training": {**training.vae_lstm.model_dump(exclude_unset=True), **held_out},
        },
        "rnn": {
            "detector": RNNArguments().model_dump(),
            "training": {**training.rnn.model_dump(exclude_unset=True), **held_out},
        },
        "memory": {"detector": {"start": min(256, rows // 2)}},
        "ensemble": {"detector": {"vae_lstm": vae_lstm}, "training": held_out},
    }


PEERS = (
    "ARTime",
    "numenta",
    "contextOSE",
    "numentaTM",
    "randomCutForest",
    "windowedGaussian",
)
"""Published detectors whose scores of each row are in `nab/peer_scores.npz`."""
BUDGETS = ("1/week", "1/day")
TESTS = {
    "in-sample": "best threshold, chosen with the labels",
    "cross-half": "threshold chosen on one half of the files, scored on the other",
    "cross-half, policy": "threshold and policy chosen on one half, scored on the other",
    "cross-half, all": "scoring options, then policy and threshold chosen on one half",
    **{f"label-free {budget}": f"threshold of the budget {budget}" for budget in BUDGETS},
    "no policy": "best threshold of the bare score, chosen with the labels",
    "no policy, cross-half": "the same chosen on one half, scored on the other",
    "VUS-PR": "mean over the labelled series, L = 100",
}
"""What the figures of `nab.csv` are."""


class Subject(NamedTuple):
    """Scores of the whole corpus by one detector."""

    variant: str
    seed: int
    kind: str
    """`ours`, `baseline` or `peer`."""
    scores: list[np.ndarray]
    """What the policy thresholds, of each file."""
    scored: list[Scored | None]
    """What else is known of ours; failed cases are `None` and score 0."""


def plan(session: Session) -> list[Planned]:
    """Returns random scores, peers, then every variant with each seed, seed by seed."""
    options = session.options
    if options.recipes and options.column != "score":
        raise InputError("Recipes are scores before severity: leave out --recipes or --column.")
    rivals = [(RANDOM, seed) for seed in range(3)]
    if _peers().is_file():
        rivals += [(name, 0) for name in PEERS]
    else:
        session.console.print("No peers: they need nab/peer_scores.npz in KAD_DATA_DIR.")
    if installed("stumpy"):
        rivals.append((LEFT_PROFILE, 0))
    else:
        session.console.print("No new left matrix profile: it needs stumpy (extra benchmarks).")
    series = [load(file.name) for file in files()]
    ours = [
        Planned(
            keys={"variant": variant, "seed": seed, "column": options.column},
            trained=tuple(case(variant, one, seed) for one in series),
            again=True,
        )
        for seed in range(options.seeds)
        for variant in options.names
    ]
    return [
        *(
            Planned(keys={"variant": name, "seed": seed, "column": "score"})
            for name, seed in rivals
        ),
        *ours,
    ]


def _peers() -> Path:
    return Path(os.environ.get("KAD_DATA_DIR", ".")) / "nab/peer_scores.npz"


def case(variant: str, series: Series, seed: int) -> Case:
    """Returns one case."""
    rows = ((0, len(series.frame)),)
    return Case.of(
        "nab",
        variant,
        series,
        seed,
        settings=settings(training_rows(series)[1]),
        parts=rows,
        context=True,
        error_streams=True,
    )


def measure(one: Planned, session: Session) -> Rows:
    """Returns the figures of a whole corpus, failed series as silence."""
    subject = _subject(one, session)
    session.console.print(f"figures of {subject.variant}, seed {subject.seed} …")
    rows, lost = figures(subject)
    tables: dict[str, list[dict[str, Any]]] = {}
    if session.options.recipes and subject.kind == "ours":
        chosen, tried = chosen_recipes(subject.scored, session.console)
        rows += chosen
        tables["nab_recipes"] = tried
    failed = sum(scored is None for scored in subject.scored)
    tables["nab"] = [{"kind": subject.kind, "failed": failed, **row} for row in rows]
    if subject.kind != "baseline":
        tables["nab_windows"] = lost
    if subject.kind != "peer":
        tables["nab_metrics"] = list(per_series(subject))
        tables["nab_means"] = [means(tables["nab_metrics"])]
    return {name: [{**one.keys, **row} for row in part] for name, part in tables.items()}


def _subject(one: Planned, session: Session) -> Subject:
    variant, seed = one.keys["variant"], one.keys["seed"]
    if variant == RANDOM:
        rng = np.random.default_rng(seed)
        return Subject(variant, seed, "baseline", [rng.random(f.rows) for f in files()], [])
    if variant == LEFT_PROFILE:
        profiles = [left_profile(load(file.name).frame.to_numpy("float64")) for file in files()]
        return Subject(variant, seed, "baseline", profiles, [])
    if not one.trained:
        with np.load(_peers()) as peers:
            stems = [f"{variant}/{file.name.removeprefix('nab/')}.csv" for file in files()]
            return Subject(variant, seed, "peer", [peers[stem] for stem in stems], [])
    found = [session.scored(case) for case in one.trained]
    kept = [None if scored.error else scored for scored in found]
    column = session.options.column
    scores = [
        np.zeros(file.rows) if scored is None else scored.parts[0][column].astype("float64")
        for file, scored in zip(files(), kept, strict=True)
    ]
    return Subject(variant, seed, "ours", scores, kept)


def figures(subject: Subject) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the rows of `nab.csv`, and those of `nab_windows.csv`."""
    grid = grid_of(subject.scores)
    sweeps = {name: Sweep.of(subject.scores, policy, grid) for name, policy in POLICIES.items()}
    sweep = Sweep.of(subject.scores, POLICY, grid)
    rows = []

    def add(test: str, profile: str, value: float, **more: Any) -> None:
        rows.append({"test": test, "profile": profile, "value": value, **more})

    for profile in NAB_PROFILES:
        best = sweep.best(profile)
        add("in-sample", profile, sweep.score(profile, best), threshold=grid[best])
        for test, choice in (
            ("cross-half", [sweep]),
            ("cross-half, policy", list(sweeps.values())),
        ):
            first, second = cross_half(choice, profile)
            add(test, profile, (first + second) / 2, first_half=first, second_half=second)
    corpus = [
        NABSeries(score, file.windows, file.probation)
        for file, score in zip(files(), subject.scores, strict=True)
    ]
    for profile, found in nab_scores(corpus).items():
        add("no policy", profile, found.score, threshold=found.threshold)
    for profile, (first, second) in _bare_cross_half(corpus).items():
        add(
            "no policy, cross-half",
            profile,
            (first + second) / 2,
            first_half=first,
            second_half=second,
        )
    if subject.kind == "ours":
        for budget in BUDGETS:
            counts = np.array([_label_free(*pair, budget) for pair in _pairs(subject)])
            for profile, settings in NAB_PROFILES.items():
                add(f"label-free {budget}", profile, float(corpus_score(counts, settings)))
    add("VUS-PR", "none", _volume(subject.scores))
    return rows, list(_per_window(subject.scores, float(grid[sweep.best("standard")])))


def _pairs(subject: Subject) -> Iterator[tuple[File, Scored | None]]:
    return zip(files(), subject.scored, strict=True)


def _bare_cross_half(corpus: list[NABSeries]) -> dict[str, tuple[float, float]]:
    scores: dict[str, list[float]] = {profile: [] for profile in NAB_PROFILES}
    for here, there in (halves(), halves()[::-1]):
        chosen = nab_scores([corpus[number] for number in there])
        thresholds = {profile: best.threshold for profile, best in chosen.items()}
        found = nab_scores([corpus[number] for number in here], thresholds=thresholds)
        for profile, score in found.items():
            scores[profile].append(score.score)
    return {profile: (first, second) for profile, (first, second) in scores.items()}


def _label_free(file: File, scored: Scored | None, budget: str) -> tuple[float, int, float]:
    """Returns the figures at a file's own threshold, on severity, that its budget stands for."""
    if scored is None:
        return file.figures(np.empty(0, int))
    policy = POLICY(file.probation)
    threshold = scored.threshold(budget, policy)
    return file.figures(alerts(scored.parts[0]["severity"], threshold, policy))


def _volume(scores: list[np.ndarray]) -> float:
    volumes = [
        volume_under_surface(score[file.probation :], _counted(file)).pr
        for file, score in zip(files(), scores, strict=True)
        if file.windows
    ]
    return float(np.mean(volumes))


def _counted(file: File) -> list[tuple[int, int]]:
    """Returns the windows after the probation, in rows after it."""
    shift = file.probation
    return [(max(start - shift, 0), end - shift) for start, end in file.windows if end > shift]


def _per_window(scores: list[np.ndarray], threshold: float) -> Iterator[dict[str, Any]]:
    """Yields what each window and the false alarms of each series contribute at a threshold.

    In points of the standard profile's corpus score, where a window found at once gives the most.
    """
    profile = NAB_PROFILES["standard"]
    points = 100 / ((profile.hit + profile.miss) * sum(len(file.windows) for file in files()))
    for file, score in zip(files(), scores, strict=True):
        rows = alerts(score, threshold, POLICY(file.probation))
        earned, false = file.earned(rows)
        for number, ((start, end), worth) in enumerate(zip(file.windows, earned, strict=True)):
            hits = rows[(rows >= max(start, file.probation)) & (rows < end)]
            yield {
                "series": file.name,
                "window": str(number),
                "start": start,
                "end": end,
                "alert": hits[0] if len(hits) else None,
                "alerts": len(hits),
                "highest": score[start:end].max(),
                "points": 0.0 if np.isnan(worth) else points * (profile.hit * worth + profile.miss),
                "most": points * (profile.hit + profile.miss),
            }
        yield {
            "series": file.name,
            "window": "false alarms",
            "alerts": len(false),
            "points": points * profile.false_alarm * float(false.sum()),
            "most": 0.0,
        }


def per_series(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yields every metric of each series, at the file's own threshold and alarm policy."""
    if subject.variant == RANDOM:
        for file in files():
            keep, period_s = np.arange(file.rows) >= file.probation, file.period_s
            figures = by_chance(file.windows, keep, period_s=period_s, seed=subject.seed)
            yield {"series": file.name, **figures}
        return
    if subject.kind == "baseline":
        for file, score in zip(files(), subject.scores, strict=True):
            keep = np.arange(file.rows) >= file.probation
            figures = without_threshold(score, file.windows, keep=keep, period_s=file.period_s)
            yield {"series": file.name, **figures}
        return
    for (file, scored), score in zip(_pairs(subject), subject.scores, strict=True):
        if scored is None:
            continue
        yield {
            "series": file.name,
            **evaluated(
                scored,
                file.windows,
                score=score,
                keep=np.arange(file.rows) >= file.probation,
                period_s=file.period_s,
            ),
        }


def show(tables: Tables, console: Console) -> None:
    """Prints mean and spread over seeds."""
    table = tables["nab"]
    order = {test: number for number, test in enumerate(TESTS)}
    rows = table.sort_values("test", key=lambda tests: tests.map(order), kind="stable")
    groups = rows.groupby(["test", "variant", "column", "profile"], sort=False)["value"]
    spread = groups.agg(["mean", "min", "max", "count"])
    for test in rows["test"].unique():
        part = spread.loc[test]
        means = part.pivot_table(index=["variant", "column"], columns="profile", values="mean")
        first = next(iter(NAB_PROFILES)) if len(means.columns) > 1 else means.columns[0]
        means = means[[p for p in NAB_PROFILES if p in means] or [first]]
        seeds = part.xs(first, level="profile")[["min", "max", "count"]]
        console.print(f"\n[bold]{test}[/]: {TESTS[str(test)]}", highlight=False)
        shown = means.join(seeds).sort_values(first, ascending=False)
        console.print(shown.round(3).to_string(), highlight=False)


KEYS = ("variant", "seed", "column")
BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"nab": (*KEYS, "test", "profile"), "nab_means": KEYS},
    details={
        "nab_windows": (*KEYS, "series", "window"),
        "nab_metrics": (*KEYS, "series"),
        "nab_recipes": (*KEYS, *Recipe._fields, "profile"),
    },
    default=DEFAULT,
    trains_here=True,
)
