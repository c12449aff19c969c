"""Severity: −log10 of the share of normal scores above."""

import numpy as np
import pytest
from keras import ops

from kad.calibration import Calibration
from runtime.errors import InputError


def severity(scores, at):
    """Severity of `at` after a fit to `scores`."""
    layer = Calibration()
    layer.fit(scores)
    return ops.convert_to_numpy(layer(np.asarray(at, "float32")))


def test_severity_is_the_tail_probability():
    """Quantiles below the tail are met; the exponential tail above is extrapolated rightly."""
    scores = np.random.default_rng(0).exponential(size=20_000)
    p = np.array([0.5, 0.1, 0.03, 0.01, 1e-3, 1e-4])
    np.testing.assert_allclose(severity(scores, -np.log(p)), -np.log10(p), rtol=0.05)


def test_severity_rises_and_stays_finite():
    """More score is never less severe, and the largest float has a finite severity."""
    scores = np.random.default_rng(0).gamma(2.0, size=300)
    values = severity(scores, np.r_[np.linspace(0, 50, 500), 1e6, 3e38])
    assert (np.diff(values) >= 0).all()
    assert np.isfinite(values).all()
    assert values[0] == 0


def test_ties_and_constant_stretches():
    """Many equal scores leave severity finite and monotone."""
    values = severity(np.r_[np.ones(500), np.linspace(1, 2, 50)], [0.0, 1.0, 1.5, 2.0, 3.0])
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()


def test_too_few_or_equal_scores_are_refused():
    """The message says how many were needed, or that nothing was learnt."""
    with pytest.raises(InputError, match="at least 50 .* Received: 10"):
        Calibration().fit(np.arange(10.0))
    with pytest.raises(InputError, match="are the same"):
        Calibration().fit(np.ones(100))


def test_scores_without_spread_need_a_least_scale():
    """Differences below `least_scale` are not remarkable; far above it they are."""
    layer = Calibration()
    summary = layer.fit(np.zeros(100), least_scale=0.2)
    assert summary["tail"]["scale"] == 0.2
    values = ops.convert_to_numpy(layer(np.array([0.0, 0.02, 0.2, 99.0, 3e38], "float32")))
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
    # One scale above a tail of a tenth: −log10(0.1) + 1 / ln 10.
    assert values[2] == pytest.approx(1 + 1 / np.log(10), rel=0.02)
    assert values[1] - values[0] < 0.1
    assert values[3] > 6
