"""A detector against labels, beside a random score and the moving Gaussian."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kad.data.labels import read_labels
from kad.detectors.gaussian import MovingGaussian
from kad.evaluation.rows import (
    Data,
    label_ranges,
    read,
    rows_that_count,
    training_rows,
)
from kad.evaluation.subject import subject_of
from kad.metrics.ranges import mean_of_known
from kad.metrics.summary import METRICS, evaluate
from runtime.alarms.budget import severity_threshold
from runtime.alarms.events import EventDetector, step_numbers
from runtime.errors import InputError
from runtime.model.schema import Metadata
from runtime.streams.scores import Scores
from runtime.tables.reading import Reading

RANDOM = "uniform random"
BASELINE = "moving Gaussian"


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
    read: tuple[str, ...] = ()
    """What was read of the data, in words."""


def evaluate_run(
    run: str | os.PathLike[str],
    data: Data,
    labels: str | os.PathLike[str],
    *,
    test: str | None = None,
    training: Data | None = None,
    reading: Reading | None = None,
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
        reading: How the data are read, as far as the user says; else as in training.
        draws: Random scores whose figures are averaged.

    Raises:
        InputError: A detector, data or labels that cannot be used; no row that counts; no label
            that meets the data; `training` did not train this detector.
    """
    subject = subject_of(Path(run))
    meta = subject.metadata
    frame, style, said = read(data, subject, reading)
    scores = subject.scores(frame)
    ranges = label_ranges(read_labels(labels, style=style), labels, frame, scores, subject)
    trained = training_rows(frame, subject)
    keep, notes = rows_that_count(frame, scores, subject, trained=trained, test=test)
    lost = sum(not keep[start:end].any() for start, end in ranges)
    if lost:
        notes.append(f"{lost} of {len(ranges)} labelled windows lie in rows that do not count.")
    source = None if trained is None else frame.iloc[trained]
    if training is not None:
        other, _, _ = read(training, subject, reading)
        rows = training_rows(other, subject)
        if rows is None:
            raise InputError(
                f"The training data must hold the rows that trained {run}. Received: others."
            )
        source = other.iloc[rows]
    judge = _Judge(meta, ranges, keep)
    figures = {meta.detector: judge.figures(scores, meta.warmup_steps, meta.threshold)}
    figures[RANDOM] = judge.by_chance(scores, draws)
    try:
        figures[BASELINE] = judge.of_baseline(source, frame)
    except InputError as error:
        notes.append(str(error))
    return Evaluation(_table(figures), tuple(notes), meta.threshold, meta.false_alarms, tuple(said))


class _Judge(NamedTuple):
    """Compares scores of one series with its labels."""

    metadata: Metadata
    """Of the detector, whose budget and alarm policy count for all."""
    ranges: list[tuple[int, int]]
    """Half-open ranges of labelled steps."""
    keep: np.ndarray
    """Steps that count: bool `(steps,)`."""

    def figures(self, scores: Scores, warmup_steps: int, threshold: float) -> dict[str, float]:
        """Returns the metrics of scores."""
        score = scores.score.astype("float64")
        score[scores.warming(warmup_steps)] = score.min()
        return evaluate(
            score,
            self.ranges,
            detected=scores.severity >= threshold,
            events=self._events(scores, threshold),
            keep=self.keep,
            period_s=self.metadata.period_s,
        )

    def by_chance(self, scores: Scores, draws: int) -> dict[str, float]:
        """Returns the metrics of a random score, averaged over draws."""
        rng = np.random.default_rng(0)
        # Neighbouring steps know nothing of each other: nearly every alarm is an event.
        threshold = severity_threshold(self.metadata.false_alarms, self.metadata.period_s)
        noise = [self.figures(_random(scores, rng), 0, threshold) for _ in range(draws)]
        return {name: mean_of_known(np.array([draw[name] for draw in noise])) for name in noise[0]}

    def of_baseline(self, rows: pd.DataFrame | None, frame: pd.DataFrame) -> dict[str, float]:
        """Returns the metrics of the moving Gaussian.

        Raises:
            InputError: There is none, and why.
        """
        if rows is None:
            raise InputError(
                f"The {BASELINE} needs the rows that trained the detector, which these data do not "
                "hold: name the file with --training."
            )
        meta = self.metadata
        baseline = MovingGaussian(
            meta.channels, period_s=meta.period_s, grid=meta.grid, max_gap_steps=meta.max_gap_steps
        )
        try:
            baseline.fit(rows, false_alarms=meta.false_alarms, policy=meta.alarm)
        except InputError as error:
            raise InputError(f"There is no {BASELINE}: {error}") from error
        own = baseline.metadata
        return self.figures(baseline.scores(frame)[0], own.warmup_steps, own.threshold)

    def _events(self, scores: Scores, threshold: float) -> list[tuple[int, int]]:
        """Returns the events as half-open ranges of steps."""
        meta = self.metadata
        channels = [str(number) for number in range(scores.channel_scores.shape[1])]
        numbers = step_numbers(scores, period_s=meta.period_s if meta.grid == "time" else None)
        one_ns = 1e-9  # steps are counted, not timed
        finder = EventDetector(channels, threshold=threshold, policy=meta.alarm, period_s=one_ns)
        events = [*finder.update(replace(scores, times_ns=numbers)), *finder.finish()]
        first = np.searchsorted(numbers, [event.start_ns for event in events])
        last = np.searchsorted(numbers, [event.end_ns for event in events])
        return sorted(zip(first.tolist(), (last + 1).tolist(), strict=True))


def _random(scores: Scores, rng: np.random.Generator) -> Scores:
    """Returns scores in which every step is as likely as any other to be high."""
    score = rng.random(len(scores), dtype="float32")
    return replace(scores, score=score, severity=-np.log10(1 - score))


def _table(figures: dict[str, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (detector, METRICS[metric].threshold, metric, value)
            for detector, values in figures.items()
            for metric, value in values.items()
        ],
        columns=["detector", "threshold", "metric", "value"],
    )
