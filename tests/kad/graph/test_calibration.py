"""Severity: −log10 of the share of normal scores above."""

import numpy as np
import pytest
from keras import ops

from kad.graph.calibration import Calibration
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
    with pytest.raises(InputError, match="score the same"):
        Calibration().fit(np.ones(100))


def test_scores_without_spread_need_a_least_scale():
    """What all rows score is usual; differences of `least_scale` are not remarkable."""
    layer = Calibration()
    summary = layer.fit(np.zeros(100), least_scale=0.2)
    assert summary["tail"]["scale"] == 0.2
    values = ops.convert_to_numpy(layer(np.array([0.0, 0.02, 0.2, 0.6, 99.0, 3e38], "float32")))
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
    assert values[0] == 0.0
    # A tenth of the scores is the tail; it begins two scales above the usual score.
    assert values[2] == pytest.approx(0.5, rel=1e-3)
    assert values[3] == pytest.approx(1 + 1 / np.log(10), rel=0.02)
    assert values[4] > 6


@pytest.mark.parametrize("share", [0.5, 0.7, 0.99])
def test_what_many_rows_score_has_no_severity(share):
    """Ties are as severe as the share of rows that score at least as high: not at all."""
    rng = np.random.default_rng(0)
    scores = np.where(rng.random(2000) < share, 0.0, rng.exponential(2.0, 2000))
    layer = Calibration()
    layer.fit(scores, least_scale=0.2)
    at = ops.convert_to_numpy(layer(np.array([0.0, np.quantile(scores, 0.999)], "float32")))
    assert at[0] == 0.0
    assert at[1] == pytest.approx(3.0, abs=0.7)
