"""The contract of `step`: pure, the same for any chunking, deaf to NaN."""

import numpy as np
import pytest
from keras import ops

from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining
from runtime.model.compare import relative_gap
from toys.series import wave

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


@pytest.fixture(scope="module")
def x():
    """Two streams with missing and infinite samples, outages included."""
    x = np.stack([wave(90, seed=1).to_numpy(), wave(90, seed=2).to_numpy()]).astype("float32")
    rng = np.random.default_rng(0)
    x[rng.random(x.shape) < 0.05] = np.nan
    x[rng.random(x.shape) < 0.01] = np.inf
    x[0, 40:50] = np.nan
    x[1, :3] = np.nan
    return x


@pytest.mark.parametrize("lengths", [[1], [2, 3, 1], [5]])
@pytest.mark.parametrize(("score_windows", "scoring"), [(1, {}), (1, STATIC), (2, STATIC)])
def test_any_chunking_gives_the_same_numbers(x, lengths, score_windows, scoring):
    """Stream, uneven chunks and full chunks agree on every output and on the state."""
    detector = fitted(score_windows, scoring)
    whole, whole_state = chunked(detector, x, forever([detector.max_steps]))
    parts, state = chunked(detector, x, forever(lengths))
    for name in OUTPUTS:
        assert relative_gap(parts[name], whole[name]) < 1e-5, name
    assert relative_gap(state, whole_state) < 1e-5


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


def test_no_output_is_ever_nan(x):
    """Missing and infinite samples never leave the graph, nor poison the state."""
    detector = fitted(1)
    x = x.copy()
    x[:, 30:60] = np.nan
    outputs, state = chunked(detector, x, forever([6]))
    assert all(np.isfinite(array).all() for array in [*outputs.values(), state])
    assert (outputs["score"] >= 0).all()


def test_streams_do_not_leak_into_each_other(x):
    """A stream scores the same alone and beside another one."""
    detector = fitted(1)
    both, _ = chunked(detector, x, forever([6]))
    for i in range(2):
        alone, _ = chunked(detector, x[i : i + 1], forever([6]))
        for name in OUTPUTS:
            assert relative_gap(alone[name][0], both[name][i]) < 1e-5, name


@pytest.mark.parametrize("scoring", [{}, STATIC])
def test_warm_up_is_silent_and_expects_the_sample(scoring):
    """Score and severity are 0 for exactly `warmup_steps` rows, `expected` is the sample."""
    detector = fitted(1, scoring)
    x = wave(60).to_numpy("float32")[None]
    outputs, _ = chunked(detector, x, forever([6]))
    warm = detector.warmup_steps
    assert warm == 17
    assert not outputs["score"][0, :warm].any()
    assert not outputs["severity"][0, :warm].any()
    np.testing.assert_array_equal(outputs["expected"][0, :warm], x[0, :warm])
    assert (outputs["expected"][0, warm:] != x[0, warm:]).all()
    if scoring == STATIC:
        assert (outputs["score"][0, warm:] > 0).all()


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
