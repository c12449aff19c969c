"""Figures of scores and thresholds."""

import numpy as np
import pytest
from scipy import stats

from kad.metrics import precision_recall
from kad.report.thresholds import scores_figure, thresholds_figure


class TestScores:
    def test_normal_fit(self):
        """The dotted curve is the density of a normal distribution with the scores' moments."""
        scores = np.random.default_rng(0).normal(5.0, 2.0, 20_000)
        figure = scores_figure(scores, threshold=12.0, series=scores)
        bars, line, fit = figure.data
        assert line.name == "this series"
        width = bars.width
        density = stats.norm(scores.mean(), scores.std()).pdf(fit.x) * 100 * width
        known = np.isfinite(fit.y)
        assert np.allclose(fit.y[known], density[known])
        assert density[~known].max() < 50 / len(scores)
        assert np.nansum(bars.y) == pytest.approx(100, abs=0.1)

    def test_scores_without_spread(self):
        """Scores that are all the same have no fit."""
        figure = scores_figure(np.zeros(100), threshold=1.0)
        assert [trace.name for trace in figure.data] == ["calibration rows"]

    def test_curves_over_thresholds(self):
        """Precision, recall and F-beta at a threshold are those of the rows there."""
        rng = np.random.default_rng(0)
        labels = rng.random(2000) < 0.2
        severity = rng.exponential(1, 2000) + labels
        figure = thresholds_figure(severity, labels, low=0.5, high=4.0, threshold=2.0)
        curves = {trace.name: trace.y for trace in figure.data}
        for i in (0, 50, 199):
            pair = precision_recall(severity >= figure.data[0].x[i], labels)
            assert curves["precision"][i] == pytest.approx(pair.precision)
            assert curves["recall"][i] == pytest.approx(pair.recall)
            assert curves["F1"][i] == pytest.approx(pair.f1)
            half = 1.25 * pair.precision * pair.recall / (0.25 * pair.precision + pair.recall)
            assert curves["F0.5"][i] == pytest.approx(half)
