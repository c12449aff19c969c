"""The RNN predictor: what it predicts, how it scores and learns, on every backend."""

import inspect
from functools import cache

import numpy as np
import pandas as pd
import pytest
from keras import ops

from kad.backend.compiled import compile_function
from kad.config import build_config
from kad.detectors.rnn import RNNPredictor, RNNTraining
from kad.detectors.vae_lstm import VAELSTM
from kad.networks.rnn.usual_distance import UsualDistance
from kad.runs.construct import build_detector
from kad.runs.folder import load
from kad.runs.train import train
from kad.training.session import TrainingInterruptedError, TrainingSession
from runtime.clock.context import CONTEXT_COLUMNS, context_columns
from runtime.errors import ConfigError, InputError
from runtime.model.compare import relative_gap
from toys.rnn import SIZE, TRAINING, randomise, tiny, toy_rnn
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_chunking_gives_the_same_numbers(variant):
    """Stream, uneven chunks and whole agree on every output and on the state."""
    x = series(small(variant))
    whole = scored(variant, x)
    for lengths in ([1], [2, 7, 1, 30]):
        parts = scored(variant, x, lengths)
        for name in whole:
            assert relative_gap(parts[name], whole[name]) < 1e-5, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_streams_do_not_leak_into_each_other(variant):
    """A stream scores the same alone and beside another one."""
    x = series(small(variant))
    both = scored(variant, x)
    for i in range(2):
        alone = scored(variant, x[i : i + 1])
        for name in both:
            assert relative_gap(alone[name][0], both[name][i]) < 1e-5, name


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


