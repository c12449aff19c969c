"""The RNN predictor: what it predicts, how it scores and learns, on every backend."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from keras import ops

from kad.backend.compiled import compile_function
from runtime.clock.context import CONTEXT_COLUMNS, context_columns
from runtime.errors import ConfigError
from runtime.model.compare import relative_gap
from toys.rnn import toy_rnn
from toys.series import mostly_observed, ten_minutes, wave

OUTPUTS = ("score", "severity", "channel_scores", "expected")


START = pd.Timestamp("2025-01-03 22:00").value
"""A Friday evening: context turns through midnight and into the weekend."""


VARIANTS = {
    "recursive": {"cell": "lstm", "context": CONTEXT_COLUMNS},
    "direct": {"cell": "gru", "head": "direct", "gaussian": "joint"},
    "tied residual": {"cell": "simple_rnn", "activation": "relu", "residual": True, "tied": True},
    "forecast": {"cell": "gru", "impute": "forecast", "context": CONTEXT_COLUMNS},
    "smoothed": {"cell": "simple_rnn", "head": "direct", "layers": 1, "smooth": 5},
    "direct forecast": {"layers": 1, "head": "direct", "impute": "forecast", "residual": True},
}


@cache
def small(name):
    """A variant with three predictions ahead; tests share it."""
    return toy_rnn(**{"horizon": 3, **VARIANTS[name]})


@cache
def compiled(name):
    """Its step."""
    return compile_function(small(name).step, small(name).variables)


def context_of(detector, steps, ahead=0):
    """The context columns of rows `ahead` steps later."""
    period = round(detector.period_s * 1e9)
    return context_columns(detector.context, START + period * (np.arange(steps) + ahead))


def series(detector, steps=60):
    """Two streams with missing and infinite samples, an outage, and the context."""
    x = np.stack([wave(steps, seed=1).to_numpy(), wave(steps, seed=2).to_numpy()])
    rng = np.random.default_rng(0)
    x[rng.random(x.shape) < 0.05] = np.nan
    x[rng.random(x.shape) < 0.02] = np.inf
    x[0, 30:35] = np.nan
    x[1, :3] = np.nan
    context = np.broadcast_to(context_of(detector, steps), (2, steps, len(detector.context)))
    return np.concatenate([x, context], axis=2).astype("float32")


def in_chunks(step, x, state, lengths):
    """Outputs over a series that is fed in chunks of the given lengths, and the last state."""
    parts, start = [], 0
    while start < x.shape[1]:
        stop = start + lengths[len(parts) % len(lengths)]
        out = step(x[:, start:stop], state)
        state = out["next_state"]
        parts.append(out)
        start = stop
    joined = {name: np.concatenate([p[name] for p in parts], axis=1) for name in OUTPUTS}
    return {**joined, "next_state": state}


def scored(variant, x, lengths=(10**9,)):
    """Scores a series from new states."""
    zeros = np.zeros((len(x), small(variant).state_size), "float32")
    return in_chunks(compiled(variant), x, zeros, lengths)


def rolled_out(detector, x):
    """Walks step by step, and from each step on through the predictor's own predictions.

    Returns:
        The standardised samples with missing ones replaced, and for each sample the predictions
        made 1 to `horizon` steps before, zeros where there were none: `(streams, steps, channels)`
        and `(streams, steps, channels, horizon)`.
    """
    predictor, (streams, steps) = detector.predictor, x.shape[:2]
    observed = np.abs(x[..., :2]) < 1e30
    z = np.array(detector.scaler(np.where(observed, x[..., :2], 0)))
    count = observed.any(axis=2).cumsum(axis=1)
    made = np.zeros((streams, steps + detector.horizon, 2, detector.horizon), "float32")
    states = [
        [np.zeros((streams, detector.units), "float32")] * layer.states
        for layer in predictor.recurrent
    ]
    for t in range(steps):
        before = z[:, t - 1] if t else np.zeros_like(z[:, 0])
        if detector.impute == "forecast":
            warm = count[:, t] > detector.warmup_steps
            before = np.where(warm[:, None], made[:, t, :, 0], before)
        z[:, t] = np.where(observed[:, t], z[:, t], before)

        def context(ahead, t=t):
            return np.tile(context_of(detector, steps, ahead)[t], (streams, 1))

        out = predictor.step(z[:, t], context(0), states)
        states = out.states
        for k in range(detector.horizon):
            if detector.head == "direct":
                made[:, t + k + 1, :, k] = out.predicted[:, k]
            else:
                made[:, t + k + 1, :, k] = out.predicted[:, 0]
                out = predictor.step(out.predicted[:, 0], context(k + 1), out.states)
    return z, made[:, :steps]


@pytest.mark.parametrize("variant", VARIANTS)
def test_errors_are_those_of_predictions_made_before(variant):
    """The score is the Gaussian's of sample minus the forecasts made 1 to `horizon` steps before.

    Each roll-out goes on from its own predictions, with the context of the rows to come; a missing
    sample is replaced by the last one, or once warm by the forecast made one step before. Smoothed
    distances are means over observed samples, squared. Where many samples before are missing, there
    is no distance.
    """
    detector = small(variant)
    x = series(detector)
    out = scored(variant, x)
    z, forecasts = rolled_out(detector, x)
    observed = (np.abs(x[..., :2]) < 1e30).astype("float32")
    warm = observed.any(axis=2).cumsum(axis=1) > detector.warmup_steps
    parts = np.array(detector.error_gaussian(forecasts - z[..., None], observed))
    if detector.smooth > 1:
        before = ((0, 0), (detector.smooth - 1, 0), (0, 0))
        roots, counts = (
            np.lib.stride_tricks.sliding_window_view(np.pad(a, before), detector.smooth, axis=1)
            for a in (np.sqrt(parts), observed)
        )
        parts = (roots.sum(axis=3) / np.maximum(counts.sum(axis=3), 1)) ** 2
    parts[~warm] = 0
    parts[~mostly_observed(observed, 4 * detector.horizon)] = 0
    expected = np.where(warm[..., None], forecasts[..., 0], z)
    expected = np.array(detector.scaler.inverse(expected))
    assert warm.any(axis=1).all()
    assert relative_gap(out["channel_scores"], parts) < 1e-5
    assert relative_gap(out["score"], parts.sum(axis=2)) < 1e-5
    assert relative_gap(out["expected"], expected) < 1e-5
    severity = np.where(warm, detector.calibration(out["score"]), 0)
    assert relative_gap(out["severity"], severity) < 1e-5


@pytest.mark.parametrize("variant", ["recursive", "direct", "direct forecast"])
def test_no_output_is_ever_nan(variant):
    """Missing, infinite and absurd readings never leave the detector, nor poison its state."""
    x = series(small(variant), 90)
    x[:, 40:60, :2] = np.nan
    x[0, 82, 0], x[1, 82, 1], x[0, 84, 1], x[1, 84, 0] = 3e38, -np.inf, 9e29, -9e29
    out = scored(variant, x)
    assert all(np.isfinite(array).all() for array in out.values())
    assert (out["score"] >= 0).all()
    assert out["score"][0, 84] > 1e3 * out["score"][0, 30]
    missing = ~(np.abs(x[..., :2]) < 1e30)
    assert not out["channel_scores"][missing].any()
    assert not out["score"][:, 40:60].any()


def test_arguments_that_do_not_fit_are_refused():
    """Tied weights need equal sizes and the recursive head."""
    for arguments in ({"embedding": 4}, {"head": "direct"}):
        with pytest.raises(ConfigError, match="`tied` needs"):
            toy_rnn(tied=True, **arguments)


def test_the_detector_finds_what_was_never_seen(rnn_run):
    """A fault raises severity above everything normal, and blames its channel."""
    frame = ten_minutes(400, seed=7)
    frame.iloc[200:206, 0] += 15
    scores = rnn_run.detector.score(frame)
    assert scores["severity"].iloc[200:215].max() > 1.5 * scores["severity"].iloc[:200].max()
    worst = scores["score"].iloc[200:215].argmax() + 200
    assert scores["score_a"].iloc[worst] > scores["score_b"].iloc[worst]


def test_the_trained_detector_uses_its_context(rnn_run):
    """The same values at another time of day score differently; the state stays the channels'."""
    detector = rnn_run.detector
    assert detector.context == CONTEXT_COLUMNS
    frame = ten_minutes(200, seed=3)
    later = frame.set_axis(frame.index + pd.Timedelta("8h"))
    now, then = detector.score(frame)["score"], detector.score(later)["score"]
    assert np.abs(now.to_numpy() - then.to_numpy()).max() > 1e-3
    assert [c for c in detector.score(frame) if "day" in c] == []


def test_predictions_are_those_made_before_each_sample():
    """One step before, `horizon` steps before, and the mean; NaN before the first sample's."""
    detector = small("smoothed")
    frame = wave(80).set_axis(pd.date_range("2025-01-01", periods=80, freq="10min", name="time"))
    table = detector.predictions(frame)
    scores, _ = detector.scores(frame)
    warm = slice(detector.warmup_steps, None)
    np.testing.assert_allclose(
        table[["one_step_a", "one_step_b"]].to_numpy()[warm], scores.expected[warm], rtol=1e-5
    )
    pending = detector.run_segment(detector.measure_step, frame.to_numpy())["forecasts"]
    raw = ops.convert_to_numpy(detector.scaler.inverse(pending))[warm]
    np.testing.assert_allclose(table["n_step_b"].to_numpy()[warm], raw[:, 2, 1], rtol=1e-6)
    np.testing.assert_allclose(table["mean_a"].to_numpy()[warm], raw[:, :, 0].mean(1), rtol=1e-6)
    assert table["one_step_a"].isna().tolist()[:2] == [True, False]
    assert table["n_step_a"].isna().sum() == table["mean_a"].isna().sum() == 3
    assert table.index.equals(frame.index)
