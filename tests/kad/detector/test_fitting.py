"""Fitting: what it refuses, repeats, resumes and keeps."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kad
from kad.config import build_config
from kad.detectors.gaussian import MovingGaussian
from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining
from kad.graph.missing import ENOUGH
from kad.options import FitOptions
from kad.runs.folder import load
from kad.runs.train import train
from kad.training.examples import epoch_batches, padded_batches, split_starts
from kad.training.session import TrainingInterruptedError
from runtime.errors import InputError, KadError, ModelFileError
from toys.series import TINY, wave
from toys.training import interrupted_in

OPTIONS = VAELSTMTraining(**TINY["training"])
STATIC = {"normalisation": "static"}


def tiny(**overrides):
    """A configuration of the tiny detector."""
    tree = {section: dict(values) for section, values in TINY.items()}
    for section, values in overrides.items():
        tree[section] = {**tree.get(section, {}), **values}
    return build_config(overrides=tree)


def weights(detector):
    """All weights in one vector."""
    return np.concatenate([w.ravel() for w in detector.get_weights()])


def test_run_folder_is_complete(run):
    """A run holds model, configuration, history and the scores of the calibration rows."""
    files = {path.name for path in run.folder.iterdir()}
    assert files == {
        "model.keras",
        "config.toml",
        "history.csv",
        "calibration.csv",
        "checkpoint.npz",
    }
    history = pd.read_csv(run.folder / "history.csv")
    assert list(history["phase"]) == ["vae", "vae", "lstm", "lstm"]
    assert np.isfinite(history[["loss", "val_loss", "learning_rate"]]).all().all()
    scores = pd.read_csv(run.folder / "calibration.csv")["score"]
    assert len(scores) == run.detector.card["calibration"]["rows"] == 540


def test_training_lowers_the_losses():
    """Both networks learn: the losses fall."""
    config = tiny(training={"epochs": 15, "epochs_lstm": 15, "learning_rate": 1e-2})
    detector = VAELSTM(["a", "b"], period_s=60.0, **config.arguments)
    history = detector.fit(wave(), training=config.training)
    for phase in ("vae", "lstm"):
        losses = history.loc[history["phase"] == phase, "loss"].to_numpy()
        assert losses[-1] < 0.8 * losses[0]


def test_same_seed_same_weights(run, tmp_path):
    """A seed repeats a run; another seed does not."""
    again = train(tiny(), wave(), out=tmp_path / "again").detector
    other = train(tiny(training={"seed": 1}), wave(), out=tmp_path / "other").detector
    np.testing.assert_array_equal(weights(again), weights(run.detector))
    assert np.abs(weights(again) - weights(other)).max() > 0.01


def test_loaded_detector_scores_the_same(run):
    """save → load keeps every number, the card included."""
    again = load(run.folder)
    assert again.card == run.detector.card
    assert again.get_config() == run.detector.get_config()
    pd.testing.assert_frame_equal(again.score(wave(seed=5)), run.detector.score(wave(seed=5)))


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


@pytest.mark.parametrize("phase", ["vae", "lstm"])
def test_resume_equals_never_stopping(run, tmp_path, monkeypatch, phase):
    """Stopped by Ctrl+C and resumed, a run ends with the weights of an uninterrupted one."""
    config = tiny()
    with monkeypatch.context() as patch:
        interrupted_in(phase, 1, patch)
        with pytest.raises(TrainingInterruptedError) as error:
            train(config, wave(), out=tmp_path / "stopped")
    assert error.value.usable == (phase == "lstm")
    assert (tmp_path / "stopped" / "model.keras").exists() == (phase == "lstm")
    resumed = train(config, wave(), out=tmp_path / "stopped", resume=True)
    np.testing.assert_array_equal(weights(resumed.detector), weights(run.detector))
    assert list(resumed.history["epoch"]) == [1, 2, 1, 2]


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the finished run."""
    return Path(shutil.copytree(run.folder, tmp_path / "copy"))


def test_training_further_equals_training_at_once(copy, tmp_path):
    """Two epochs and then one more end where three end; later phases start anew."""
    longer = tiny(training={"epochs": 3})
    whole = train(longer, wave(), out=tmp_path / "whole")
    more = train(longer, wave(), out=copy, resume=True)
    assert list(more.history["phase"]) == [*["vae"] * 2, *["lstm"] * 2, "vae", *["lstm"] * 2]
    assert list(more.history["epoch"]) == [1, 2, 1, 2, 3, 1, 2]
    vae = [h.loc[h["phase"] == "vae", "val_loss"] for h in (more.history, whole.history)]
    np.testing.assert_array_equal(vae[0].to_numpy(), vae[1].to_numpy())


def test_checkpoint_of_other_data_is_refused(copy):
    """Resume with other training rows is an error: scaler and losses would be mixed."""
    before = (copy / "checkpoint.npz").read_bytes()
    with pytest.raises(InputError, match="other training rows"):
        train(tiny(training={"epochs": 3}), wave() * 50, out=copy, resume=True)
    assert (copy / "checkpoint.npz").read_bytes() == before


