"""The UCR archive: a tiny one without data, and the real one as its README describes it."""

import os
from pathlib import Path

import numpy as np
import pytest

from datasets import files, load, ucr
from runtime.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get("KAD_DATA_DIR") or SHARED)
HEADER = "series,family,rows,train,anomaly_begin,anomaly_end,period\n"


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Two series of ten rows in `KAD_DATA_DIR`, of which four train and rows 6 and 7 are odd."""
    folder = tmp_path / "ucr"
    folder.mkdir()
    for stem in ("b1", "NOISEb1"):
        rows = {"train": 4, "anomaly_begin": 6, "anomaly_end": 8}
        np.savez(folder / f"{stem}.npz", values=np.arange(10, dtype="float32"), **rows)
    (folder / "index.csv").write_text(f"{HEADER}b1,b,10,4,6,8,3\nNOISEb1,b,10,4,6,8,0\n")
    monkeypatch.setenv("KAD_DATA_DIR", str(tmp_path))
    _register(tmp_path, monkeypatch)
    return folder


def _register(folder, monkeypatch):
    sums = dict(line.split() for line in files.make_registry(folder).splitlines())
    for module in (files, ucr):
        monkeypatch.setattr(module, "registry", lambda: sums)


@pytest.mark.usefixtures("archive")
def test_a_series_is_arrays_and_numbers():
    """The last anomalous row is inside; a copy belongs to the family of its recording."""
    assert ucr.names() == ["ucr/NOISEb1", "ucr/b1"]
    assert ucr.families() == {"b": ["ucr/NOISEb1", "ucr/b1"]}
    values, *rest = ucr.read("ucr/b1")
    assert values.dtype == "float64"
    assert values.tolist() == list(range(10))
    assert rest == [4, 6, 7, "b", 3, "ucr/b1"]


@pytest.mark.usefixtures("archive")
def test_a_series_is_like_all_others():
    """Training rows first, then test rows; the labels are those of the file."""
    series = ucr.load("ucr/b1")
    assert (series.train, series.test) == ((0, 4), ((4, 10),))
    assert np.flatnonzero(series.labels()).tolist() == [6, 7]
    assert series.channels == ("value",)
    assert series.period_s is None
    assert series.notes == "family b; a period of 3 rows in the training rows"
    assert "no period found" in ucr.load("ucr/NOISEb1").notes


def test_what_contradicts_the_index_is_refused(archive, monkeypatch):
    (archive / "index.csv").write_text(f"{HEADER}b1,b,10,4,6,9,3\nNOISEb1,b,10,4,6,8,0\n")
    _register(archive.parent, monkeypatch)
    with pytest.raises(InputError, match=r"\[4, 6, 8\].*\[4, 6, 9\]"):
        ucr.read("ucr/b1")
    with pytest.raises(InputError, match="no series 'ucr/b2'"):
        ucr.read("ucr/b2")


def test_it_is_never_downloaded(monkeypatch):
    """One line says where the source keeps it and what to set."""
    monkeypatch.delenv("KAD_DATA_DIR", raising=False)
    with pytest.raises(InputError, match=r"UTS/UCR/ECG1, .* Set KAD_DATA_DIR"):
        files.fetch("ucr/ECG1.npz")


@pytest.mark.data
@pytest.mark.skipif(
    not (FOLDER / "ucr").is_dir(), reason=f"no real series: KAD_DATA_DIR or {SHARED}"
)
def test_the_archive_is_that_of_its_readme(monkeypatch):
    """98 series of 11 families, nothing missing, the one anomaly after the training rows."""
    monkeypatch.setenv("KAD_DATA_DIR", str(FOLDER))
    assert {name: len(members) for name, members in ucr.families().items()} == {
        "cimis44_air_temperature": 13,
        "ecg": 9,
        "gait": 7,
        "lab2_cmac_epg": 14,
        "ltstdb": 6,
        "mesoplodon": 3,
        "power_demand": 9,
        "respiration": 13,
        "sddb": 9,
        "tkeep_mars": 11,
        "walking_acceleration": 4,
    }
    found = [ucr.read(name) for name in ucr.names()]
    assert len(found) == 98
    for one in found:
        assert np.isfinite(one.values).all()
        assert 0 < one.train_rows < one.first_anomaly <= one.last_anomaly < len(one.values)
        assert (one.period == 0) == (one.family == "mesoplodon")
    series = load("ucr/CIMIS44AirTemperature1")
    assert (series.train, len(series.frame), series.labels().sum()) == ((0, 4000), 8184, 1)
