"""Long series with fewer points."""

import numpy as np

from kad.report.series import POINTS, thin


class TestThin:
    def test_short_series_are_whole(self):
        """Nothing is left out where everything fits."""
        assert thin(np.zeros((100, 1))).tolist() == list(range(100))

    def test_extremes_gaps_and_kept_rows_stay(self):
        """The extreme samples, long gaps and marked rows of a long series survive."""
        rng = np.random.default_rng(0)
        line = rng.standard_normal(500_000)
        line[123_456], line[345_678] = 99.0, -99.0
        line[200_000:210_000] = np.nan
        line[rng.integers(0, len(line), 2000)] = np.nan
        keep = np.zeros(len(line), bool)
        keep[7777:7790] = True
        rows = thin(line[:, None], keep=keep)
        chosen = set(rows.tolist())
        assert {0, 123_456, 345_678, len(line) - 1, *range(7777, 7790)} <= chosen
        first = int(np.flatnonzero(np.isnan(line[rows]) & (rows >= 199_900))[0])
        assert rows[first] <= 200_000 <= rows[first + 1]
        assert len(rows) < 1.1 * POINTS
        assert (np.diff(rows) > 0).all()

    def test_only_missing_samples(self):
        """A channel without a sample is no error."""
        assert len(thin(np.full((50_000, 1), np.nan))) >= 2
