"""Levels of the threshold: where the slider goes, and what a level means in scores and alarms."""

from typing import Any

import numpy as np

from kad.detector import Detector
from kad.report.findings import Findings
from runtime.alarms.budget import event_threshold
from runtime.alarms.budget_text import parse_false_alarms
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
_YEAR_S = 365 * 86_400.0


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
    """Returns thresholds and how many events a week each gives on normal data.

    It is the false-alarm budget read backwards: which budget has this threshold.
    """
    meta = detector.metadata
    severities = np.linspace(0.5 * low, min(1.5 * high, _RAREST), _RATES)
    per_second = 10**-severities / meta.period_s
    pairs = [(meta.threshold, parse_false_alarms(meta.false_alarms))]
    for rate in per_second.tolist():
        found = event_threshold(
            f"{rate * _YEAR_S:.18f}/year",
            period_s=meta.period_s,
            calibration=meta.calibration,
            policy=meta.alarm,
        )
        pairs.append((found.threshold, rate))
    # From frequent to rare; a threshold never falls on the way.
    pairs.sort(key=lambda pair: -pair[1])
    thresholds, rates = np.array(pairs).T
    return {"threshold": np.maximum.accumulate(thresholds), "per_week": rates * _WEEK_S}
