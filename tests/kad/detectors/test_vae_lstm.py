"""The VAE-LSTM: its networks learn, and its measures are the paper's."""

import numpy as np
import pytest
from keras import ops

import kad
from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining
from runtime.model.compare import relative_gap
from toys.series import wave
from toys.training import tiny


def test_training_lowers_the_losses():
    """Both networks learn: the losses fall."""
    config = tiny(training={"epochs": 15, "epochs_lstm": 15, "learning_rate": 1e-2})
    detector = VAELSTM(["a", "b"], period_s=60.0, **config.arguments)
    history = detector.fit(wave(), training=config.training)
    for phase in ("vae", "lstm"):
        losses = history.loc[history["phase"] == phase, "loss"].to_numpy()
        assert losses[-1] < 0.8 * losses[0]


def test_score_finds_what_was_never_seen(detector):
    """A fault raises severity above everything normal."""
    frame = wave(400, seed=7)
    frame.iloc[200:206, 0] += 15
    scores = kad.score(detector, frame)
    assert scores["severity"].iloc[200:212].max() > 1.5 * scores["severity"].iloc[:200].max()
    assert scores["score_a"].iloc[205] > scores["score_b"].iloc[205]
    assert list(scores.columns) == [
        "a",
        "b",
        "score",
        "severity",
        "expected_a",
        "expected_b",
        "score_a",
        "score_b",
        "alarm",
    ]


def test_learnt_sigma_moves_and_fixed_sigma_does_not(detector):
    """`learn_sigma` makes the reconstruction's variance a weight."""
    config = tiny(detector={"learn_sigma": True, "sigma": 0.3})
    learning = VAELSTM(["a", "b"], period_s=60.0, **config.arguments)
    learning.fit(wave(), training=config.training)
    assert abs(float(learning.sigma_squared.weight) - 0.3) > 1e-4
    assert float(learning.sigma_squared.variance()) > 0.01
    assert float(detector.sigma_squared.weight) == np.float32(0.1)
    assert float(detector.sigma_squared.variance()) == pytest.approx(0.01)


def test_elbo_is_the_sum_of_its_parts(detector):
    """−ELBO = dims/2·log(2πσ²) + error/(4σ²) + KL, with the analytic KL of the paper's code."""
    windows = np.lib.stride_tricks.sliding_window_view(wave(20).to_numpy(), 6, axis=0)
    windows = windows.transpose(0, 2, 1).astype("float32")
    measures = detector.window_measures(windows)
    mean, deviation = (np.asarray(t) for t in detector.encoder(detector.scaler(windows)))
    kl = 0.5 * np.sum(mean**2 + deviation**2 - 1 - 2 * np.log(deviation), axis=1)
    np.testing.assert_allclose(measures["kl"], kl, rtol=1e-5)
    constant = 6 * np.log(2 * np.pi * 0.1**2)
    elbo = -(constant + measures["reconstruction_error"] / (4 * 0.1**2) + kl)
    np.testing.assert_allclose(measures["elbo"], elbo, rtol=1e-5)


def test_rolling_embeddings_equal_single_ones(detector):
    """The vectorised embedding is the encoder's mean, window by window."""
    z = wave(30).to_numpy("float32") - 20
    rolled = detector.embed_rolling(z)
    assert rolled.shape == (25, 2)
    single = np.asarray(detector.encoder(z[None, 7:13])[0])
    np.testing.assert_allclose(rolled[7], single[0], rtol=1e-5, atol=1e-6)


OUTPUTS = ("score", "severity", "channel_scores", "expected")


STATIC = {"normalisation": "static"}


def chunked(detector, x, lengths):
    """Scores `(streams, steps, inputs)` in chunks of the given lengths."""
    state = np.zeros((len(x), detector.state_size), "float32")
    parts, start = [], 0
    while start < x.shape[1]:
        stop = start + next(lengths)
        out = {
            k: ops.convert_to_numpy(v) for k, v in detector.step(x[:, start:stop], state).items()
        }
        state = out["next_state"]
        parts.append(out)
        start = stop
    return {k: np.concatenate([p[k] for p in parts], axis=1) for k in OUTPUTS}, state


def forever(values):
    """Repeats a list of lengths."""
    while True:
        yield from values


def fitted(score_windows, scoring=None):
    """A detector with scaler, statistics and calibration but untrained networks."""
    detector = VAELSTM(
        ["a", "b"],
        l_win=6,
        l_seq=3,
        code_size=2,
        hidden_units=16,
        lstm_units=4,
        score_windows=score_windows,
        period_s=60.0,
        scoring=scoring,
    )
    prepared = detector.prepare(wave(), training=VAELSTMTraining())
    detector._fit_scoring(prepared.segments)
    detector.calibrate(prepared, training={})
    return detector


def test_score_is_the_papers_sequence_error():
    """With all predicted windows compared, the score is the LSTM reconstruction error."""
    detector = fitted(2, STATIC)
    values = wave(60).to_numpy("float32")
    outputs, _ = chunked(detector, values[None], forever([6]))
    rolled = np.lib.stride_tricks.sliding_window_view(values, 18, axis=0).transpose(0, 2, 1)
    measures = detector.sequence_measures(rolled.reshape(-1, 3, 6, 2))
    assert relative_gap(outputs["score"][0, 17:], measures["lstm_reconstruction_error"]) < 1e-5


def test_expected_is_the_decoded_prediction():
    """`expected` is the last sample of the newest predicted window, in raw units."""
    detector = fitted(1)
    values = wave(60).to_numpy("float32")
    outputs, _ = chunked(detector, values[None], forever([6]))
    t = 40
    windows = np.stack([values[t - 17 + i : t - 11 + i] for i in (0, 6)])
    codes = detector.encoder(detector.scaler(windows))[0]
    predicted = detector.lstm(codes[None])[:, -1]
    window = ops.convert_to_numpy(detector.scaler.inverse(detector.decoder(predicted)))[0]
    assert relative_gap(outputs["expected"][0, t], window[-1]) < 1e-5


def test_missing_samples_do_not_count_in_the_score():
    """A window without any observed sample scores 0."""
    detector = fitted(1, STATIC)
    x = wave(60).to_numpy("float32")[None].copy()
    x[0, 40:] = np.nan
    outputs, _ = chunked(detector, x, forever([6]))
    assert not outputs["score"][0, 46:].any()
    assert outputs["score"][0, 44] > 0


def test_a_channel_that_is_left_out_disturbs_no_other():
    """Whatever it reads, embeddings are the same, and what is drawn of it is 0."""
    detector = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    networks = detector._networks
    windows = np.random.default_rng(0).normal(size=(5, networks.l_win, 2)).astype("float32")
    other = windows.copy()
    other[..., 1] += 3
    assert np.abs(np.asarray(networks.embed(windows) - networks.embed(other))).max() > 0.01
    networks.leave_out(np.array([False, True]))
    np.testing.assert_array_equal(networks.embed(windows), networks.embed(other))
    drawn = np.asarray(networks.decoder(networks.embed(windows)))
    assert not drawn[..., 1].any()
    assert drawn[..., 0].any()
