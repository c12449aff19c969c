"""How much of normal data is in events at a threshold: counted, and beyond that by a fitted tail.

Peaks over a threshold: the events of calibration rows above a level, declustered by the alarm
policy itself, fall off exponentially with the severity that they must reach. How fast, few weeks
say badly: what many series have shown weighs as much as `WEIGHT` events of the rows at hand.

References: A. C. Davison, R. L. Smith (1990), "Models for Exceedances over High Thresholds", for
the method; H. R. Künsch (1989), "The Jackknife and the Bootstrap for General Stationary
Observations", for blocks, which are weighed as D. B. Rubin (1981), "The Bayesian Bootstrap", weighs
samples.
"""

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.alarms.calibration_rows import CalibrationRows
from runtime.model.policy import AlarmPolicy

__all__ = ["LEVEL", "Expected", "Measure", "Tail"]

Measure = Literal["events", "time"]
"""What a budget is about: the number of events, or the steps that lie in one."""
Numbers = npt.NDArray[np.float64]

LEVEL = 0.8
"""Share of the cases in which the truth should lie within an interval."""
ANCHOR = 20
"""Events of the level that the tail begins at: where there are fewer, the count by itself says too
little."""
FEWEST = 5
"""Events without which there is no level to begin at."""
DECADES: dict[Measure, float] = {"events": 0.6, "time": 0.7}
"""Decades by which events, and the time in them, fall per unit of severity on many series."""
WEIGHT = 10.0
"""How many events that is worth."""
REACH = 3.0
"""Severity above the tail's beginning beyond which a peak counts as that high: a single one far
away is of another kind."""
SPREAD = 0.45
"""Standard deviation of the natural logarithm of what comes, beyond what calibration rows can show:
other weeks are other weeks."""
_BLOCKS = 24
_DRAWS = 400
_GRID = 64
_TURNS = 20


class Expected(NamedTuple):
    """What normal data give at a threshold, per sample."""

    value: float
    """Events, or steps in events."""
    low: float
    """It is less in one of ten cases."""
    high: float
    """It is more in one of ten cases."""


