"""A run folder: what is in it, what repeats, resumes and replaces it."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kad.runs.train import train
from kad.training.session import TrainingInterruptedError
from runtime.errors import InputError
from toys.series import wave
from toys.training import interrupted_in, networks_as_they_are, tiny, weights


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


def test_another_seed_gives_other_weights(run, tmp_path):
    """The same seed repeats a run, as the next test shows."""
    other = train(tiny(training={"seed": 1}), wave(), out=tmp_path / "other").detector
    assert np.abs(weights(other) - weights(run.detector)).max() > 0.01


def test_resume_equals_never_stopping(run, tmp_path, monkeypatch):
    """Stopped by Ctrl+C in each phase, and resumed, a run ends with an uninterrupted one's weights.

    Only the last phase's Ctrl+C leaves a detector.
    """
    config, out = tiny(), tmp_path / "stopped"
    for phase, resume in (("vae", False), ("lstm", True)):
        with monkeypatch.context() as patch:
            interrupted_in(phase, 1, patch)
            with pytest.raises(TrainingInterruptedError) as error:
                train(config, wave(), out=out, resume=resume)
        assert error.value.usable == (phase == "lstm")
        assert (out / "model.keras").exists() == (phase == "lstm")
    resumed = train(config, wave(), out=out, resume=True)
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
    with pytest.raises(InputError, match="no reading"):
        train(tiny(), wave().assign(a=np.nan), out=copy, overwrite=True)
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == before
    (copy / "detector.onnx").write_bytes(b"old")
    with networks_as_they_are():
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
