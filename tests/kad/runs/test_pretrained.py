"""`--pretrained`: training that starts from the networks of another run; `--impute`."""

import sys

import numpy as np
import pytest

from kad.cli import app as cli
from kad.config import build_config
from kad.runs.train import train
from runtime.errors import ConfigError
from toys.series import TINY, wave
from toys.training import as_constructed, networks_as_they_are

RNN = {
    "detector": {"units": 4, "embedding": 4, "layers": 1, "horizon": 2},
    "training": {"epochs": 1, "batch_size": 8, "chunk": 8, "examples_per_epoch": 1000},
}
STILL = {"learning_rate": 1e-20, "learning_rate_lstm": 1e-20}
"""Rates at which a weight does not change."""


def settings(name, tree, **overrides):
    """A configuration, with values replaced per section."""
    sections = {
        section: {**values, **overrides.get(section, {})} for section, values in tree.items()
    }
    return build_config(detector=name, overrides=sections)


@pytest.fixture(scope="module")
def rnn_run(tmp_path_factory):
    """A trained RNN predictor."""
    config = settings("rnn", RNN)
    return train(config, wave(), out=tmp_path_factory.mktemp("pretrained") / "rnn")


@pytest.mark.parametrize(
    ("name", "tree", "still"),
    [("vae-lstm", TINY, STILL), ("rnn", RNN, {"learning_rate": 1e-20})],
)
def test_training_starts_where_the_other_run_ended(name, tree, still, run, rnn_run, tmp_path):
    """The first validation loss is the other run's best, in every phase."""
    other = run if name == "vae-lstm" else rnn_run
    config = settings(name, tree, training=still)
    history = train(config, wave(), out=tmp_path / "run", pretrained=other.folder).history
    for phase, rows in other.history.groupby("phase"):
        first = history.loc[history["phase"] == phase, "val_loss"].iloc[0]
        assert first == pytest.approx(rows["val_loss"].min(), rel=1e-6), phase


def test_scaler_and_calibration_are_the_new_rows(run, tmp_path):
    """Only networks are taken over: from other rows, another scaler and another calibration."""
    config = settings("vae-lstm", TINY)
    with networks_as_they_are():
        new = train(config, 5 * wave(seed=2), out=tmp_path / "run", pretrained=run.folder)
    detector = new.detector
    ours, theirs = detector.trainable_variables, run.detector.trainable_variables
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert np.asarray(detector.scaler.mean)[0] == pytest.approx(100, rel=0.02)
    assert detector.card["calibration"] != run.detector.card["calibration"]


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("vae-lstm", {"code_size": 3}, "encoder.hidden.units is 8 there and 12 here"),
        ("vae-lstm", {"l_seq": 4}, "lstm.codes.batch_shape.1 is 2 there and 3 here"),
        ("rnn", {}, "must be a run of rnn. Received: .*, of vae-lstm"),
        ("gaussian", {}, "must be a run of gaussian"),
    ],
)
def test_other_networks_are_refused(name, changed, message, run, tmp_path):
    """The first difference is named, and nothing is written."""
    tree = {"vae-lstm": TINY, "rnn": RNN, "gaussian": {"detector": {}}}[name]
    with pytest.raises(ConfigError, match=message):
        train(
            settings(name, tree, detector=changed),
            wave(),
            out=tmp_path / "run",
            pretrained=run.folder,
        )
    assert not (tmp_path / "run").exists()


def test_an_rnn_of_another_size_is_refused(rnn_run, tmp_path):
    """The constructor's argument is named."""
    with pytest.raises(ConfigError, match="predictor.units is 4 there and 6 here"):
        train(
            settings("rnn", RNN, detector={"units": 6}),
            wave(),
            out=tmp_path / "run",
            pretrained=rnn_run.folder,
        )


def test_an_ensemble_starts_with_all_networks_of_another(tmp_path):
    """Both networks are taken over; another size of one of them is refused."""

    def tiny(seed=0, **arguments):
        sections = {"training": {"seed": seed}, "detector": arguments}
        return build_config(detector="ensemble", preset="tiny", overrides=sections)

    with as_constructed():
        first = train(tiny(), wave(), out=tmp_path / "first")
        again = train(tiny(seed=1), wave(), out=tmp_path / "again", pretrained=first.folder)
    names = [variable.path for variable in again.detector.trainable_variables]
    assert {name.split("/")[0] for name in names} >= {"predictor"}
    pairs = zip(again.detector.trainable_variables, first.detector.trainable_variables, strict=True)
    for mine, other in pairs:
        np.testing.assert_array_equal(mine, other)
    with pytest.raises(ConfigError, match=r"rnn\..*units is \d+ there and 5 here"):
        train(tiny(rnn={"units": 5}), wave(), out=tmp_path / "no", pretrained=first.folder)


def kad_train(monkeypatch, capsys, *arguments):
    """Runs `kad train data.csv`: exit code and stderr."""
    monkeypatch.setattr(sys, "argv", ["kad", "train", "data.csv", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().err


def test_flags(run, rnn_run, tmp_path, monkeypatch, capsys):
    """--pretrained excludes --resume; --impute is an option of detectors that have it."""
    monkeypatch.chdir(tmp_path)
    wave().to_csv("data.csv")
    again = ("--out", str(run.folder), "--resume", "--pretrained", str(rnn_run.folder))
    assert kad_train(monkeypatch, capsys, *again) == (
        2,
        "kad: error: Leave out --pretrained: --resume continues with the run's own weights.\n",
    )
    code, said = kad_train(monkeypatch, capsys, "--detector", "gaussian", "--impute", "last")
    assert code == 2
    assert said.startswith("kad: error: Unknown configuration key 'detector.impute'.")
    code, said = kad_train(monkeypatch, capsys, "--detector", "rnn", "--impute", "zero")
    assert code == 2
    assert "detector.impute: Input should be 'last' or 'forecast'. Received: 'zero'" in said
    (tmp_path / "kad.toml").write_text(build_config(detector="rnn", overrides=RNN).to_toml())
    options = ("--config", "kad.toml", "--impute", "forecast", "--out", "run")
    code, said = kad_train(monkeypatch, capsys, *options)
    assert code == 0, said
    assert 'impute = "forecast"' in (tmp_path / "run" / "config.toml").read_text()
