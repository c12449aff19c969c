"""What a restart costs: rows after an outage by both rules, rows after the training cold and warm.

A gap longer than `max_gap_steps` restarts a stream. By the rule of schema 1 everything becomes
zero, by that of schema 2 only the first number of the state, so that what was learnt goes on. A new
stream starts from zeros, or warm from the file's state at the end of the training rows. Each is
compared with a stream that never stopped, on the same rows.

The first labelled series of each folder of NAB, and two pumps of `faults`. Of each series, `CUTS`
outages of `LOST` rows, cut at 40 to 60 % of the rows after the training, each in a stream of its
own; where they can, they lie outside all labels. Everything is told to `Detector.step` by states,
so that both rules are measured on one file. Rules of schema 2 say nothing on a file of schema 1.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.detection import nab
from benchmarks.detection.alerts import event_ranges
from benchmarks.detection.faults import (
    FIRST_PUMP,
    PERIOD_S,
    TRAINING_ROWS,
    label_ranges,
    pump_of,
)
from benchmarks.detection.judging import RANDOM
from benchmarks.detection.nab_corpus import files
from benchmarks.protocol import cases
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session, Tables
from benchmarks.protocol.cases import on_clock
from benchmarks.protocol.fingerprint import code_fingerprint
from benchmarks.protocol.streaming import network_inputs
from benchmarks.protocol.worker import train_case
from kad.detectors import detector_names
from kad.metrics import volume_under_surface
from kad.metrics.events import event_figures
from kad.metrics.points import average_precision
from kad.metrics.ranges import keep_rows, to_mask
from runtime.files import write_atomically
from runtime.model.schema import SCHEMA

DETECTORS = ("gaussian", "memory", "rnn", "vae-lstm", "ensemble")
PUMPS = tuple(f"pump/{FIRST_PUMP + number}" for number in range(2))
LOST = 144
"""Rows of an outage: half a day at five minutes, longer than any detector here bridges."""
CUTS = 5
WHERE = (0.4, 0.6)
"""Where an outage begins, as a share of the rows after the training."""
SOON = (72, 288)
"""Rows after the warm-up that are looked at by themselves: six hours, a day at five minutes."""
EPOCHS = 15
"""Of each network, at most: a comparison of states needs no best network."""

State = np.ndarray
Rule = Callable[[State], State]


def everything_zero(state: State) -> State:
    """The rule of schema 1: a new stream."""
    return np.zeros_like(state)


def first_number_zero(state: State) -> State:
    """The rule of schema 2: windows begin anew, what was learnt goes on."""
    following = state.copy()
    following[:, 0] = 0
    return following


RULES: dict[str, Rule] = {
    "everything zero": everything_zero,
    "first number 0": first_number_zero,
}
NO_OUTAGE = "no outage"
OUTAGE, TRAINED = "an outage", "the training"


class Subject(NamedTuple):
    """A series, and what a detector is trained on."""

    frame: pd.DataFrame
    trained: int
    """Rows that train, the first ones."""
    labels: list[tuple[int, int]]
    """Half-open row ranges."""
    period_s: float


class Outputs(NamedTuple):
    """What a stream says of consecutive rows."""

    score: np.ndarray
    severity: np.ndarray


def plan(session: Session) -> list[Planned]:
    """Returns every detector and a random score on every series."""
    return [
        Planned(keys={"detector": detector, "series": series, "schema": SCHEMA})
        for detector in (*session.options.names, RANDOM)
        for series in (*nab_series(), *PUMPS)
    ]


def nab_series() -> list[str]:
    """Returns the first labelled series of each folder: chosen by name, not by result."""
    first: dict[str, str] = {}
    for file in files():
        if file.windows:
            first.setdefault(file.name.rsplit("/", 1)[0], file.name)
    return list(first.values())


def measure(one: Planned, session: Session) -> Rows:
    """Trains a detector, or takes the file of an earlier run, and restarts its streams."""
    from runtime import Detector

    detector, series = one.keys["detector"], one.keys["series"]
    subject = subject_of(series)
    if detector == RANDOM:
        return {"restarts": [{**one.keys, **row} for row in _by_chance(subject)]}
    file = kept_file(detector, series)
    if not file.is_file() or session.options.fresh:
        with tempfile.TemporaryDirectory() as folder:
            run = _train(detector, series, subject, Path(folder) / "run")
            content = session.exporter.export(run).read_bytes()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    loaded = Detector(file)
    rows = [*after_outages(loaded, subject), *after_training(loaded, subject)]
    return {"restarts": [{**one.keys, **row} for row in rows]}


def subject_of(series: str) -> Subject:
    """Returns a series of NAB, or a pump by its number."""
    from datasets import load

    if series in PUMPS:
        frame, faults = pump_of(int(series.partition("/")[2]))
        return Subject(frame, TRAINING_ROWS, label_ranges(frame, faults), PERIOD_S)
    (file,) = (file for file in files() if file.name == series)
    return Subject(on_clock(load(series)), file.probation, [*file.windows], file.period_s)


def kept_file(detector: str, series: str) -> Path:
    """Returns where the detector file is kept: one of other code is not taken."""
    name = f"{series.replace('/', '.')}-{EPOCHS}-{code_fingerprint(detector)}.onnx"
    return cases.CACHE / "restarts" / detector / name


def _train(detector: str, series: str, subject: Subject, out: Path) -> Path:
    from datasets import load
    from kad.config import build_config
    from kad.detectors import detector_class
    from kad.options import merged
    from kad.runs.train import train

    fields = detector_class(detector).Training.model_fields
    few: dict[str, Any] = {name: EPOCHS for name in fields if name.startswith("epochs")}
    if series in PUMPS:
        overrides = {"training": {"seed": 0, **few}}
        config = build_config(detector=detector, overrides=overrides)
        return train(config, subject.frame.iloc[: subject.trained], out=out).folder
    case = nab.case(detector, load(series), seed=0)
    overrides = merged(case.overrides, {"training": few})
    case = replace(case, overrides=overrides, error_streams=False)
    return train_case(case, subject.frame, out).folder


def after_outages(detector: Any, subject: Subject) -> Iterator[dict[str, Any]]:
    """Yields the figures of every rule, means over the outages.

    Raises:
        RuntimeError: The detector bridges such an outage.
    """
    if detector.metadata.max_gap_steps >= LOST:
        raise RuntimeError(f"An outage of {LOST} rows is no restart for this detector.")
    x = network_inputs(detector.metadata, subject.frame)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (NO_OUTAGE, *RULES)}
    state, reached = detector.initial_state(), 0
    for cut in cuts(subject):
        state, reached = detector.step(x[:, reached:cut], state).next_state, cut
        begin = cut + LOST
        through = detector.step(x[:, cut:begin], state).next_state
        starts = {NO_OUTAGE: through, **{name: rule(state) for name, rule in RULES.items()}}
        for name, start in starts.items():
            found[name].append(
                _figures(detector, subject, begin, _outputs(detector, x, begin, start))
            )
    for name, figures in found.items():
        means = pd.DataFrame(figures).mean()
        more = {str(figure): value for figure, value in means.items()}
        yield {"after": OUTAGE, "start": name, "streams": len(figures), **more}


def cuts(subject: Subject) -> list[int]:
    """Returns where the outages begin, in order; outside all labels where a draw finds that."""
    rng = np.random.default_rng(0)
    rows = len(subject.frame)
    low, high = (subject.trained + round(part * (rows - subject.trained)) for part in WHERE)
    draws = rng.integers(low, high, size=(CUTS, 20)).tolist()
    labelled = to_mask(subject.labels, rows)
    return sorted(
        next((cut for cut in some if not labelled[cut : cut + LOST].any()), some[0])
        for some in draws
    )


def after_training(detector: Any, subject: Subject) -> Iterator[dict[str, Any]]:
    """Yields the figures of a cold start, a warm one, and a stream that goes on from training."""
    x, begin = network_inputs(detector.metadata, subject.frame), subject.trained
    went_on = detector.step(x[:, :begin], detector.initial_state()).next_state
    starts = {
        "goes on": went_on,
        "cold": detector.initial_state(),
        "warm": warm_state(detector, went_on),
    }
    for name, start in starts.items():
        figures = _figures(detector, subject, begin, _outputs(detector, x, begin, start))
        yield {"after": TRAINED, "start": name, "streams": 1, **figures}


def _by_chance(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yields what a random score has on the same rows."""
    rows = len(subject.frame)
    score = np.random.default_rng(0).random(rows)
    begins = {OUTAGE: [cut + LOST for cut in cuts(subject)], TRAINED: [subject.trained]}
    for after, starts in begins.items():
        labels = [keep_rows(subject.labels, np.arange(rows) >= begin) for begin in starts]
        found = [
            _from_scores(score[begin:], part) for begin, part in zip(starts, labels, strict=True)
        ]
        means = pd.DataFrame(found).mean()
        more = {str(figure): value for figure, value in means.items()}
        yield {"after": after, "start": "random", "streams": len(starts), **more}