class Tail:
    """What a policy makes of normal rows, at any threshold.

    Args:
        rows: Calibration rows.
        policy: What makes an event.
    """

    def __init__(self, rows: CalibrationRows, policy: AlarmPolicy) -> None:
        self._rows, self._policy = rows.rows, policy
        plain = _curves(rows, replace(policy, habituation_steps=0))
        self._counted = _curves(rows, policy) if policy.habituation_steps else plain
        events = plain["events"].counts
        need = min(ANCHOR, max(FEWEST, events.max() / 2))
        enough = np.flatnonzero(events >= need)
        self.is_known = len(enough) > 0
        """Whether there are events enough to say anything."""
        self._falls: dict[Measure, _Fall] = {}
        if self.is_known:
            place = int(enough[-1])
            self._falls = {
                measure: _Fall(curve, place, events=float(events[place]), decades=DECADES[measure])
                for measure, curve in plain.items()
            }

    def threshold(self, per_sample: float, measure: Measure) -> float:
        """Returns the threshold at which as much is to be expected.

        Args:
            per_sample: Events, or steps in events, per sample.
            measure: Which of them.
        """
        count, fall = per_sample * self._rows, self._falls[measure]
        if count >= fall.count:
            return self._counted[measure].level_of(count)
        level = fall.level_of(count)
        return max(level / self._rise(level), self._counted[measure].level_of(fall.count))

    def expected(self, threshold: float, measure: Measure) -> Expected:
        """Returns what is to be expected at a threshold.

        Args:
            threshold: On severity.
            measure: Events, or steps in events.
        """
        curve, fall = self._counted[measure], self._falls[measure]
        if curve.at(threshold) >= fall.count:
            value, factors = curve.at(threshold), curve.drawn(threshold)
        else:
            level = threshold
            for _ in range(_TURNS):  # half a step each: a whole one may overshoot for ever
                level = (level + threshold * self._rise(level)) / 2
            value, factors = fall.at(level), fall.drawn(level)
        noise = np.random.default_rng(1).standard_normal(len(factors))
        factors = factors * np.exp(SPREAD * noise)
        low, high = np.quantile(factors, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        most = 1.0 if measure == "time" else np.inf
        return Expected(
            *(min(float(count) / self._rows, most) for count in (value, low * value, high * value))
        )

    def _rise(self, level: float) -> float:
        """Returns how many times the threshold habituation asks for, where events are this rare."""
        policy = self._policy
        if not policy.habituation_steps:
            return 1.0
        per_step = self._falls["events"].at(level) / self._rows
        remembered = per_step * policy.habituation_steps / np.log(2)
        return float(1 + policy.habituation_rise * remembered)


def _curves(rows: CalibrationRows, policy: AlarmPolicy) -> "dict[Measure, _Curve]":
    """Counts events and their steps at many thresholds, by the block of time they begin in."""
    lowest = rows.lowest(policy)
    severe = np.sort(rows.severity)[::-1]
    ranks = np.geomspace(1, max(len(severe), 1), _GRID).astype(int) - 1
    levels = severe[ranks] if len(severe) else severe
    thresholds = np.unique(np.append(levels[levels > lowest], lowest))
    blocks = {name: np.zeros((len(thresholds), _BLOCKS)) for name in ("events", "time")}
    start, end = (int(rows.numbers[at]) for at in (0, -1)) if len(severe) else (0, 0)
    for place, threshold in enumerate(thresholds.tolist()):
        first, steps = rows.found(threshold, policy)
        block = (first - start) * _BLOCKS // (end - start + 1)
        blocks["events"][place] = np.bincount(block, minlength=_BLOCKS)
        blocks["time"][place] = np.bincount(block, weights=steps, minlength=_BLOCKS)
    return {
        "events": _Curve(thresholds, blocks["events"], is_cut=rows.level > 0),
        "time": _Curve(thresholds, blocks["time"], is_cut=rows.level > 0),
    }


class _Curve:
    """What was counted at each threshold; never more at a higher one.

    Far down everything merges into few long events: that is not the tail.

    Args:
        thresholds: Rising, `(levels,)`.
        blocks: Counts by block of time, `(levels, blocks)`.
        is_cut: There were rows below the lowest threshold.
    """

    def __init__(self, thresholds: Numbers, blocks: Numbers, *, is_cut: bool) -> None:
        self.thresholds, self._is_cut = thresholds, is_cut
        self.counts = _falling(blocks.sum(axis=1))
        weights = np.random.default_rng(0).standard_exponential((_DRAWS, blocks.shape[1]))
        weights /= weights.mean(axis=1, keepdims=True)
        self.draws = _falling(weights @ blocks.T)
        """Counts of other weeks like these, `(draws, levels)`."""

    def level_of(self, count: float) -> float:
        """Returns the threshold that gives so many."""
        more = np.flatnonzero(self.counts > count)
        if len(more) and more[-1] + 1 < len(self.counts):
            at = int(more[-1])
            high, low = np.log(np.maximum(self.counts[[at, at + 1]], 0.5))
            share = (high - np.log(count)) / (high - low)
            return float(np.interp(share, [0, 1], self.thresholds[[at, at + 1]]))
        if len(more):
            return float(self.thresholds[-1])
        peak = int(np.flatnonzero(self.counts == self.counts.max())[-1])
        lowest = float(self.thresholds[0])
        if peak or not self._is_cut:
            # More than the policy lets through: as much as it does.
            return float(self.thresholds[peak])
        # More than the kept rows can tell: as much per sample as at the lowest threshold.
        below = lowest + np.log10(max(self.counts[0], 0.5) / count)
        return float(min(lowest, max(below, lowest / 10)))

    def at(self, threshold: float) -> float:
        """Returns how many a threshold gives."""
        logs = np.log(np.maximum(self.counts, 0.5))
        below = max(float(self.thresholds[0]) - threshold, 0.0) if self._is_cut else 0.0
        return float(np.exp(np.interp(threshold, self.thresholds, logs)) * 10**below)

    def drawn(self, threshold: float) -> Numbers:
        """Returns how many times as many other weeks may give, `(draws,)`."""
        place = min(int(np.searchsorted(self.thresholds, threshold)), len(self.counts) - 1)
        return np.asarray(self.draws[:, place] / max(self.counts[place], 0.5))


class _Fall:
    """The tail above a level of a curve.

    Args:
        curve: Counts.
        place: Place of the level among its thresholds.
        events: Events there.
        decades: By which it falls per unit of severity on many series.
    """

    def __init__(self, curve: _Curve, place: int, *, events: float, decades: float) -> None:
        self.start, self.count = float(curve.thresholds[place]), float(curve.counts[place])
        usual = decades * np.log(10)
        reach = np.minimum(curve.thresholds[place:], self.start + REACH)
        counts = np.vstack([curve.counts, curve.draws])[:, place:]
        area = (np.diff(reach) * (counts[:, 1:] + counts[:, :-1]) / 2).sum(axis=1)
        first = np.maximum(counts[:, 0], 0.5)
        beyond = counts[:, reach >= self.start + REACH].max(axis=1, initial=0.0) / first
        seen = events * first / first[0]
        prior = np.random.default_rng(2).standard_gamma(WEIGHT, len(first))
        prior[0] = WEIGHT
        falls = (WEIGHT + seen * (1 - beyond)) / (prior / usual + seen * area / first)
        self._fall, self._falls = float(falls[0]), falls[1:]
        self._factors = first[1:] / first[0]

    def level_of(self, count: float) -> float:
        """Returns the threshold that gives so many."""
        return self.start + float(np.log(self.count / count)) / self._fall

    def at(self, level: float) -> float:
        """Returns how many a threshold above the level gives."""
        return float(self.count * np.exp(-self._fall * (level - self.start)))

    def drawn(self, level: float) -> Numbers:
        """Returns how many times as many other weeks may give, `(draws,)`."""
        away = max(level - self.start, 0.0)
        return np.asarray(self._factors * np.exp(-(self._falls - self._fall) * away))


def _falling(counts: Numbers) -> Numbers:
    """Returns at least the counts, never more at a higher threshold."""
    return np.maximum.accumulate(counts[..., ::-1], axis=-1)[..., ::-1]
