"""Names, own CSV files, Series and the command line, with nothing but the synthetic series."""

import json
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
    """Rows in the file's order, empty cells missing, text no channel, labels with both ends."""
    data = write(
        tmp_path / "d.csv",
        "a;Timestamp;b;note\n1;2025-01-01;;x\n2.5;2025-01-03;7;y\nnan;2025-01-02;inf;z\n",
    )
    labels = write(tmp_path / "l.csv", "start,end\n2025-01-02,2025-01-03\n")
    series = load(data, labels=labels)
    assert series.channels == ("a", "b")
    assert series.windows == ((pd.Timestamp("2025-01-02"), pd.Timestamp("2025-01-03")),)
    assert series.labels().tolist() == [False, True, True]
    assert series.frame["a"].tolist()[:2] == [1, 2.5]
    assert series.frame.isna().sum().tolist() == [1, 1]
    assert series.period_s == 2 * 86_400


def test_own_csv_without_times(tmp_path):
    """Rows are numbered, also in the labels; the file has no period."""
    labels = write(tmp_path / "l.csv", "start,end\n1,2\n")
    series = load(write(tmp_path / "d.csv", "a\n1\n2\n3\n4\n"), labels=labels)
    assert series.frame.index.equals(pd.RangeIndex(4))
    assert series.frame.index.name == "row"
    assert series.windows == ((1, 2),)
    assert series.labels().tolist() == [False, True, True, False]
    assert series.period_s is None
    series.to_csv(tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_text().splitlines()[:2] == ["a", "1.0"]


@pytest.mark.parametrize(
    ("times", "index"),
    [
        (["0.5", "1", "1.5"], [0.5, 1.0, 1.5]),
        (["1400000000000", "1400000000500", "1400000001000"], 1.4e9 + np.array([0, 0.5, 1])),
        (
            ["2025-01-01T01:00:00+01:00", "2025-01-01T00:00:00.5Z", "2025-01-01T00:00:01Z"],
            pd.date_range("2025-01-01", periods=3, freq="500ms", tz="UTC"),
        ),
    ],
)
def test_own_csv_with_other_times(tmp_path, times, index):
    """Numbers become seconds, times with a zone UTC; labels too; to_csv keeps them."""
    text = "".join(f"{time},{row}\n" for row, time in enumerate(times))
    data = write(tmp_path / "d.csv", "ts,a\n" + text)
    labels = write(tmp_path / "l.csv", f"start,end\n{times[1]},{times[2]}\n")
    series = load(data, labels=labels)
    assert list(series.frame.index) == list(index)
    assert series.labels().tolist() == [False, True, True]
    assert series.period_s == 0.5
    series.to_csv(tmp_path / "b.csv", labels=tmp_path / "m.csv")
    back = load(tmp_path / "b.csv", labels=tmp_path / "m.csv")
    pd.testing.assert_frame_equal(back.frame, series.frame)
    assert back.windows == series.windows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad.csv must be CSV .*an empty file"),
        ("a,b\n", "bad.csv must have rows"),
        ("time\n2025-01-01\n", "bad.csv must have at least one numeric column"),
        ("a,b\n1,2\n3,4\n5,x7\n", "Column b of .*bad.csv .*'x7' in row 4"),
        ("time,a\n2025-01-01,1\n,2\n2025-01-02,3\n", "Times must be .*'' in row 3"),
        ("a,b\n1,2\n3,4\n4,5,6\n7,8\n", "Every row of .*bad.csv must have 2 cells.* 3 in row 4"),
    ],
)
def test_bad_csv(tmp_path, text, message):
    """What cannot be read is said as `kad train` says it."""
    with pytest.raises(InputError, match=message):
        load(write(tmp_path / "bad.csv", text))


@pytest.mark.parametrize(
    ("times", "text", "message"),
    [
        ("time,a\n2025-01-01", "from,to\n1,2\n", "l.csv must have the columns start and end"),
        ("time,a\n2025-01-01", "start,end\n2025-01-02,2025-01-01\n", "ends before it starts"),
        ("time,a\n2025-01-01", "start,end\n5,6\n", "must be times without a time zone.*'5'"),
        ("time,a\n2025-01-01", "start,end\n2025-01-01T00Z,2025-01-02T00Z\n", "without a time zone"),
        ("time,a\n2025-01-01T00Z", "start,end\n2025-01-01,2025-01-02\n", "with a time zone"),
        ("b,a\n1", "start,end\n2025-01-01,2025-01-02\n", "must be numbers.*'2025-01-01'"),
    ],
)
def test_bad_labels(tmp_path, times, text, message):
    """Labels that cannot be the data's are refused, not quietly without effect."""
    data = write(tmp_path / "d.csv", f"{times},1\n")
    with pytest.raises(InputError, match=message):
        load(data, labels=write(tmp_path / "l.csv", text))


def test_missing_file():
    with pytest.raises(InputError, match="can be read. Received: nowhere.csv"):
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
    described = json.loads(cli("fetch", "synthetic/pump", "-o", str(out), "--json").stdout)
    series = load("synthetic/pump")
    assert (described["rows"], described["train"]) == (len(series.frame), list(series.train))
    assert described["channels"] == list(series.channels)
    assert (described["timed"], described["period_s"]) == (True, 60)
    bad = cli("fetch", "nab/nyc_tax")
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    assert "nab/nyc_taxi" in bad.stderr
    assert cli("list", "nothing/").returncode == 2


def test_import_does_no_work():
    """No pooch, typer, rich, keras or backend until they are needed, nor by `kad.data.tables`."""
    heavy = ("pooch", "typer", "rich", "keras", "jax", "tensorflow", "torch")
    code = f"import sys, datasets, kad.data.tables; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_fetch_leaves_its_sources_alone(tmp_path, monkeypatch):
    """A CSV of one's own, the raw files, and one output the other."""
    from datasets import __main__ as command
    from datasets import files

    source = tmp_path / next(iter(files.registry()))
    source.parent.mkdir(parents=True)
    for path in (tmp_path / "mine.csv", source):
        path.write_text("time,a\n1,2\n2,3\n")
    monkeypatch.setenv("KAD_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    for words, message in [
        ("mine.csv -o ./mine.csv", "--out .* as NAME"),
        ("mine.csv -o new.csv --labels mine.csv", "--labels .* as NAME"),
        ("mine.csv -o new.csv --labels new.csv", "--labels .* as --out"),
        (f"mine.csv -o {source}", "--out .* as the source"),
    ]:
        monkeypatch.setattr(sys, "argv", ["datasets", "fetch", *words.split()])
        with pytest.raises(InputError, match=message):
            command.app(standalone_mode=False)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