def warm_state(detector: Any, after_training: State) -> State:
    """Returns the file's warm state; of a file without one, what it would have been.

    Args:
        detector: The detector.
        after_training: State of a stream that has seen the training rows.
    """
    state = getattr(detector, "warm_state", None)
    return first_number_zero(after_training) if state is None else np.atleast_2d(state)


def _outputs(detector: Any, x: np.ndarray, begin: int, state: State) -> Outputs:
    out = detector.step(x[:, begin:], state)
    return Outputs(out.score[0], out.severity[0])


def _figures(detector: Any, subject: Subject, begin: int, out: Outputs) -> dict[str, float]:
    meta = detector.metadata
    keep = np.arange(len(subject.frame)) >= begin
    return figures(
        out,
        keep_rows(subject.labels, keep),
        warmup=meta.warmup_steps,
        threshold=meta.threshold,
        events=event_ranges(out.severity, meta.threshold, meta.alarm),
        period_s=subject.period_s,
    )


def figures(
    out: Outputs,
    labels: Sequence[tuple[int, int]],
    *,
    warmup: int,
    threshold: float,
    events: Sequence[tuple[int, int]],
    period_s: float,
) -> dict[str, float]:
    """Returns what a stream says after a start; what needs labels is NaN without any.

    Args:
        out: From the first row after the start.
        labels: Half-open ranges of these rows.
        warmup: Rows after a start that score nothing.
        threshold: On severity.
        events: Half-open ranges of these rows.
        period_s: Seconds from one row to the next.
    """
    labels, mask = list(labels), to_mask(labels, len(out.score))
    found = _from_scores(out.score, labels)
    at_threshold = event_figures(list(events), labels, rows=len(mask), period_s=period_s)
    found["event_recall"] = at_threshold.recall
    found["false_alarms_per_day"] = at_threshold.false_alarms_per_day
    found["normal_in_events"] = at_threshold.normal_in_events
    normal = ~mask
    for rows in SOON:
        span = slice(warmup, warmup + rows)
        severity = out.severity[span][normal[span]]
        has_any = bool(len(severity))
        found[f"above_{rows}"] = float((severity >= threshold).mean()) if has_any else np.nan
        found[f"median_{rows}"] = float(np.median(severity)) if has_any else np.nan
    return found


def _from_scores(score: np.ndarray, labels: Sequence[tuple[int, int]]) -> dict[str, float]:
    ranges = list(labels)
    mask = to_mask(ranges, len(score))
    return {
        "vus_pr": volume_under_surface(score, ranges).pr,
        "average_precision": average_precision(score, mask) if ranges else np.nan,
    }


def show(tables: Tables, console: Console) -> None:
    """Prints means over NAB's series, and over the pumps."""
    console.print(summary(tables["restarts"]).round(3).to_string(), highlight=False)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Returns means over the series of each kind, of the newest schema that was measured."""
    table = table[table["schema"] == table["schema"].max()]
    kind = table["series"].str.partition("/")[0].rename("data")
    groups = table.groupby(["after", kind, "detector", "start"], sort=False)
    return groups.mean(numeric_only=True).drop(columns=["schema", "streams"])


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show,
    tables={"restarts": ("detector", "series", "schema", "after", "start")},
    default=DETECTORS,
    known=detector_names(),
    trains_here=True,
)
