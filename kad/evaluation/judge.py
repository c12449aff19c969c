"""A detector against labels, beside a random score and the moving Gaussian."""

import os
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table

from kad.data.frames import GridOptions, times_ns, to_grid, to_segments
from kad.data.tables import labels_in_time, read_labels, read_table, select_rows
from kad.detector.detector import Detector, data_sha256
from kad.detectors.gaussian import MovingGaussian
from kad.metrics.ranges import mean_of_known, windows_to_ranges
from kad.metrics.summary import METRICS, evaluate
from kad.runs.train import CONFIG, load
from runtime.alarms.budget import severity_threshold
from runtime.alarms.events import EventDetector, step_numbers
from runtime.clock.timestamps import TimeStyle
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores

__all__ = ["BASELINE", "RANDOM", "Evaluation", "evaluate_run"]

RANDOM = "uniform random"
BASELINE = "moving Gaussian"
_SECTIONS = {
    "none": "No threshold",
    "default": "Default threshold, chosen without labels",
    "labels": "Best F1, best NAB: threshold chosen with the labels in view",
}
_REORDER = 16
_NS = 10**9

Data = str | os.PathLike[str] | pd.DataFrame


class Evaluation(NamedTuple):
    """The figures of a detector and of what it has to beat."""

    table: pd.DataFrame
    """One row per detector and metric: `detector`, `threshold` (`none`, `default` or `labels`:
    chosen with these in view), `metric`, `value`; metrics are named as in `kad.metrics.METRICS`."""
    notes: tuple[str, ...]
    """What was left out, and why."""
    threshold: float
    """The detector's default threshold on severity; the others have theirs for the same budget."""
    false_alarms: str
    """The budget that it stands for."""


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What is evaluated: a run, or a detector file."""

    name: str
    channels: tuple[str, ...]
    options: GridOptions
    warmup_steps: int
    threshold: float
    policy: AlarmPolicy
    false_alarms: str
    trained: dict[str, Any]
    """Summary of the training: `start_ns`, `end_ns`, `data_sha256`."""
    settings: dict[str, Any]
    """`[data]` of the run."""
    scores: Callable[[pd.DataFrame], Scores]


def evaluate_run(
    run: str | os.PathLike[str],
    data: Data,
    labels: str | os.PathLike[str],
    *,
    test: str | None = None,
    training: Data | None = None,
    time: str | None = None,
    draws: int = 5,
) -> Evaluation:
    """Scores a series and compares with its labels; beside it a random score and the baseline.

    Every row of the series is scored, but those that trained do not count. Steps of the warm-up
    count, with the lowest score. A random score is uniform and alarms as often as the budget of
    false alarms allows. The moving Gaussian is fitted on the rows that trained the detector, with a
    threshold of its own for the same budget and alarm policy.

    Args:
        run: Run folder, `.keras` file, or a detector's `.onnx`.
        data: The series: a CSV or JSON-lines file, or a frame indexed by time.
        labels: CSV with the columns start and end, both inside, in the data's time or as row
            numbers where the data have none.
        test: The rows that count, `START:END`, half-open, as row numbers or timestamps; all that
            did not train where not given.
        training: The series that trained the detector, where `data` does not hold those rows.
        time: The time column; the run's where not given.
        draws: Random scores whose figures are averaged.

    Raises:
        InputError: A detector, data or labels that cannot be used; no row that counts; no label
            that meets the data; `training` did not train this detector.
    """
    subject = _subject(Path(run))
    frame, style = _read(data, subject, time)
    scores = subject.scores(frame)
    ranges = _label_ranges(read_labels(labels, style=style), labels, frame, scores, subject)
    trained = _training_rows(frame, subject)
    keep, notes = _rows_that_count(frame, scores, subject, trained=trained, test=test)
    lost = sum(not keep[start:end].any() for start, end in ranges)
    if lost:
        notes.append(f"{lost} of {len(ranges)} labelled windows lie in rows that do not count.")
    source = None if trained is None else frame.iloc[trained]
    if training is not None:
        other, _ = _read(training, subject, time)
        rows = _training_rows(other, subject)
        if rows is None:
            raise InputError(
                f"The training data must hold the rows that trained {run}. Received: others."
            )
        source = other.iloc[rows]

    def judge(scores: Scores, warmup_steps: int, threshold: float) -> dict[str, float]:
        score = scores.score.astype("float64")
        score[_warming(scores.restart, warmup_steps)] = score.min()
        return evaluate(
            score,
            ranges,
            detected=scores.severity >= threshold,
            events=_events(scores, threshold, subject),
            keep=keep,
            period_s=subject.options.period_s,
        )

    figures = {subject.name: judge(scores, subject.warmup_steps, subject.threshold)}
    rng = np.random.default_rng(0)
    # Neighbouring steps know nothing of each other: nearly every alarm is an event.
    by_chance = severity_threshold(subject.false_alarms, subject.options.period_s)
    noise = [judge(_random(scores, rng), 0, by_chance) for _ in range(draws)]
    figures[RANDOM] = {
        name: mean_of_known(np.array([draw[name] for draw in noise])) for name in noise[0]
    }
    if source is None:
        notes.append(
            f"The {BASELINE} needs the rows that trained the detector, which these data do not "
            "hold: name the file with --training."
        )
    else:
        try:
            baseline = _baseline(subject, source)
        except InputError as error:
            notes.append(f"There is no {BASELINE}: {error}")
        else:
            threshold = float(baseline.card["threshold"])
            figures[BASELINE] = judge(baseline.scores(frame)[0], baseline.warmup_steps, threshold)
    table = pd.DataFrame(
        [
            (detector, METRICS[metric].threshold, metric, value)
            for detector, values in figures.items()
            for metric, value in values.items()
        ],
        columns=["detector", "threshold", "metric", "value"],
    )
    return Evaluation(table, tuple(notes), subject.threshold, subject.false_alarms)


def as_text(evaluation: Evaluation) -> Group:
    """Returns what `kad evaluate` prints: detectors beside each other, metrics that are defined."""
    wide = evaluation.table.pivot_table(
        index="metric", columns="detector", values="value", sort=False, dropna=False
    )
    detector = evaluation.table["detector"].iloc[0]
    default = f": {evaluation.false_alarms} ({detector}: severity {evaluation.threshold:.2f})"
    parts: list[Table] = []
    defined = wide.index[wide.notna().any(axis=1)]
    for choice, title in _SECTIONS.items():
        names = [name for name in defined if METRICS[name].threshold == choice]
        if not names:
            continue
        part = Table(
            title=f"{title}{default * (choice == 'default')}\n",
            title_justify="left",
            box=None,
            pad_edge=False,
        )
        part.add_column("", min_width=26)
        for detector in wide.columns:
            part.add_column(str(detector), justify="right", min_width=len(BASELINE))
        for name in names:
            part.add_row(METRICS[name].title, *(_cell(name, v) for v in wide.loc[name]))
        parts += [part, Table()]
    return Group(*parts[:-1])


def _cell(name: str, value: float) -> str:
    if np.isnan(value):
        return "–"
    if "nab_" in name:
        return f"{value:.1f}"
    if name.endswith("delay_s"):
        return f"{value:,.0f}"
    return f"{value:.3f}"


# What is evaluated


def _subject(path: Path) -> _Subject:
    if path.suffix == ".onnx":
        return _exported(path)
    detector = load(path)
    if "threshold" not in detector.card:
        raise InputError(f"The detector in {path} is not trained. Train it with kad train.")
    return _Subject(
        name=detector.detector_name,
        channels=detector.channels,
        options=detector.grid_options(),
        warmup_steps=detector.warmup_steps,
        threshold=float(detector.card["threshold"]),
        policy=detector.alarm_policy,
        false_alarms=str(detector.card["false_alarms"]),
        trained=detector.card["training"],
        settings=_settings(path / CONFIG),
        scores=lambda frame: detector.scores(frame)[0],
    )


def _exported(path: Path) -> _Subject:
    from runtime import Detector as Exported
    from runtime import Stream

    detector = Exported(path)
    meta = detector.metadata

    def scores(frame: pd.DataFrame) -> Scores:
        stream = Stream(detector, reorder=_REORDER)
        parts = [stream.push_many(times_ns(frame), frame.to_numpy("float64")), stream.flush()]
        return Scores(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Scores)}
        )

    return _Subject(
        name=meta.detector,
        channels=meta.channels,
        options=GridOptions(
            period_s=meta.period_s,
            max_gap_steps=meta.max_gap_steps,
            grid=meta.grid,
            reorder=_REORDER,
        ),
        warmup_steps=meta.warmup_steps,
        threshold=meta.threshold,
        policy=meta.alarm,
        false_alarms=meta.false_alarms,
        trained=dict(meta.training),
        settings={},
        scores=scores,
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return dict(tomllib.loads(text).get("data", {}))
    except (OSError, ValueError) as error:
        raise InputError(f"The run's {path} cannot be read: {error}.") from error


def _read(data: Data, subject: _Subject, time: str | None) -> tuple[pd.DataFrame, TimeStyle | None]:
    """Returns the detector's channels, and how the file writes times."""
    if not isinstance(data, pd.DataFrame):
        table = read_table(
            data,
            time=time or subject.settings.get("time"),
            channels=subject.channels,
            period_s=subject.options.period_s,
        )
        return table.frame, table.style
    absent = [name for name in subject.channels if name not in data.columns]
    if absent or data.empty:
        raise InputError(
            f"The data must have rows, and the columns {', '.join(subject.channels)}. "
            f"Received: {len(data)} rows, the columns {', '.join(map(str, data.columns))}."
        )
    return data[list(subject.channels)], None


