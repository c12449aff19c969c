"""Levels of the threshold: where the slider goes, and what a level means in scores and alarms."""

from typing import Any

import numpy as np

from kad.detector import Detector
from kad.report.findings import Findings
from runtime.alarms.budget import Thresholds
from runtime.alarms.budget_text import parse_budget
from runtime.alarms.calibration_rows import CalibrationRows
from runtime.alarms.tail import Expected
from runtime.errors import InputError

_MOST_STEPS = 100_000
"""Steps that the lowest level should leave to the page's scripts."""
_TOP = 5.0
"""Thresholds that the slider and the panel of severities reach to."""
_WEEK_S = 604_800.0
_RATES = 16
_POINTS = 400
_RAREST = 14.0
"""Severity beyond which a rate means nothing any more."""
_LEAST = 1e-300
"""Logarithms are interpolated."""


def slider_range(findings: Findings) -> tuple[float, float]:
    """Returns the lowest and highest threshold that the slider offers.

    From half the default threshold, or what keeps the page small, to above the highest severity,
    or five thresholds.
    """
    threshold, severity = findings.metadata.threshold, findings.scores.severity
    low = min(threshold / 2, 2.0)
    if len(severity) > _MOST_STEPS:
        low = max(low, float(np.partition(severity, -_MOST_STEPS)[-_MOST_STEPS]))
    high = max(1.5 * threshold, 1.05 * float(severity.max(initial=0.0)))
    return min(low, threshold), min(high, _TOP * threshold)


def scores_at(detector: Detector, severities: np.ndarray) -> np.ndarray:
    """Returns the score that has each severity, by asking the calibration itself.

    Args:
        detector: A trained detector.
        severities: float `(levels,)`, above 0.

    Raises:
        InputError: The calibration does not reach the highest.
    """
    severities = np.asarray(severities, "float64")
    top, calibration = float(severities.max()), detector.calibration
    high = max(float(detector.metadata.calibration["quantiles"]["1"]), 1e-6)
    while calibration.severity(np.array([high]))[0] < top:
        high *= 2
        if not np.isfinite(high):
            raise InputError("The calibration never reaches its threshold. Train again.")
    low = np.zeros(len(severities))
    width = np.full(len(severities), high)
    for _ in range(5):  # a hundredth of the bracket each time: float32 resolves no more
        grid = low[:, None] + width[:, None] * np.linspace(0, 1, 101)
        reached = calibration.severity(grid.ravel()).reshape(grid.shape) >= severities[:, None]
        first = np.where(reached.any(axis=1), reached.argmax(axis=1), 100)
        low = np.take_along_axis(grid, np.maximum(first - 1, 0)[:, None], 1)[:, 0]
        width = width / 100
    return np.asarray(low + width)


def score_levels(detector: Detector, low: float, high: float) -> dict[str, Any]:
    """Returns pairs of severity and score from one threshold to another, to interpolate between."""
    severity = np.linspace(low, high, _POINTS)
    return {"severity": severity, "score": scores_at(detector, severity)}


def budget_rates(detector: Detector, low: float, high: float) -> dict[str, Any]:
    """Returns thresholds and what normal data give at each, to interpolate between.

    It is the false-alarm budget read backwards. At the detector's own threshold, a budget of events
    is what was asked for.

    Args:
        detector: A trained detector.
        low: Lowest threshold.
        high: Highest threshold.

    Returns:
        `threshold`, rising; `per_week`, events, with `per_week_low` and `per_week_high`; `share`,
        of the time in events, with `share_low` and `share_high`: in 4 of 5 cases it should lie
        between the two. `is_known`: whether these four are known; they are the values where not.
    """
    meta = detector.metadata
    budget = parse_budget(meta.false_alarms)
    levels = np.linspace(0.5 * low, min(1.5 * high, _RAREST), _RATES)
    levels = np.unique(np.append(levels, meta.threshold))
    promises = None
    if "severest" in meta.calibration:
        rows = CalibrationRows.from_dict(meta.calibration["severest"])
        promises = Thresholds(rows, meta.alarm, period_s=meta.period_s)
    columns: dict[str, list[float]] = {
        f"{name}{end}": [] for name in ("per_week", "share") for end in ("", "_low", "_high")
    }
    is_known = False
    for level in levels.tolist():
        found = None if promises is None else promises.at(level, budget)
        usual = 10**-level
        events, time = Expected(*3 * (usual / meta.period_s,)), Expected(*3 * (usual,))
        if found is not None and found.events_per_s is not None and found.time_share is not None:
            events, time, is_known = found.events_per_s, found.time_share, True
        if level == meta.threshold and budget.per_s is not None:
            events = events._replace(value=budget.per_s)
        for name, ends, unit in (("per_week", events, _WEEK_S), ("share", time, 1.0)):
            for end, value in zip(("", "_low", "_high"), ends, strict=True):
                columns[f"{name}{end}"].append(max(unit * value, _LEAST))
    falling = {name: np.minimum.accumulate(values) for name, values in columns.items()}
    return {"threshold": levels, **falling, "is_known": is_known}
