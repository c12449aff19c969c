"""Which rows calibrate, and what they make of an alarm."""

import numpy as np
import pandas as pd
import pytest

from kad.detectors.gaussian import MovingGaussian
from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining
from kad.graph.missing import ENOUGH
from kad.options import FitOptions
from runtime.errors import InputError
from toys.series import TINY, wave
from toys.training import networks_as_they_are, tiny

OPTIONS = VAELSTMTraining(**TINY["training"])


STATIC = {"normalisation": "static"}


def test_calibration_needs_fifty_rows():
    """Static scores of rows that were trained on say nothing; adaptive ones are like any others."""
    static = VAELSTM(["a", "b"], period_s=60.0, scoring=STATIC, **tiny().arguments)
    with pytest.raises(InputError, match="Received: 30.*500 training rows.*training.validation"):
        static.prepare(wave(300), training=OPTIONS)
    adaptive = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    (rows,) = [mask.sum() for _, mask in adaptive.prepare(wave(300), training=OPTIONS).calibrating]
    assert rows == 270
    untrained = MovingGaussian(["a", "b"], period_s=60.0, window=100)
    with pytest.raises(InputError, match="Received: 20.*Give 150 observed training rows"):
        untrained.fit(wave(120))


def adaptive_gaussian():
    return MovingGaussian(
        ["a", "b"], period_s=60.0, window=50, scoring={"normalisation": "adaptive"}
    )


def test_a_quiet_beginning_does_not_make_extremes_normal():
    """A machine that stands still at first: what it does later is usual, and beyond it is not."""
    frame = wave(3000)
    frame.iloc[:400] = 20.0
    detector = adaptive_gaussian()
    detector.fit(frame)
    assert detector.calibration_scores.max() < detector.scoring.NOVEL
    frame.iloc[-1, 0] += 20 * np.ptp(frame["a"])
    assert detector.score(frame)["severity"].iloc[-1] > 2 * detector.card["threshold"]


def test_a_new_extreme_among_the_newest_rows_is_one():
    """Once the newest rows are known, it is none."""
    frame = wave(3000)
    frame.iloc[2900, 0] += np.ptp(frame["a"])
    detector = adaptive_gaussian()
    detector.fit(frame)
    high = np.flatnonzero(detector.calibration_scores >= detector.scoring.NOVEL)
    assert high.tolist() == [2900 - 300]
    assert detector.score(frame)["score"].iloc[2900] < detector.scoring.NOVEL


def test_the_newest_rows_calibrate(monkeypatch):
    """So many at most, in all segments; more where more are held out."""
    monkeypatch.setattr("kad.detector.calibrating.CALIBRATION_ROWS", 700)
    frame = pd.concat([wave(1500).iloc[:600], wave(1500).iloc[700:]])
    detector = adaptive_gaussian()
    prepared = detector.prepare(frame, training=FitOptions())
    assert [mask.sum() for _, mask in prepared.calibrating] == [750 - 50]
    monkeypatch.setattr("kad.detector.calibrating.CALIBRATION_ROWS", 1000)
    prepared = detector.prepare(frame, training=FitOptions())
    assert [mask.sum() for _, mask in prepared.calibrating] == [200, 800 - 50]
    networks = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    monkeypatch.setattr("kad.detector.calibrating.CALIBRATION_ROWS", 10)
    prepared = networks.prepare(wave(1000), training=OPTIONS)
    assert [mask.sum() for _, mask in prepared.calibrating] == [100]


def test_missing_held_out_rows_do_not_calibrate():
    """Calibration takes observed rows after the warm-up only.

    The rows after the outage rest on held samples at first and score 0, as they will in use.
    """
    frame = wave(1200)
    frame.iloc[1100:1150] = np.nan
    detector = VAELSTM(["a", "b"], period_s=60.0, scoring=STATIC, **tiny().arguments)
    with networks_as_they_are():
        detector.fit(frame, training=OPTIONS)
    assert detector.card["calibration"]["rows"] == 120 - 50
    held, back = np.split(detector.calibration_scores > 0, [20])
    assert held.all()
    blind = int(ENOUGH * detector.l_seq * detector.l_win)
    assert not back[:blind].any()
    assert back[blind:].all()
