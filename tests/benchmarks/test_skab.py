"""SKAB's counting: rows of all files together."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.detection import skab
from benchmarks.detection.skab import Counts
from benchmarks.protocol.benchmark import Planned
from benchmarks.protocol.cases import Scored
from datasets import Series

TRUE = [np.array([0, 0, 1, 1, 1], bool), np.array([0, 1, 0], bool)]


def test_counts_by_hand():
    """Three hits, one false alarm, one miss: F1 = 6 / (6 + 1 + 1), FAR 1 of 4, MAR 1 of 4."""
    found = [np.array([0, 1, 1, 1, 0], bool), np.array([0, 1, 0], bool)]
    counts = Counts.of(TRUE, found)
    assert counts == (3, 1, 3, 1)
    assert counts.figures() == {"f1": 0.75, "far": 25.0, "mar": 25.0}


def test_silence_and_an_alarm_in_every_row():
    silence = Counts.of(TRUE, [np.zeros(5, bool), np.zeros(3, bool)]).figures()
    assert silence == {"f1": 0.0, "far": 0.0, "mar": 100.0}
    everything = Counts.of(TRUE, [np.ones(5, bool), np.ones(3, bool)]).figures()
    assert everything == {"f1": pytest.approx(2 / 3), "far": 100.0, "mar": 0.0}


@pytest.fixture
def experiment(monkeypatch):
    """Ten rows, of which the first four train and rows 6 and 7 are anomalous."""
    index = pd.date_range("2025-01-01", periods=10, freq="s")
    series = Series(
        name="skab/toy",
        frame=pd.DataFrame({"a": np.zeros(10)}, index=index),
        windows=((index[6], index[7]),),
        train=(0, 4),
        test=((4, 10),),
        period_s=1.0,
    )
    monkeypatch.setattr(skab, "experiments", lambda: (series,))
    return series


def test_training_rows_do_not_count(experiment, monkeypatch):
    """Severity 3 in a training row is no false alarm; events last to the release level."""
    severity = np.array([0, 9, 0, 0, 0, 3, 2.5, 0, 0, 0], "float32")
    scored = Scored(info={}, parts=[{"severity": severity, "score": severity}])
    monkeypatch.setattr(Scored, "threshold", lambda *_: 100.0)
    monkeypatch.setattr(skab, "_pooled", lambda found, **_: [None] * len(found))
    rows = {
        (r["threshold"], r["outliers"]): r
        for r in skab.count([scored])
        if r["calibration"] in {"own", "none"}
    }
    assert rows["severity 3", "rows"]["f1"] == 0.0
    assert rows["severity 3", "rows"]["far"] == 25.0
    assert rows["severity 3", "events"]["f1"] == 0.5
    assert rows["1/week", "rows"] == {**rows["1/day", "rows"], "threshold": "1/week"}
    assert rows[skab.WITH_LABELS, "rows, by severity"]["f1"] == 0.5


@pytest.mark.parametrize(("calibration", "first"), [("pooled", 40), ("held-out rows", 340)])
def test_pooled_calibration_is_one_for_all_files(calibration, first):
    """The same score is as severe in each file, by the calibration rows of both."""
    rng = np.random.default_rng(0)
    calm, lively = rng.gamma(2.0, 1.0, 460), rng.gamma(2.0, 3.0, 460)
    lively[340:400] *= 3
    found = [_scored(scores) for scores in (calm, lively)]
    quiet, loud, failed = skab.judges([*found, Scored(info={"error": "no"})])[calibration]
    assert failed is None
    normal = np.concatenate([calm[first:400], lively[first:400]])
    score = np.quantile(normal, 0.9)
    assert loud.severity[np.abs(lively - score).argmin()] == pytest.approx(1.0, abs=0.15)
    order = np.argsort(np.concatenate([calm, lively]))
    assert (np.diff(np.concatenate([quiet.severity, loud.severity])[order]) >= 0).all()
    policy = skab.AlarmPolicy(release=1.0)
    assert quiet.threshold("24/day", policy) == loud.threshold("24/day", policy)
    assert quiet.threshold("24/day", policy) < quiet.threshold("1/day", policy)


def _scored(scores):
    """Scores of 460 rows, of which 360 before row 400 calibrate."""
    info = {"calibration_scores": scores[40:400].tolist(), "least_scale": 0.0}
    return Scored(info=info, parts=[{"score": scores.astype("float32"), "severity": scores}])


def test_a_failed_case_finds_nothing(experiment):
    rows = list(skab.count([Scored(info={"error": "no"})]))
    assert rows[0] == {
        "calibration": "own",
        "threshold": "1/week",
        "outliers": "rows",
        "f1": 0.0,
        "far": 0.0,
        "mar": 100.0,
    }
    assert {row["calibration"] for row in rows} == {*skab.CALIBRATIONS, "none", "any"}


def test_each_half_takes_the_rule_that_is_best_on_the_other():
    """On the second and fourth file `bold` is best; on the others it has false alarms."""
    bold, shy = skab.Rule("own", "1/day", "rows"), skab.Rule("own", "1/week", "rows")
    good, alarms, silent = Counts(8, 0, 10, 2), Counts(10, 5, 5, 0), Counts(1, 0, 10, 9)
    counts = {bold: [alarms, good, alarms, good], shy: [silent] * 4}
    row = skab._from_the_other_half(counts)
    assert row["chosen"] == "own, 1/day, rows; own, 1/week, rows"
    expected = Counts.total([alarms, silent, alarms, silent]).figures()
    assert {name: row[name] for name in expected} == expected


@pytest.mark.data
def test_rows_of_the_published_table(data_dir):
    """The leaderboard counts 23,801 rows after the first 400 of each file, 12,771 anomalous."""
    labels = skab.labels()
    assert len(labels) == 34
    assert sum(map(len, labels)) == 23_801
    assert sum(int(part.sum()) for part in labels) == 12_771


def test_pca_is_an_anchor(monkeypatch):
    """Two channels that move together; row 6 of the labelled two leaves their line: F1 is 1."""
    index = pd.date_range("2025-01-01", periods=20, freq="s")
    one = np.arange(20.0) % 5
    values = np.stack([one, 2 * one], axis=1)
    values[12:18, 1] = 30.0
    series = Series(
        name="skab/toy",
        frame=pd.DataFrame(values, index=index, columns=["a", "b"]),
        windows=((index[12], index[17]),),
        train=(0, 10),
        test=((10, 20),),
        period_s=1.0,
    )
    monkeypatch.setattr(skab, "experiments", lambda: (series,))
    row = skab.baseline(skab.PCA, 0)
    assert (row["calibration"], row["threshold"]) == ("none", skab.WITH_LABELS)
    assert row["mar"] == 0.0
    rows = skab.measure(Planned(keys={"variant": skab.PCA, "seed": 0}), None)
    (means,) = rows["skab_means"]
    assert means["series"] == 1
    assert means["vus_pr"] == rows["skab_metrics"][0]["vus_pr"] > 0.9
    assert np.isnan(means["f1"])