def test_a_damaged_checkpoint_is_refused(copy):
    """An empty or truncated checkpoint is one line."""
    whole = (copy / "checkpoint.npz").read_bytes()
    for part in (b"", whole[:1000]):
        (copy / "checkpoint.npz").write_bytes(part)
        with pytest.raises(InputError, match="is damaged"):
            train(tiny(), wave(), out=copy, resume=True)


def test_overwrite_keeps_the_run_until_the_data_is_usable(copy):
    """Data that cannot be used leaves the finished run as it was; usable data replaces it all."""
    before = {p.name: p.read_bytes() for p in copy.iterdir()}
    with pytest.raises(InputError, match="constant"):
        train(tiny(scoring=STATIC), wave().assign(a=1.0), out=copy, overwrite=True)
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == before
    (copy / "detector.onnx").write_bytes(b"old")
    train(tiny(), wave(seed=9), out=copy, overwrite=True)
    assert not (copy / "detector.onnx").exists()


def test_runs_are_not_overwritten(copy, tmp_path):
    """A finished run is only replaced when asked for; nothing can be resumed from nowhere."""
    before = (copy / "model.keras").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        train(tiny(), wave(), out=copy)
    assert (copy / "model.keras").read_bytes() == before
    with pytest.raises(InputError, match="nothing to resume"):
        train(tiny(), wave(), out=tmp_path / "other", resume=True)


def test_checkpoint_of_another_detector_is_refused(copy):
    """Resume with other shapes is an error."""
    with pytest.raises(InputError, match="another shape"):
        train(tiny(detector={"code_size": 4}), wave(), out=copy, resume=True)


def test_early_stopping_keeps_the_best(tmp_path):
    """Training stops after `patience` epochs without a better validation loss."""
    config = tiny(training={"epochs": 50, "learning_rate": 0.5, "patience": 2, "epochs_lstm": 1})
    history = train(config, wave(), out=tmp_path / "run").history
    vae = history[history["phase"] == "vae"]
    assert len(vae) < 50
    assert len(vae) - vae["val_loss"].to_numpy().argmin() == 3


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


def test_channels_named_like_outputs_are_refused():
    """A channel called `score` would hide the detector's own column."""
    for name in ("score", "alarm", "expected_b"):
        with pytest.raises(InputError, match="Rename the channel"):
            VAELSTM([name, "b"], **TINY["detector"])


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


def test_networks_need_held_out_rows():
    """A detector that trains says so in its options."""
    with pytest.raises(TypeError, match="must be a NetworkOptions.*FitOptions"):
        type("Wrong", (VAELSTM,), {"Training": FitOptions})


def test_missing_held_out_rows_do_not_calibrate():
    """Calibration takes observed rows after the warm-up only.

    The rows after the outage rest on held samples at first and score 0, as they will in use.
    """
    frame = wave(1200)
    frame.iloc[1100:1150] = np.nan
    detector = VAELSTM(["a", "b"], period_s=60.0, scoring=STATIC, **tiny().arguments)
    detector.fit(frame, training=OPTIONS)
    assert detector.card["calibration"]["rows"] == 120 - 50
    held, back = np.split(detector.calibration_scores > 0, [20])
    assert held.all()
    blind = int(ENOUGH * detector.l_seq * detector.l_win)
    assert not back[:blind].any()
    assert back[blind:].all()


def test_diverging_training_says_so():
    """A loss that is no longer finite ends the training with advice."""
    options = OPTIONS.model_copy(update={"learning_rate": 1e18, "gradient_clip": 1e30})
    detector = VAELSTM(["a", "b"], period_s=60.0, **tiny().arguments)
    with pytest.raises(KadError, match=r"learning_rate"):
        detector.fit(wave(), training=options)


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


def test_batches_and_splits():
    """Epochs cover every example; validation targets are held out, with a gap before them."""
    rng = np.random.default_rng(0)
    drawn = epoch_batches(np.arange(1000), batch_size=7, most=10**9, rng=rng)
    assert set(drawn.ravel()) == set(range(1000))
    assert drawn.size < 1000 + 7 * 4
    filled, weight = padded_batches(np.arange(10), batch_size=4)
    assert filled.shape == weight.shape == (3, 4)
    assert weight.sum() == 10
    starts = np.arange(100 - 18 + 1)
    train_starts, held_out = split_starts(
        starts, length=18, target=6, rows=100, held_out=20, options=OPTIONS
    )
    assert train_starts.max() + 18 <= 80 - 6
    assert held_out.min() + 18 - 6 == 80


def test_damaged_models_are_refused(tmp_path, run):
    """A truncated or foreign .keras file is one line."""
    path = tmp_path / "model.keras"
    path.write_bytes((run.folder / "model.keras").read_bytes()[:2000])
    with pytest.raises(ModelFileError, match="damaged"):
        load(path)
    with pytest.raises(InputError, match="no model.keras"):
        load(tmp_path / "..")


def test_public_names():
    """`kad.__all__` is what kad offers, and each name can be had."""
    assert kad.__all__ == sorted(kad.__all__, key=lambda n: (not n.isupper(), n))
    assert all(getattr(kad, name) is not None for name in kad.__all__)
