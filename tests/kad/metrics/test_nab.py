"""NAB's score, against slow code and published figures."""

import numpy as np
import pytest

from kad.metrics import (
    NAB_PROFILES,
    NABSeries,
    nab_scores,
)
from toys.labels import LABELS, ROWS

PUBLISHED = {
    "numenta": (70.10, 63.21, 74.32),
    "ARTime": (74.85, 65.15, 80.36),
    "contextOSE": (69.90, 66.98, 73.18),
    "windowedGaussian": (39.65, 20.87, 47.41),
}
"""Standard, low false positives, low false negatives: by NAB's own scorer."""


PUBLISHED_TO_A_DIGIT = {"numentaTM": (64.6, 56.7, 69.2), "randomCutForest": (51.7, 38.4, 59.7)}


def slow_nab(series, name, threshold):
    """NAB's raw score row by row, from the benchmark's description."""
    profile, total = NAB_PROFILES[name], 0.0

    def sigmoid(y):
        return 2 / (1 + np.exp(5 * y)) - 1

    for score, windows, _ in series:
        probation = min(int(0.15 * len(score)), 750)
        best, last = dict.fromkeys(windows, -profile.miss), None
        for row, value in enumerate(score):
            now = next(((a, b) for a, b in windows if a <= row < b), None)
            passed = [(a, b) for a, b in windows if b <= row]
            last = passed[-1] if passed else None
            if row < probation or value < threshold:
                continue
            if now:
                earned = sigmoid(-(now[1] - row) / (now[1] - now[0])) / sigmoid(-1)
                best[now] = max(best[now], profile.hit * earned)
            elif last and (past := (row - last[1] + 1) / max(last[1] - last[0] - 1, 1)) < 3:
                total += profile.false_alarm * sigmoid(past)
            else:
                total -= profile.false_alarm
        total += sum(best.values())
    return total


def test_nab_row_by_row(score):
    """Sweep and fixed thresholds against a loop over the rows, and NAB's normalisation."""
    corpus = [
        NABSeries(np.round(score, 2), LABELS[1:]),
        NABSeries(np.round(score[::-1], 2), [(200, 230)]),
        NABSeries(np.round(score, 2) - 0.1, []),
    ]
    levels = np.unique(np.round(score, 2))
    for name, profile in NAB_PROFILES.items():
        raw = {level: slow_nab(corpus, name, level) for level in levels[-60:]}
        best = nab_scores(corpus)[name]
        silence, perfect = -5 * profile.miss, 5 * profile.hit
        expected = 100 * (max(raw.values()) - silence) / (perfect - silence)
        assert best.score == pytest.approx(max(expected, 0))
        level = levels[-9] - 0.003
        fixed = nab_scores(corpus, thresholds=dict.fromkeys(NAB_PROFILES, level))[name]
        total = slow_nab(corpus, name, level)
        assert fixed.score == pytest.approx(100 * (total - silence) / (perfect - silence))


def test_nab_from_silence_to_perfection():
    """Nothing detected is 0, the first row of every window 100, nothing to find NaN."""
    windows = [(500, 540), (700, 720)]
    perfect = np.zeros(ROWS)
    perfect[[500, 700]] = 1
    for profile, score in nab_scores([NABSeries(perfect, windows)]).items():
        assert score == (pytest.approx(100), 1.0), profile
    for score in nab_scores([NABSeries(1 - perfect, windows)]).values():
        assert score == (0, np.inf)
    assert np.isnan(nab_scores([NABSeries(perfect, [])])["standard"].score)
    assert np.isnan(nab_scores([NABSeries(perfect, [(5, 9)])])["standard"].score)
    assert nab_scores([NABSeries(perfect[500:600], [(0, 40)], probation=0)])["standard"] == (
        pytest.approx(100),
        1.0,
    )


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("detector", [*PUBLISHED, *PUBLISHED_TO_A_DIGIT])
def test_nab_profiles_of_published_detectors(peers, detector):
    """All 58 series: the figures of NAB's own scorer, within 0.01 or to the published digit."""
    corpus = peers(detector)
    best = nab_scores(corpus)
    if detector in PUBLISHED:
        got = [best[name].score for name in NAB_PROFILES]
        np.testing.assert_allclose(got, PUBLISHED[detector], atol=0.01, rtol=0)
        return
    thresholds = {name: score.threshold for name, score in best.items()}
    if detector == "numentaTM":
        # NAB published this profile at the standard one's threshold, config/thresholds.json; the
        # sweep finds a better one, 69.38.
        assert best["reward_low_FN_rate"].score == pytest.approx(69.376, abs=0.001)
        thresholds["reward_low_FN_rate"] = 0.5126953125
    got = [score.score for score in nab_scores(corpus, thresholds=thresholds).values()]
    np.testing.assert_allclose(np.round(got, 1), PUBLISHED_TO_A_DIGIT[detector])
