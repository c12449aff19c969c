"""How the RNN predictor learns: the loss of a chunk, and whole runs."""

import numpy as np
import pandas as pd
import pytest
from keras import ops

from kad.detectors.rnn import RNNPredictor, RNNTraining
from kad.networks.rnn.loss import chunk_loss
from kad.networks.rnn.states import zero_states
from kad.runs.folder import load
from kad.runs.train import train
from kad.training.session import TrainingInterruptedError, TrainingSession
from runtime.errors import InputError
from runtime.model.compare import relative_gap
from toys.rnn import SIZE, TRAINING, randomise, tiny
from toys.series import ten_minutes, wave


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
    loss = chunk_loss(detector.predictor, RNNTraining(chunk=6, **options))
    carry = carry or zero_states(detector.predictor, len(batch["start"]))
    parts, carry = loss(data, batch, carry)
    return tuple({k: ops.convert_to_numpy(v) for k, v in d.items()} for d in (parts, carry))


@pytest.mark.parametrize("cell", ["lstm", "sru"])
@pytest.mark.parametrize("head", ["recursive", "direct"])
def test_losses_are_those_of_two_runs(head, cell):
    """Teacher-forced, free-running and professor-forced, recomputed step by step.

    The first run is fed the rows, the second one its own predictions from the first row on; both
    errors are means over observed targets inside the segment, the third is the mean squared
    distance of the hidden states.
    """
    detector = untrained(head=head, cell=cell)
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


def test_an_sru_reads_the_rows_at_once():
    """Without its own predictions there is no step; with them, they alone are step by step.

    The same masks drop the same units of both runs.
    """
    detector = untrained(cell="sru")
    data, batch = chunk_of()
    widths, rng = enumerate(detector.predictor.dropout_widths), np.random.default_rng(2)
    masks = {f"dropout{i}": rng.integers(0, 256, (2, 6, n), dtype="uint8") for i, n in widths}
    batch, step, seen = {**batch, **masks}, detector.predictor.step, []

    def counted(x, *arguments):
        seen.append(x.shape[0])
        return step(x, *arguments)

    detector.predictor.step = counted
    alone, carried = loss_of(detector, data, batch, free_running=0, professor_forced=0)
    assert not seen
    both, also = loss_of(detector, data, batch)
    assert set(seen) == {2}
    assert relative_gap(alone["loss"], both["teacher_forced"]) < 1e-6
    for name, state in carried.items():
        assert relative_gap(state, also[name]) < 1e-6
    detector.predictor.cell = "lstm"  # Step by step, as the other cells.
    slowly, last = loss_of(detector, data, batch)
    assert set(seen) == {2, 4}
    for name, value in slowly.items():
        assert relative_gap(both[name], value) < 1e-5, name
    for name, state in last.items():
        assert relative_gap(also[name], state) < 1e-5, name


@pytest.mark.parametrize("cell", ["lstm", "sru"])
def test_only_the_free_run_is_pulled(cell):
    """Professor-forcing has no gradient through the run that is fed the rows.

    Rows after the first one are fed to that run alone; the first one starts the other run.
    """
    import tensorflow as tf

    detector = untrained(cell=cell)
    data, batch = chunk_of()
    loss, z = chunk_loss(detector.predictor, RNNTraining(chunk=6)), tf.constant(data["z"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        parts, _ = loss({**data, "z": z}, batch, zero_states(detector.predictor, 2))
    pulled, fed = (
        ops.convert_to_numpy(tf.convert_to_tensor(tape.gradient(parts[name], z)))
        for name in ("professor_forced", "teacher_forced")
    )
    first = np.array([0, 20])
    assert (np.abs(pulled[first]).max(axis=1) > 0).all()
    assert not np.delete(pulled, first, axis=0).any()
    assert (np.abs(fed[first + 3]).max(axis=1) > 0).all()


@pytest.mark.parametrize("cell", ["lstm", "sru"])
def test_state_goes_from_chunk_to_chunk_unless_fresh(cell):
    """Two chunks in a row are one run of twice the length; a fresh stream starts from nothing."""
    detector = untrained(cell=cell)
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


@pytest.mark.parametrize("cell", ["lstm", "sru"])
def test_dropped_units_do_not_matter_and_others_count_more(cell):
    """A mask's share of bytes drops out; what is kept is scaled up; the rest sees no difference."""
    detector = untrained(cell=cell)
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


def test_resume_equals_never_stopping(rnn_run, tmp_path, monkeypatch):
    """Stopped by Ctrl+C and resumed, a run ends with the weights of an uninterrupted one.

    What was learnt until Ctrl+C is a usable detector.
    """
    original = TrainingSession._epoch

    def stop(self, name, phase, *arguments, **options):
        if phase["epoch"] == 3:
            raise KeyboardInterrupt
        original(self, name, phase, *arguments, **options)

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
