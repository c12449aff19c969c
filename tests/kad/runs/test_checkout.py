"""`kad train NAME`: series by name, from a checkout."""

import sys
import tomllib

import numpy as np
import pytest

from kad.cli import app as cli
from kad.data.tables import read_table
from kad.runs import checkout
from kad.runs.folder import load
from toys.pages import data_of
from toys.series import wave

ECG = "discords/ecg/chfdb_chf13_45590"


@pytest.fixture
def kad(tmp_path, monkeypatch, capsys):
    """Runs `kad train` in an empty folder: exit code and lines on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        given = ["kad", "train", *arguments, "--detector", "gaussian", "--out", "run"]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err.splitlines()

    return run


def data_section(folder):
    """[data] of a run."""
    return tomllib.loads((folder / "config.toml").read_text())["data"]


@pytest.mark.data
def test_a_name_brings_rows_period_and_labels(kad, data_dir, tmp_path, monkeypatch):
    """Published training rows and the period of bare rows are used, labels are in the report."""
    monkeypatch.setenv("KAD_DATA_DIR", str(data_dir))
    code, said = kad(ECG)
    run = tmp_path / "run"
    assert code == 0, said
    assert data_section(run)["train"] == "0:2439"
    assert data_section(run)["period"] == 0.004
    assert load(run).card["training"]["rows"] == 2439
    assert len(read_table(run / "data.csv").frame) == 3750
    (window,) = data_of((run / "report.html").read_text(encoding="utf-8"))["labels"]["windows"]
    assert window["rows"] == [2801, 2960]
    assert kad(ECG, "--resume")[0] == 0
    assert kad(ECG)[0] == 2


@pytest.mark.data
def test_what_the_user_says_wins(kad, data_dir, tmp_path, monkeypatch):
    """--train beats the published rows; units come for the channels that are watched."""
    monkeypatch.setenv("KAD_DATA_DIR", str(data_dir))
    code, said = kad("skab/valve1/0", "--train", "100:900", "--channels", "Current,Pressure")
    assert code == 0, said
    assert data_section(tmp_path / "run")["train"] == "100:900"
    assert data_section(tmp_path / "run")["units"] == {"Current": "A", "Pressure": "bar"}


@pytest.mark.data
def test_missing_samples_stay_missing(kad, data_dir, tmp_path, monkeypatch):
    """The gesture's missing samples are NaN in the run's table; KAD_DATA_DIR may be relative."""
    (tmp_path / "data").symlink_to(data_dir)
    monkeypatch.setenv("KAD_DATA_DIR", "data")
    code, said = kad("discords/gesture/ann_gun_CentroidA")
    assert code == 0, said
    assert np.isnan(read_table(tmp_path / "run" / "data.csv").frame).to_numpy().any()


def test_a_file_of_that_name_wins(kad, tmp_path):
    """A file called as a series is read as a file."""
    (tmp_path / "synthetic").mkdir()
    wave().to_csv(tmp_path / "synthetic" / "pump")
    code, said = kad("synthetic/pump")
    assert code == 0, said
    assert load(tmp_path / "run").channels == ("a", "b")
    assert not (tmp_path / "run" / "data.csv").exists()


def test_unknown_names_are_one_line(kad, tmp_path, monkeypatch):
    """Neither a file nor a series: both are named, nothing is written."""
    code, (line,) = kad("synthetic/pomp")
    assert code == 2
    assert "no file synthetic/pomp. There is no data set 'synthetic/pomp'." in line
    assert "Did you mean synthetic/pump?" in line
    monkeypatch.setattr(checkout, "CHECKOUT", tmp_path)
    code, (line,) = kad("synthetic/pump")
    assert code == 2
    assert "can be read. Received: synthetic/pump" in line
    assert list(tmp_path.iterdir()) == []