# Rows


def _label_ranges(
    windows: list[tuple[int, int]],
    path: str | os.PathLike[str],
    frame: pd.DataFrame,
    scores: Scores,
    subject: _Subject,
) -> list[tuple[int, int]]:
    """Returns the steps of each labelled window, windows that overlap as one."""
    period_ns = round(subject.options.period_s * _NS)
    windows = labels_in_time(windows, frame)
    # A row lies in the step that it is nearest to.
    around = (period_ns - 1) // 2 if subject.options.grid == "time" else 0
    found = windows_to_ranges(windows, scores.times_ns, around_ns=around)
    if windows and not found:
        raise InputError(
            f"No window of {path} holds a row of the data, which go from {frame.index[0]} to "
            f"{frame.index[-1]}. Write labels in the data's time, UTC where they have no zone."
        )
    return found


def _training_rows(frame: pd.DataFrame, subject: _Subject) -> np.ndarray | None:
    """Returns the numbers of the rows that trained the detector, if these are they exactly."""
    numbers = pd.DataFrame({"row": np.arange(len(frame))}, index=frame.index)
    candidates = []
    with suppress(InputError):  # they are rows of another, longer file
        candidates.append(select_rows(numbers, subject.settings.get("train"))["row"].to_numpy())
    times, half = times_ns(frame), round(subject.options.period_s * _NS) // 2
    trained = subject.trained
    if {"start_ns", "end_ns", "data_sha256"} <= trained.keys():
        inside = (times >= trained["start_ns"] - half) & (times <= trained["end_ns"] + half)
        candidates.append(np.flatnonzero(inside))
    options = replace(subject.options, reorder=subject.settings.get("reorder", _REORDER))
    for rows in candidates:
        if not len(rows):
            continue
        placed, _ = to_grid(frame.iloc[rows], options)
        if data_sha256(to_segments(placed)) == trained.get("data_sha256"):
            return np.asarray(rows)
    return None


