"""Fitting: which series it refuses, and what becomes of the others."""

import numpy as np
import pandas as pd
import pytest

from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining
from runtime.errors import InputError, KadError
from toys.series import TINY, wave
from toys.training import tiny, weights

OPTIONS = VAELSTMTraining(**TINY["training"])


STATIC = {"normalisation": "static"}


def frame_with(**columns):
    """The wave with columns replaced."""
    return wave().assign(**columns)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (frame_with(b=np.nan), "'b' has no reading"),
        (frame_with(a=1e35 * np.arange(600)), "beyond what float32"),
        (wave(20), "at least 70 rows.*Received: 20"),
        (wave().iloc[:0], "no rows"),
        (wave().sample(frac=1, random_state=0), "not sorted"),
        (
            wave().assign(
                a=np.where(np.arange(600) < 530, wave()["a"], np.nan),
                b=np.where(np.arange(600) < 530, wave()["b"], np.nan),
            ),
            "held-out rows have no window",
        ),
        (wave().where(np.arange(600)[:, None] % 3 == [0, 1]), "half of the samples"),
        (wave().rename(columns={"a": "c"}), "missing: a"),
    ],
)
def test_unusable_series_are_refused(frame, message):
    """Each series that cannot be learnt from is one line that says what to do."""
    detector = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    with pytest.raises(InputError, match=message) as error:
        detector.fit(frame, training=OPTIONS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("column", "message"),
    [(1.0, "'a' is constant"), (1e8 + 0.001 * np.arange(600), "float32 cannot resolve")],
)
def test_the_own_score_needs_channels_that_vary(column, message):
    """What hardly varies is refused with static scores, and has a stand-in with adaptive ones."""
    frame = frame_with(a=column)
    static = VAELSTM(["a", "b"], period_s=60.0, scoring=STATIC, **tiny().arguments)
    with pytest.raises(InputError, match=message) as error:
        static.fit(frame, training=OPTIONS)
    assert "\n" not in str(error.value)
    adaptive = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    adaptive.prepare(frame, training=OPTIONS)
    mean, spread = frame["a"].mean(), frame["b"].std(ddof=0)
    np.testing.assert_allclose(adaptive.scaler.std, [1e-3 * mean, spread], rtol=1e-5)


def test_gaps_missing_and_infinite_samples_train():
    """Windows never cross gaps; missing and infinite samples do not count."""
    frame = wave(900)
    frame.iloc[100:105, 0] = np.nan
    frame.iloc[300, 1] = np.inf
    frame = pd.concat([frame.iloc[:400], frame.iloc[440:]])
    detector = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    history = detector.fit(frame, training=OPTIONS)
    assert np.isfinite(history["loss"]).all()
    assert detector.card["training"]["segments"] == 2
    assert np.isfinite(weights(detector)).all()


def test_diverging_training_says_so():
    """A loss that is no longer finite ends the training with advice."""
    options = OPTIONS.model_copy(update={"learning_rate": 1e18, "gradient_clip": 1e30})
    detector = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    with pytest.raises(KadError, match=r"learning_rate"):
        detector.fit(wave(), training=options)
