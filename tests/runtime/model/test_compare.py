"""How far apart outputs are."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.model.compare import relative_gap

INF = float("inf")


@pytest.mark.parametrize(
    ("actual", "expected", "gap"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.1, 3.0], [1.0, 3.0], 0.05),
        ([1.0, 3.3], [1.0, 3.0], 0.1),
        ([0.0], [0.0], 0.0),
        ([1e-30], [0.0], INF),
        ([np.nan, 1.0], [np.nan, 1.0], 0.0),
        ([np.nan, 1.0], [0.0, 1.0], INF),
        ([0.0, 1.0], [np.nan, 1.0], INF),
        ([INF], [INF], 0.0),
        ([INF], [-INF], INF),
        ([INF, 1.0], [1.0, 1.0], INF),
        ([1.0], [1.0, 1.0], INF),
        ([], [], 0.0),
    ],
)
def test_relative_gap(actual, expected, gap):
    """Differences in units of max(|e|, mean |e|); NaN on one side alone is infinite."""
    assert relative_gap(actual, expected) == pytest.approx(gap)


def test_severity_and_scores_have_a_unit():
    """A quiet stretch is measured against a severity of 3 or a score of 1, not its mean."""
    quiet = [0.001, 0.003]
    assert relative_gap([0.001, 0.0031], quiet) == pytest.approx(0.0333, rel=0.01)
    assert relative_gap([0.001, 0.0031], quiet, output="severity") == pytest.approx(1e-4 / 3)
    assert relative_gap([0.001, 0.0031], quiet, output="score") == pytest.approx(1e-4)
    assert relative_gap([4.0, 0.0], [4.4, 0.0], output="severity") == pytest.approx(0.4 / 4.4)
