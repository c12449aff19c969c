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
        (wave(20), "at least 31 rows.*Received: 20"),
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


@pytest.mark.parametrize("scoring", [STATIC, None])
@pytest.mark.parametrize("column", [1.0, 1e8 + 0.001 * np.arange(600)])
def test_what_hardly_varies_is_prepared_by_every_score(column, scoring):
    """A constant channel, or one that float32 cannot resolve, has a stand-in and is said."""
    frame = frame_with(a=column)
    detector = VAELSTM(["a", "b"], period_s=60.0, scoring=scoring, **tiny().arguments)
    prepared = detector.prepare(frame, training=OPTIONS)
    assert prepared.about["constant"] == ["a"]
    level, spread = frame["a"].max(), frame["b"].std(ddof=0)
    np.testing.assert_allclose(detector.scaler.std, [1e-2 * level, spread], rtol=1e-5)


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