def test_warm_up_is_silent_and_expects_the_sample():
    """Until `warmup_steps` rows were observed, nothing scores; `expected` is the sample."""
    detector = small("recursive")
    x = series(detector)
    x[..., :2] = np.stack([wave(60, seed=1), wave(60, seed=2)])
    x[1, 4:9, :2] = np.nan
    out = scored("recursive", x)
    warm = detector.warmup_steps
    assert warm == 12
    for stream, rows in ((0, warm), (1, warm + 5)):
        assert not out["score"][stream, :rows].any()
        assert not out["severity"][stream, :rows].any()
        assert (out["score"][stream, rows:] > 0).all()
    assert relative_gap(out["expected"][0, :warm], x[0, :warm, :2]) < 1e-6
    np.testing.assert_allclose(out["expected"][1, 4:9], np.tile(x[1, 3, :2], (5, 1)), rtol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_encoder_and_decoder_are_matrix_products(tied, residual):
    """Inputs are limited, encoded with their context, and decoded; a residual head adds to them."""
    detector = toy_rnn(tied=tied, residual=residual, clip=1.5, context=CONTEXT_COLUMNS, layers=1)
    predictor = detector.predictor
    rng = np.random.default_rng(0)
    x = 2 * rng.normal(size=(5, 2)).astype("float32")
    context = rng.normal(size=(5, 4)).astype("float32")
    states = [[rng.normal(size=(5, 8)).astype("float32") for _ in range(2)]]
    out = predictor.step(x, context, states)
    encode, decode = (np.array(w) for w in (predictor.encoder_kernel, predictor.encoder_bias))
    limited = np.clip(x, -1.5, 1.5)
    fed = np.concatenate([limited, context], axis=1) @ encode + decode
    hidden = np.array(predictor.recurrent[0].advance(fed, states[0])[0])
    kernel = encode[:2].T if tied else np.array(predictor.decoder_kernel)
    want = hidden @ kernel + np.array(predictor.decoder_bias) + (limited if residual else 0)
    assert (np.abs(x) > 1.5).any()
    assert relative_gap(out.predicted[:, 0], want) < 1e-5
    assert relative_gap(out.hidden, hidden) < 1e-6
    assert hasattr(predictor, "decoder_kernel") is not tied


def test_arguments_that_do_not_fit_are_refused():
    """Tied weights need equal sizes and the recursive head."""
    for arguments in ({"embedding": 4}, {"head": "direct"}):
        with pytest.raises(ConfigError, match="`tied` needs"):
            toy_rnn(tied=True, **arguments)


@pytest.mark.parametrize("variant", VARIANTS)
def test_configuration_repeats_the_detector(variant, tmp_path):
    """save → load keeps arguments and weights; every constructor argument is saved."""
    detector = small(variant)
    detector.save(tmp_path / "model.keras")
    again = load(tmp_path / "model.keras")
    assert again.get_config() == detector.get_config()
    assert set(inspect.signature(RNNPredictor).parameters) - {"kwargs"} <= set(again.get_config())
    for got, want in zip(again.get_weights(), detector.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


# The loss of a chunk


def untrained(**arguments):
    """A detector whose predictor has weights, without statistics."""
    detector = RNNPredictor(["a", "b"], period_s=60.0, **{**SIZE, "horizon": 3, **arguments})
    randomise(detector.predictor)
    return detector


def chunk_of(rows=40, chunk=6, starts=(0, 20), ends=(20, 40)):
    """Training data, and a batch of one chunk per stream."""
    rng = np.random.default_rng(0)
    data = {
        "z": rng.normal(size=(rows, 2)).astype("float32"),
        "mask": (rng.random((rows, 2)) < 0.8).astype("float32"),
        "context": np.zeros((rows, 0), "float32"),
    }
    batch = {
        "start": np.array(starts, "int32"),
        "end": np.array(ends, "int32"),
        "fresh": np.ones(len(starts), "float32"),
        "weight": np.ones(len(starts), "float32"),
    }
    return data, batch


def loss_of(detector, data, batch, carry=None, **options):
    """Loss parts and the carried states of one chunk, as arrays."""
    loss = detector._loss(RNNTraining(chunk=6, **options))
    parts, carry = loss(data, batch, carry or detector._zero_states(len(batch["start"])))
    return tuple({k: ops.convert_to_numpy(v) for k, v in d.items()} for d in (parts, carry))


@pytest.mark.parametrize("head", ["recursive", "direct"])
def test_losses_are_those_of_two_runs(head):
    """Teacher-forced, free-running and professor-forced, recomputed step by step.

    The first run is fed the rows, the second one its own predictions from the first row on; both
    errors are means over observed targets inside the segment, the third is the mean squared
    distance of the hidden states.
    """
    detector = untrained(head=head)
    data, batch = chunk_of(ends=(20, 25))
    weights = {"teacher_forced": 0.5, "free_running": 2.0, "professor_forced": 3.0}
    parts, _ = loss_of(detector, data, batch, **weights)
    for stream, (start, end) in enumerate(((0, 20), (20, 25))):
        inside = min(6, end - 1 - start)
        z, mask = data["z"][start:end], data["mask"][start:end]
        runs = {}
        for name in ("teacher_forced", "free_running"):
            states = [
                [np.zeros((1, 8), "float32")] * layer.states
                for layer in detector.predictor.recurrent
            ]
            x, context, errors, hidden = z[:1], np.zeros((1, 0), "float32"), [], []
            for t in range(6):
                if name == "teacher_forced" and t < len(z):
                    x = z[t : t + 1]
                out = detector.predictor.step(x, context, states)
                states, x = out.states, np.array(out.predicted[:, 0])
                hidden.append(np.array(out.hidden[0]))
                ahead = 3 if head == "direct" and name == "teacher_forced" else 1
                for k in range(ahead):
                    if t + k + 1 < len(z):
                        seen = mask[t + k + 1] > 0
                        errors += list((np.array(out.predicted[0, k]) - z[t + k + 1])[seen] ** 2)
            runs[name] = np.stack(hidden)
            assert relative_gap(parts[name][stream], np.mean(errors)) < 1e-5, name
        gap = runs["free_running"][:inside] - runs["teacher_forced"][:inside]
        assert relative_gap(parts["professor_forced"][stream], np.mean(gap**2)) < 1e-5
    total = sum(weight * parts[name] for name, weight in weights.items())
    assert relative_gap(parts["loss"], total) < 1e-6


def test_without_its_own_predictions_there_is_one_run():
    """With free-running and professor-forced at 0, neither is computed nor reported."""
    detector = untrained()
    data, batch = chunk_of()
    seen, step = [], detector.predictor.step

    def counted(x, *arguments):
        seen.append(x.shape[0])
        return step(x, *arguments)

    detector.predictor.step = counted
    alone, carried = loss_of(detector, data, batch, free_running=0, professor_forced=0)
    assert set(seen) == {2}
    both, also = loss_of(detector, data, batch)
    assert set(seen) == {2, 4}
    assert set(alone) == {"loss", "teacher_forced"}
    assert relative_gap(alone["loss"], both["teacher_forced"]) < 1e-6
    for name, state in carried.items():
        assert relative_gap(state, also[name]) < 1e-6
    free, _ = loss_of(detector, data, batch, professor_forced=0)
    assert relative_gap(free["loss"], both["teacher_forced"] + both["free_running"]) < 1e-6


def test_only_the_free_run_is_pulled():
    """Professor-forcing has no gradient through the run that is fed the rows.

    Rows after the first one are fed to that run alone; the first one starts the other run.
    """
    import tensorflow as tf

    detector = untrained()
    data, batch = chunk_of()
    loss, z = detector._loss(RNNTraining(chunk=6)), tf.constant(data["z"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        parts, _ = loss({**data, "z": z}, batch, detector._zero_states(2))
    pulled, fed = (
        ops.convert_to_numpy(tf.convert_to_tensor(tape.gradient(parts[name], z)))
        for name in ("professor_forced", "teacher_forced")
    )
    first = np.array([0, 20])
    assert (np.abs(pulled[first]).max(axis=1) > 0).all()
    assert not np.delete(pulled, first, axis=0).any()
    assert (np.abs(fed[first + 3]).max(axis=1) > 0).all()


def test_state_goes_from_chunk_to_chunk_unless_fresh():
    """Two chunks in a row are one run of twice the length; a fresh stream starts from nothing."""
    detector = untrained()
    data, batch = chunk_of()
    _, first = loss_of(detector, data, batch)
    later = {**batch, "start": batch["start"] + 6, "fresh": np.array([0, 1], "float32")}
    parts, second = loss_of(detector, data, later, first)
    carried, _ = loss_of(detector, data, {**later, "fresh": np.zeros(2, "float32")}, first)
    anew, fresh = loss_of(detector, data, later)
    assert parts["loss"][0] == carried["loss"][0] != anew["loss"][0]
    assert parts["loss"][1] == anew["loss"][1] != carried["loss"][1]
    states = [[np.zeros((2, 8), "float32")] * 2 for _ in range(2)]
    for t in range(12):
        rows = data["z"][batch["start"] + t]
        states = detector.predictor.step(rows, np.zeros((2, 0), "float32"), states).states
    for i, layer in enumerate(states):
        for j, state in enumerate(layer):
            assert relative_gap(second[f"layer{i}_{j}"][0], state[0]) < 1e-5
            assert relative_gap(fresh[f"layer{i}_{j}"][1], second[f"layer{i}_{j}"][1]) < 1e-6


def test_dropped_units_do_not_matter_and_others_count_more():
    """A mask's share of bytes drops out; what is kept is scaled up; the rest sees no difference."""
    detector = untrained()
    data, batch = chunk_of()
    plain, _ = loss_of(detector, data, batch, dropout=0.5)
    widths = enumerate(detector.predictor.dropout_widths)
    masks = {f"dropout{i}": np.full((2, 6, width), 255, "uint8") for i, width in widths}
    gone, _ = loss_of(detector, data, {**batch, **masks}, dropout=0.5)
    bias = np.array(detector.predictor.decoder_bias)
    for stream, start in enumerate((0, 20)):
        rows = slice(start + 1, start + 7)
        seen = data["mask"][rows] > 0
        want = np.mean((data["z"][rows] - bias)[seen] ** 2)
        assert relative_gap(gone["teacher_forced"][stream], want) < 1e-5
    kept = {name: np.zeros_like(mask) for name, mask in masks.items()}
    scaled, _ = loss_of(detector, data, {**batch, **kept}, dropout=0.5)
    assert (np.abs(scaled["loss"] - plain["loss"]) > 1e-4).all()


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_extreme_dropout_keeps_its_meaning(on_backend, backend):
    """A share too small for the masks' bytes drops nothing; nearly 1 still has a finite loss."""
    reference = on_backend("tensorflow")["dropout"]
    np.testing.assert_allclose(
        on_backend(backend)["dropout"]["little"], reference["none"], rtol=1e-5
    )
    assert np.isfinite(reference["much"]).all()


# Training


class AskedError(Exception):
    """Stands for a training phase; holds what it was asked."""


def asked(monkeypatch, **options):
    """What `fit_networks` asks of the session, without training."""

    def note(self, name, **arguments):
        raise AskedError(arguments)

    detector = untrained()
    prepared = detector.prepare(wave(), training=RNNTraining(**{**TRAINING, **options}))
    with monkeypatch.context() as patch:
        patch.setattr(TrainingSession, "run_phase", note)
        with pytest.raises(AskedError) as error:
            detector.fit_prepared(prepared)
    return error.value.args[0]


def test_noise_and_dropout_are_drawn_for_training_alone(monkeypatch):
    """Training batches have new noise and masks in every epoch, validation batches none."""
    phase = asked(monkeypatch, dropout=0.25, noise=0.1)
    first, second = (phase["batches"](np.random.default_rng(seed)) for seed in (1, 2))
    repeated = phase["batches"](np.random.default_rng(1))
    drawn = {"noise", "dropout0", "dropout1", "dropout2"}
    assert drawn <= set(first)
    assert not drawn & set(phase["validation"])
    for name in drawn:
        np.testing.assert_array_equal(first[name], repeated[name])
        assert (first[name] != second[name]).any()
    deviation = first["noise"].std(axis=(2, 3))
    assert deviation.max() < 0.15
    assert (deviation < 0.05).any()
    assert first["noise"].shape[2:] == (11, 2)
    none = asked(monkeypatch, dropout=0.0, noise=0.0)["batches"](np.random.default_rng(1))
    assert set(none) == set(phase["validation"])


def test_the_optimiser_clips_and_decays(monkeypatch):
    """Gradient norm, weight decay and learning rate reach Adam; 0 switches the decay off."""
    adam = asked(monkeypatch, gradient_norm=0.5, weight_decay=0.01, learning_rate=0.003)
    optimizer = adam["optimizer"].build(10)
    assert optimizer.global_clipnorm == 0.5
    assert optimizer.weight_decay == 0.01
    assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.003)
    assert not asked(monkeypatch, weight_decay=0.0)["optimizer"].build(10).weight_decay


def weights(detector):
    """All weights in one vector."""
    return np.concatenate([w.ravel() for w in detector.get_weights()])


def test_training_lowers_every_loss(rnn_run):
    """All three losses and the validation loss fall; the history has each of them."""
    history = rnn_run.history
    for name in ("loss", "teacher_forced", "free_running", "val_loss"):
        assert history[name].iloc[-1] < 0.8 * history[name].iloc[0], name
    assert np.isfinite(history[["professor_forced", "val_professor_forced"]]).all().all()
    assert list(history["phase"]) == ["predictor"] * 6
    assert rnn_run.detector.card["calibration"]["rows"] == 540


def test_the_detector_finds_what_was_never_seen(rnn_run):
    """A fault raises severity above everything normal, and blames its channel."""
    frame = ten_minutes(400, seed=7)
    frame.iloc[200:206, 0] += 15
    scores = rnn_run.detector.score(frame)
    assert scores["severity"].iloc[200:215].max() > 1.5 * scores["severity"].iloc[:200].max()
    worst = scores["score"].iloc[200:215].argmax() + 200
    assert scores["score_a"].iloc[worst] > scores["score_b"].iloc[worst]


def test_resume_equals_never_stopping(rnn_run, tmp_path, monkeypatch):
    """Stopped by Ctrl+C and resumed, a run ends with the weights of an uninterrupted one.

    What was learnt until Ctrl+C is a usable detector.
    """
    original = TrainingSession._epoch

    def stop(self, name, phase, *arguments):
        if phase["epoch"] == 3:
            raise KeyboardInterrupt
        original(self, name, phase, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingSession, "_epoch", stop)
        with pytest.raises(TrainingInterruptedError) as error:
            train(tiny(), ten_minutes(), out=tmp_path / "run")
    assert error.value.usable
    stopped = load(tmp_path / "run")
    resumed = train(tiny(), ten_minutes(), out=tmp_path / "run", resume=True)
    np.testing.assert_array_equal(weights(resumed.detector), weights(rnn_run.detector))
    assert not np.array_equal(weights(stopped), weights(rnn_run.detector))
    assert list(resumed.history["epoch"]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_backends_train_alike(on_backend, backend):
    """From the same weights, with the same noise and masks, the same losses and weights."""
    reference, numbers = on_backend("tensorflow")["training"], on_backend(backend)["training"]
    assert set(numbers) == set(reference)
    for name, array in numbers.items():
        assert relative_gap(array, reference[name]) < 1e-3, name
    assert (reference["history"][1] < reference["history"][0]).any()


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_backends_score_alike(on_backend, backend):
    """A saved detector gives the same outputs and state under every backend."""
    reference, numbers = on_backend("tensorflow")["score"], on_backend(backend)["score"]
    assert len(reference) == 4 * 5
    for name, array in reference.items():
        assert relative_gap(numbers[name], array) < 1e-5, name
        assert np.abs(array).max() > 0, name


def test_rows_without_a_neighbour_are_refused():
    """Held-out rows that all stand alone leave nothing to predict."""
    detector = untrained()
    frame = wave()
    alone = pd.date_range(frame.index[540], periods=60, freq="100min")
    frame.index = frame.index[:540].append(alone)
    with pytest.raises(InputError, match="held-out rows have no two rows"):
        detector.fit(frame, training=RNNTraining(**TRAINING))


def test_a_horizon_that_leaves_no_errors_is_refused():
    """The Gaussian needs rows after the warm-up: a long horizon needs more rows."""
    detector = untrained(horizon=120)
    assert detector.warmup_steps == 480
    with pytest.raises(InputError, match=r"at least 589 rows.*Received: 570"):
        detector.fit(wave(570), training=RNNTraining(**TRAINING))


def test_sensors_that_report_in_turn_have_no_usual_distance():
    """Where hardly a row has all channels, every distance is usual, whatever was fitted before."""
    layer = UsualDistance(4, channels=2)
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(600, 4)).astype("float32")
    distances = np.exp(2 * hidden[:, :2])
    layer.fit(hidden, distances, np.ones((600, 2)))
    usual = ops.convert_to_numpy(layer(hidden))
    assert np.corrcoef(np.log(usual[:, 0]), hidden[:, 0])[0, 1] > 0.9
    in_turn = (np.arange(600)[:, None] + [0, 1]) % 2
    layer.fit(hidden, distances, in_turn)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(hidden)), np.ones((600, 2)))


# Context


def built(frame, detector="rnn", **data):
    """The context that a run's detector gets, without training."""
    config = build_config(detector=detector, overrides={"data": data})
    return build_detector(config, frame, tuple(frame.columns)).context


def every(step, rows):
    """A frame with a row every so often."""
    frame = wave(rows)
    frame.index = pd.date_range("2025-01-01", periods=rows, freq=step, name="time")
    return frame


@pytest.mark.parametrize(
    ("step", "rows", "on"),
    [
        ("10min", 289, True),
        ("10min", 288, False),
        ("1min", 2881, True),
        ("59s", 3000, False),
        ("6h", 9, True),
        ("361min", 20, False),
    ],
)
def test_context_is_on_for_days_of_minutes_to_hours(step, rows, on):
    """By default: a period of one minute to six hours, and two days of training rows."""
    assert built(every(step, rows)) == (CONTEXT_COLUMNS if on else ())


def test_context_needs_times():
    """Rows without timestamps, or whose timestamps do not count, have no time of day."""
    assert built(every("10min", 400).reset_index(drop=True)) == ()
    assert built(every("10min", 400), grid="rows") == ()
    spaced = every("10min", 400).set_axis(pd.Index(600.0 * np.arange(400), name="row"))
    assert built(spaced) == ()


def test_the_configuration_decides_on_context():
    """`[data] context` wins either way; a detector that takes none refuses it, or does without."""
    assert built(every("10min", 400), context=False) == ()
    assert built(every("10s", 100), context=True) == CONTEXT_COLUMNS
    assert built(every("10min", 400), "vae-lstm") == ()
    with pytest.raises(ConfigError, match="vae-lstm takes no context"):
        built(every("10min", 400), "vae-lstm", context=True)
    with pytest.raises(ConfigError, match="takes no context"):
        VAELSTM(["a"], context=CONTEXT_COLUMNS)
    with pytest.raises(ConfigError, match="must be empty or time_of_day_sin"):
        RNNPredictor(["a"], context=CONTEXT_COLUMNS[:2])


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
