"""The real series, as their sources describe them."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets import load, names
from datasets.files import REGISTRY, make_registry
from datasets.registry import catalogue, make_catalogue

SHARED = Path(__file__).parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get("KAD_DATA_DIR") or SHARED)

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (FOLDER / "nab").is_dir(), reason=f"no real series: KAD_DATA_DIR or {SHARED}"
    ),
]


@pytest.fixture(autouse=True)
def _folder(monkeypatch):
    monkeypatch.setenv("KAD_DATA_DIR", str(FOLDER))


def test_nab_has_58_series_whose_labels_lie_inside():
    """Every NAB series loads, with 365,558 rows and 116 windows in all."""
    series = [load(name) for name in names("nab/")]
    assert len(series) == 58
    assert sum(len(s.frame) for s in series) == 365_558
    assert sum(len(s.windows) for s in series) == 116
    expected = json.loads((FOLDER / "nab/labels/combined_labels.json").read_text())
    for s in series:
        index = s.frame.index
        assert all(index.min() <= start <= end <= index.max() for start, end in s.windows)
        assert all(((index >= start) & (index <= end)).any() for start, end in s.windows)
        stamps = [str(index[row]) for row in s.points]
        assert stamps == expected[s.name.removeprefix("nab/") + ".csv"]
        # One point of one file lies an hour before its window; the source has it so.
        stray = (s.point_labels() & ~s.labels()).sum()
        assert stray == ("iio_us-east-1" in s.name)
        assert bool(s.notes) == bool(stray)
        assert s.train == (0, min(len(s.frame) * 15 // 100, 750))
        assert not s.labels()[slice(*s.train)].any()
        assert s.frame.dtypes.eq(float).all()


def test_short_and_long_nab_names_are_the_same_series():
    long = load("nab/realKnownCause/machine_temperature_system_failure")
    short = load("nab/machine_temperature_system_failure")
    assert short.name == long.name
    pd.testing.assert_frame_equal(short.frame, long.frame)


def test_time_stamps_stay_as_in_the_file():
    """machine_temp jumps back an hour, ec2_request repeats stamps; neither is repaired."""
    steps = np.diff(load("nab/machine_temperature_system_failure").frame.index.asi8)
    assert (steps < 0).sum() == 1
    assert load("nab/ec2_request_latency_system_failure").frame.index.duplicated().sum() == 11


@pytest.mark.parametrize(
    ("name", "period_s", "train", "test", "points"),
    [
        ("ambient_temp", 3600, (0, 3300), ((3300, 7267),), (3721, 6180)),
        ("cpu_utilization", 300, (0, 15500), ((15500, 18050),), (17002, 17814)),
        ("ec2_request", 300, (0, 2000), ((2000, 4032),), (2081, 3395, 4023)),
        (
            "machine_temp",
            300,
            (5000, 15500),
            ((0, 5000), (15500, 22695)),
            (2409, 3986, 16340, 19515),
        ),
        ("nyc_taxi", 1800, (0, 5500), ((5500, 10320),), (5942, 7183, 8526, 8834, 10080)),
    ],
)
def test_paper_splits(name, period_s, train, test, points):
    """The VAE-LSTM paper's rows; its labels are single rows outside the training part."""
    series = load(f"vae_lstm/{name}")
    assert len(series.frame) == test[-1][1]
    assert (series.train, series.test, series.points) == (train, test, points)
    assert series.period_s == period_s
    assert np.array_equal(series.labels(), series.point_labels())
    assert not (series.labels() & series.train_mask).any()
    assert np.array_equal(series.test_mask, ~series.train_mask)
    parts = (series.train_frame(), *series.test_frames())
    assert sum(map(len, parts)) == len(series.frame)


def test_discords_equal_the_published_splits():
    """Rows of anomalies, train and test; windows outside the test part are admitted in `notes`."""
    published = json.loads((FOLDER / "discords/splits.json").read_text())
    assert len(names("discords/")) == len(published) == 19
    assert sum(facts["labelled"] for facts in published.values()) == 17
    for stem, facts in published.items():
        series = load(f"discords/{stem}")
        rows = np.zeros(facts["rows"], dtype=bool)
        for first, last in facts["anomalies"]:
            rows[first:last] = True
        assert np.array_equal(series.labels(), rows)
        assert series.train == (tuple(facts["train"]) if facts["train"] else None)
        assert series.test == ((tuple(facts["test"]),) if facts["test"] else ())
        inside = not (rows & ~series.test_mask).any()
        assert inside or "lie in the test part" in series.notes or not facts["labelled"]
        assert not (series.train_mask & series.labels()).any() or stem in {
            "nyc_taxi",
            "power_data",
        }


def test_discord_channels_and_periods():
    ecg = load("discords/ecg/chfdb_chf13_45590")
    assert ecg.channels == ("lead_1", "lead_2")
    assert ecg.period_s == 0.004
    assert ecg.frame.iloc[0].tolist() == [-1.965, 0.075]
    assert load("discords/mitdb__100_180").period_s == pytest.approx(1 / 360, rel=1e-3)
    gesture = load("discords/gesture/ann_gun_CentroidA").frame
    assert gesture.isna().sum().tolist() == [6, 6]
    assert gesture.min().min() > 0
    taxi = load("discords/nyc_taxi")
    assert taxi.channels == ("value", "minute_of_day", "weekday")
    assert taxi.period_s == 1800


def test_skab_labels_equal_its_columns():
    """35 files; windows, back to rows, are the anomaly column, points the change points."""
    found = names("skab/")
    assert len(found) == 35
    assert found.index("skab/valve1/2") < found.index("skab/valve1/10")
    for name in found[1:]:
        series = load(name)
        raw = pd.read_csv(FOLDER / f"skab/data/{name.removeprefix('skab/')}.csv", sep=";")
        assert series.channels == tuple(raw.columns[1:9])
        assert np.array_equal(series.labels(), raw["anomaly"] == 1)
        assert np.array_equal(series.point_labels(), raw["changepoint"] == 1)
        assert series.train == (0, 400)
        assert bool(series.notes) == bool((series.labels() & series.train_mask).any())
        assert series.period_s == 1
    free = load("skab/anomaly-free")
    assert (free.train, free.test, free.windows) == ((0, 9405), (), ())


def test_committed_registry_and_catalogue_are_current():
    """`python -m datasets registry DIR` would write what is committed."""
    assert make_registry(FOLDER) == REGISTRY.read_text()
    assert make_catalogue() == list(catalogue().values())
    assert names() == list(catalogue())


def test_every_series_survives_a_csv_round_trip(tmp_path):
    """to_csv and csv_file give the same numbers, times, gaps and labels, to the last bit."""
    for name in ("nab/ec2_request_latency_system_failure", "discords/ann_gun_CentroidA"):
        series = load(name)
        series.to_csv(tmp_path / "data.csv", labels=tmp_path / "labels.csv")
        back = load(tmp_path / "data.csv", labels=tmp_path / "labels.csv")
        assert np.array_equal(back.frame, series.frame, equal_nan=True)
        assert back.channels == series.channels
        assert back.frame.index.equals(series.frame.index)
        assert back.windows == series.windows
        assert sorted(p.name for p in tmp_path.iterdir()) == ["data.csv", "labels.csv"]
