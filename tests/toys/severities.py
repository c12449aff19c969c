"""Series of severities whose clusters are known."""

import numpy as np

from runtime.alarms.calibration_rows import CalibrationRows


def severities(series):
    """−log10 of the share of the series above each of its values."""
    ranks = np.empty(len(series))
    ranks[np.argsort(-series)] = np.arange(len(series)) + 0.5
    return -np.log10(ranks / len(series))


def autoregressive(rows, *, rho=0.9, seed=0):
    """Severities of a Gaussian AR(1)."""
    rng = np.random.default_rng(seed)
    series = rng.standard_normal(rows)
    for t in range(1, rows):
        series[t] = rho * series[t - 1] + np.sqrt(1 - rho**2) * series[t]
    return severities(series)


def heavy_tailed(rows, *, rho, seed=0):
    """Severities of a Cauchy AR(1), whose extremal index is 1 − ρ at high levels."""
    series = np.random.default_rng(seed).standard_cauchy(rows)
    for t in range(1, rows):
        series[t] += rho * series[t - 1]
    return severities(series)


def moving_maximum(rows, *, width=10, seed=0):
    """Severities of a process whose extremal index is 1/width, at every level."""
    noise = np.random.default_rng(seed).random(rows + width)
    return severities(np.max([noise[i : rows + i] for i in range(width)], axis=0))


def calibration_rows(severity, **options):
    return CalibrationRows.of([severity], rows=len(severity), **options)
