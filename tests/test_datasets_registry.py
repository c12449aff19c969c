"""Names, own CSV files, Series and the command line, with nothing but the synthetic series."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import datasets
from datasets import Series, load
from datasets.series import runs
from runtime.errors import InputError


def test_public_names():
    assert datasets.__all__ == ["Series", "load", "names"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nab/machine_temprature_system_failure", "nab/machine_temperature_system_failure"),
        ("vae_lstm/nyc_taxy", "vae_lstm/nyc_taxi"),
        ("synthetic/pumps", "synthetic/pump"),
    ],
)
def test_unknown_name_suggests_the_nearest(name, near):
    with pytest.raises(InputError, match=f"Did you mean .*{near}"):
        load(name)


def test_unknown_option_is_named():
    with pytest.raises(InputError, match="'colour'"):
        load("synthetic/pump", colour="red")


def test_synthetic_series_round_trip(tmp_path):
    """Split, labels and CSV of the generated pump."""
    series = load("synthetic/pump", days=14, period_s=600, seed=3)
    assert series.train == (0, 1008)
    assert series.test == ((1008, 2016),)
    assert len(series.windows) == 8
    assert not (series.labels() & series.train_mask).any()
    assert series.labels().any()
    series.to_csv(tmp_path / "pump.csv", labels=tmp_path / "labels.csv")
    back = load(str(tmp_path / "pump.csv"), labels=tmp_path / "labels.csv", train=(0, 1008))
    assert np.array_equal(back.frame, series.frame, equal_nan=True)
    assert back.frame.index.equals(series.frame.index)
    assert np.array_equal(back.labels(), series.labels())
    assert (back.train, back.test, back.period_s) == (series.train, series.test, 600)


def test_rows_outside_the_series_are_refused():
    with pytest.raises(InputError, match="outside"):
        Series(name="x", frame=pd.DataFrame({"a": [1.0, 2.0]}), train=(0, 3))


def test_series_without_split():
    series = Series(name="x", frame=pd.DataFrame({"a": [1.0, 2.0]}))
    assert series.test_frames() == ()
    with pytest.raises(InputError, match="no training part"):
        series.train_frame()


def test_runs():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []


def write(path, text):
    path.write_text(text)
    return path


def test_own_csv(tmp_path):
    """Rows in the file's order, empty cells missing, labels with both ends inside."""
    data = write(
        tmp_path / "d.csv", "a,Timestamp,b\n1,2025-01-01,\n2.5,2025-01-03,7\nnan,2025-01-02,inf\n"
    )
    labels = write(tmp_path / "l.csv", "start,end\n2025-01-02,2025-01-03\n")
    series = load(data, labels=labels)
    assert series.channels == ("a", "b")
    assert series.labels().tolist() == [False, True, True]
    assert series.frame["a"].tolist()[:2] == [1, 2.5]
    assert series.frame.isna().sum().tolist() == [1, 1]
    numbered = load(
        write(tmp_path / "n.csv", "a\n1\n2\n3\n"),
        labels=write(tmp_path / "m.csv", "start,end\n1,1\n"),
    )
    assert numbered.frame.index.name == "row"
    assert numbered.labels().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "at least one row"),
        ("time\n2025-01-01\n", "at least one row and one numeric column"),
        ("a,b\n1,2\n3,x7\n", "line 3, column 'b': 'x7' is not a number"),
        ("time,a\n2025-01-01,1\nlater,2\n", "ISO 8601"),
        ("time,a\n2025-01-01,1\n,2\n", "line 3, column 'time': the time is missing"),
        ("a,b\n1,2,3\n4,5,6\n", "more cells than the header"),
        ("a,b\n1,2\n4,5,6\n", "not a readable CSV"),
    ],
)
def test_bad_csv(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        load(write(tmp_path / "bad.csv", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from,to\n1,2\n", "columns start, end"),
        ("start,end\n2025-01-02,2025-01-01\n", "ends before it starts"),
        ("start,end\n2025-01-01T00:00Z,2025-01-02T00:00Z\n", "time zone"),
    ],
)
def test_bad_labels(tmp_path, text, message):
    data = write(tmp_path / "d.csv", "time,a\n2025-01-01,1\n")
    with pytest.raises(InputError, match=message):
        load(data, labels=write(tmp_path / "l.csv", text))


def test_missing_file():
    with pytest.raises(InputError, match="Cannot read"):
        load("nowhere.csv")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    series = Series(name="x", frame=pd.DataFrame({"a": [1.0]}))
    with pytest.raises(InputError, match="cannot be written"):
        series.to_csv(tmp_path / "none" / "x.csv")
    assert list(tmp_path.iterdir()) == []


def cli(*args):
    return subprocess.run(
        [sys.executable, "-m", "datasets", *args], capture_output=True, text=True, check=False
    )


def test_command_line(tmp_path):
    """list, fetch, and one line with exit code 2 for a bad name."""
    listed = cli("list", "vae_lstm/", "--plain")
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[0] == "name,rows,channels,period_s,anomalies,licence"
    assert "vae_lstm/machine_temp,22695,1,300,4,MIT" in listed.stdout
    out = tmp_path / "pump.csv"
    fetched = cli("fetch", "synthetic/pump", "-o", str(out), "--labels", str(tmp_path / "l.csv"))
    assert fetched.returncode == 0, fetched.stderr
    assert out.read_text().startswith("time,flow,pressure,current,temperature,vibration\n")
    assert (tmp_path / "l.csv").read_text().startswith("start,end\n")
    bad = cli("fetch", "nab/nyc_tax")
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    assert "nab/nyc_taxi" in bad.stderr
    assert cli("list", "nothing/").returncode == 2


def test_import_does_no_work():
    """No pooch, typer, rich or keras until they are needed."""
    heavy = ("pooch", "typer", "rich", "keras")
    code = f"import sys, datasets; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
