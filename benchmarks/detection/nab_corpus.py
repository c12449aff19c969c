"""NAB's series, its score of alerts under a policy, and thresholds chosen on one half."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby

import numpy as np

from benchmarks.detection.alerts import alerts, threshold_grid
from benchmarks.protocol.cases import training_rows
from datasets import load, names
from kad.metrics import NAB_PROFILES, NABProfile, nab_worth
from runtime.model.policy import AlarmPolicy

Policy = Callable[[int], AlarmPolicy]
"""From the training rows of a series to its alarm policy."""


@dataclass(frozen=True, eq=False)
class File:
    """One of NAB's series."""

    name: str
    """As in `datasets`."""
    rows: int
    probation: int
    """First rows, which train and do not count."""
    windows: tuple[tuple[int, int], ...]
    """Half-open row ranges of the labelled windows."""
    period_s: float
    worth: np.ndarray = field(repr=False)
    """Of a detection, by row."""

    def earned(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns what each window earns by alerts, NaN where it is missed, and each false alarm.

        Both are worths, before the factors of a profile.
        """
        rows = rows[rows >= self.probation]
        windows = np.full(len(self.windows), np.nan)
        inside = np.zeros(len(rows), bool)
        for number, (start, end) in enumerate(self.windows):
            hits = (rows >= start) & (rows < end)
            inside |= hits
            if hits.any():
                windows[number] = self.worth[rows[hits]].max()
        return windows, self.worth[rows[~inside]]

    def figures(self, rows: np.ndarray) -> tuple[float, int, float]:
        """Returns the sum of what is earned, windows missed, and the sum of false alarms."""
        windows, false = self.earned(rows)
        missed = np.isnan(windows)
        return float(windows[~missed].sum()), int(missed.sum()), float(false.sum())


@cache
def files() -> tuple[File, ...]:
    """All 58 series."""
    return tuple(_file(name) for name in names("nab/"))


def _file(name: str) -> File:
    series = load(name)
    index = series.frame.index
    windows = tuple(
        (int((index == start).argmax()), int((index == end).argmax()) + 1)
        for start, end in series.windows
    )
    rows, probation = len(index), training_rows(series)[1]
    return File(name, rows, probation, windows, series.period_s or 1.0, nab_worth(rows, windows))


@cache
def halves() -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers of the files in each half: by turns within each folder."""
    is_second = []
    folders = groupby(files(), key=lambda file: file.name.rsplit("/", 1)[0])
    for number, (_, members) in enumerate(folders):
        is_second += [(place + number) % 2 == 1 for place, _ in enumerate(members)]
    second = np.array(is_second)
    return np.flatnonzero(~second), np.flatnonzero(second)


def quality_policy(*, rise: float = 0.2, refractory: float = 0.2, half_life: float = 4.0) -> Policy:
    """Returns the policy of QUALITY.md, its times as multiples of the training rows.

    An event is one row, so that what lasts alarms again after the refractory time.
    """

    def policy(training_rows: int) -> AlarmPolicy:
        return AlarmPolicy(
            release=1.0,
            max_duration_steps=1,
            refractory_steps=round(refractory * training_rows),
            habituation_steps=round(half_life * training_rows),
            habituation_rise=rise,
        )

    return policy


POLICY = quality_policy()
POLICIES = {
    f"rise {rise:g}, refractory {refractory:g} p": quality_policy(rise=rise, refractory=refractory)
    for rise in (0.0, 0.2, 0.5)
    for refractory in (0.1, 0.2, 0.4)
}
"""What one half may choose from, beside the threshold; p are the training rows."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A detector's figures under one policy at many thresholds."""

    thresholds: np.ndarray
    """`(thresholds,)`, falling from infinity."""
    figures: np.ndarray
    """`(files, thresholds, 3)`: earned, windows missed, false alarms; see `File.figures`."""

    @classmethod
    def of(cls, scores: Sequence[np.ndarray], policy: Policy, thresholds: np.ndarray) -> "Sweep":
        """Sets every threshold on all files; rows of the probation count in the policy."""
        figures = [
            [file.figures(alerts(score, t, policy(file.probation))) for t in thresholds]
            for file, score in zip(files(), scores, strict=True)
        ]
        return cls(thresholds, np.array(figures, "float64"))

    def best(self, profile: str, members: np.ndarray | None = None) -> int:
        """Returns the threshold's number with the highest score on some files, or on all."""
        return int(np.argmax(corpus_score(self.figures, NAB_PROFILES[profile], members)))

    def score(self, profile: str, threshold: int, members: np.ndarray | None = None) -> float:
        """Returns the corpus score of some files, or of all, at a threshold."""
        figures = self.figures[:, threshold]
        return float(corpus_score(figures, NAB_PROFILES[profile], members))


def corpus_score(
    figures: np.ndarray, profile: NABProfile, members: np.ndarray | None = None
) -> np.ndarray:
    """Returns NAB's score, 100 for perfection and 0 for silence.

    Args:
        figures: `(files, ..., 3)`, of `File.figures`.
        profile: The profile.
        members: Numbers of the files that count; all where not given.
    """
    numbers = np.arange(len(figures)) if members is None else members
    windows = sum(len(files()[number].windows) for number in numbers)
    earned, missed, false = np.moveaxis(figures[numbers].sum(axis=0), -1, 0)
    raw = profile.hit * earned - profile.miss * missed + profile.false_alarm * false
    score: np.ndarray = 100 * (raw / windows + profile.miss) / (profile.hit + profile.miss)
    return score


def cross_half(sweeps: Sequence[Sweep], profile: str) -> tuple[float, float]:
    """Returns the score of each half at the policy and threshold that the other half chose.

    Args:
        sweeps: Of each policy to choose from.
        profile: Name of the profile.
    """
    first, second = halves()
    return transferred(sweeps, profile, first, second), transferred(sweeps, profile, second, first)


def transferred(
    sweeps: Sequence[Sweep], profile: str, here: np.ndarray, there: np.ndarray
) -> float:
    """Returns the score of the files `here` at the policy and threshold that others chose.

    Args:
        sweeps: Of each policy to choose from.
        profile: Name of the profile.
        here: Numbers of the files that count.
        there: Numbers of the files that choose.
    """
    chosen = max(sweeps, key=lambda s: s.score(profile, s.best(profile, there), there))
    return chosen.score(profile, chosen.best(profile, there), here)


def grid_of(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the thresholds of a corpus, from the rows that count."""
    return threshold_grid([s[file.probation :] for file, s in zip(files(), scores, strict=True)])