def _rows_that_count(
    frame: pd.DataFrame,
    scores: Scores,
    subject: _Subject,
    *,
    trained: np.ndarray | None,
    test: str | None,
) -> tuple[np.ndarray, list[str]]:
    """Returns a mask of the steps, and notes on it."""
    steps = len(scores)
    if test is not None:
        numbers = pd.DataFrame({"row": np.arange(len(frame))}, index=frame.index)
        rows = select_rows(numbers, test, option="--test")["row"].to_numpy()
        keep = _between(np.isin(scores.rows, rows))
        return keep, [f"{keep.sum()} of {steps} steps count: --test {test}."]
    if trained is not None:
        keep = ~_between(np.isin(scores.rows, trained))
    elif isinstance(frame.index, pd.DatetimeIndex) and "end_ns" in subject.trained:
        start, end = subject.trained["start_ns"], subject.trained["end_ns"]
        keep = (scores.times_ns < start) | (scores.times_ns > end)
    else:
        keep = np.ones(steps, bool)
    if not keep.any():
        raise InputError(
            "Every row of the data trained the detector. Give rows that it has not seen, or say "
            "which count with --test START:END."
        )
    if keep.all():
        return keep, [f"All {steps} steps count."]
    return keep, [f"{keep.sum()} of {steps} steps count: the others lie in the training rows."]


def _between(mask: np.ndarray) -> np.ndarray:
    """Returns True from the first to the last True."""
    filled = np.zeros_like(mask)
    rows = np.flatnonzero(mask)
    if rows.size:
        filled[rows[0] : rows[-1] + 1] = True
    return filled


def _warming(restart: np.ndarray, warmup_steps: int) -> np.ndarray:
    steps = np.arange(len(restart))
    since = steps - np.maximum.accumulate(np.where(restart, steps, 0))
    return np.asarray(since < warmup_steps)


# Scores


def _events(scores: Scores, threshold: float, subject: _Subject) -> list[tuple[int, int]]:
    """Returns the events as ranges of rows."""
    channels = [str(number) for number in range(scores.channel_scores.shape[1])]
    timed = subject.options.period_s if subject.options.grid == "time" else None
    numbers = step_numbers(scores, period_s=timed)
    finder = EventDetector(channels, threshold=threshold, policy=subject.policy, period_s=1 / _NS)
    numbered = replace(scores, times_ns=numbers)
    events = [*finder.update(numbered), *finder.finish()]
    first = np.searchsorted(numbers, [event.start_ns for event in events])
    last = np.searchsorted(numbers, [event.end_ns for event in events])
    return sorted(zip(first.tolist(), (last + 1).tolist(), strict=True))


def _random(scores: Scores, rng: np.random.Generator) -> Scores:
    """Returns scores in which every step is as likely as any other to be high."""
    score = rng.random(len(scores), dtype="float32")
    return replace(scores, score=score, severity=-np.log10(1 - score))


def _baseline(subject: _Subject, rows: pd.DataFrame) -> Detector:
    baseline = MovingGaussian(
        subject.channels,
        period_s=subject.options.period_s,
        grid=subject.options.grid,
        max_gap_steps=subject.options.max_gap_steps,
    )
    baseline.fit(rows, false_alarms=subject.false_alarms, policy=subject.policy)
    return baseline
