"""Shares of normal rows above a severity, from what other benchmarks keep."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.detection import faults, severity, ucr
from benchmarks.detection.normal_rows import shares
from benchmarks.protocol import cases
from benchmarks.protocol.benchmark import Options, Planned, Session
from benchmarks.protocol.cases import Case, Scored
from datasets import Series

ROWS = 1000


def test_shares_count_normal_rows_alone():
    found = shares(np.array([0.0, 2.0, 3.5, 9.0]), np.array([True, True, True, False]))
    assert found == {"above_2": pytest.approx(2 / 3), "above_3": pytest.approx(1 / 3), "above_4": 0}
    assert np.isnan(shares(np.zeros(2), np.zeros(2, bool))["above_2"])


def toy(name):
    """1,000 rows of which 300 train and row 600 is anomalous."""
    return Series(
        name=name,
        frame=pd.DataFrame({"value": np.zeros(ROWS)}),
        windows=((600, 600),),
        train=(0, 300),
        test=((300, ROWS),),
    )


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Two series of UCR, an empty cache, one detector and one seed."""
    monkeypatch.setattr(cases, "CACHE", tmp_path)
    monkeypatch.setattr(severity, "series_of", lambda data: CORPUS if data == "ucr" else ())
    monkeypatch.setattr(Case, "code_key", property(lambda _: "today"))
    console = Console(file=io.StringIO(), width=300)
    return Session(Options(names=("gaussian",), seeds=1), console)


CORPUS = (toy("ucr/a"), toy("ucr/b"))
ONE = Planned(keys={"data": "ucr", "variant": "gaussian", "seed": 0}, again=True)


def keep(series, level, rows):
    """Keeps a severity that reaches a level in some rows."""
    found = np.zeros(ROWS, "float32")
    found[rows] = level
    part = {"score": found, "severity": found, "channel_scores": found[:, None]}
    Scored(info={}, parts=[part]).save(ucr.case("gaussian", series, 0))


def test_what_is_kept_is_counted_and_what_is_not_is_said(session):
    assert severity.plan(session) == []
    said = session.console.file.getvalue()
    assert "No scores kept of ucr by gaussian 0" in said
    assert "No scores kept of faults by gaussian 0" in said
    # Of 700 test rows 201 are near the anomaly: rows 10 and 550 do not count.
    keep(CORPUS[0], 3.0, [10, 400, 550])
    assert severity.plan(session) == [ONE]
    (row,) = severity.measure(ONE, session)["severity"]
    assert (row["series"], row["missing"], row["failed"], row["code"]) == (1, 1, 0, "today")
    assert row["normal_rows"] == 499
    assert row["above_2_mean"] == row["above_3_mean"] == pytest.approx(1 / 499)
    assert row["above_4_mean"] == 0


def test_mean_and_median_are_over_series_and_failures_are_counted(session):
    keep(CORPUS[0], 4.0, [400, 401, 402])
    keep(CORPUS[1], 2.0, [400])
    (row,) = severity.measure(ONE, session)["severity"]
    assert row["above_2_mean"] == row["above_2_median"] == pytest.approx(2 / 499)
    assert row["above_4_mean"] == pytest.approx(1.5 / 499)
    Scored(info={"error": "no"}).save(ucr.case("gaussian", CORPUS[1], 0))
    (row,) = severity.measure(ONE, session)["severity"]
    assert (row["series"], row["failed"]) == (1, 1)


def test_scores_of_other_code_are_stale(session, monkeypatch):
    """They are refused by a message, and taken where they are asked for, under their own code."""
    keep(CORPUS[0], 3.0, [400])
    monkeypatch.setattr(Case, "code_key", property(lambda _: "tomorrow"))
    monkeypatch.setattr(cases, "_is_readable", lambda _: True)
    with pytest.raises(RuntimeError, match="--stale"):
        severity.measure(ONE, session)
    stale = Session(Options(names=("gaussian",), stale=True), session.console)
    (row,) = severity.measure(ONE, stale)["severity"]
    assert row["code"] == "today"


def test_a_pumps_severity_is_kept_with_its_code(session, monkeypatch):
    found, normal = np.zeros(10), np.arange(10) >= 5
    found[[2, 7]] = 3.0
    monkeypatch.setattr(faults, "code_fingerprint", lambda _: "today")
    faults.keep("gaussian", faults.FIRST_PUMP, found, normal)
    pump = Planned(keys={**ONE.keys, "data": "faults"}, again=True)
    assert severity.plan(session) == [pump]
    (row,) = severity.measure(pump, session)["severity"]
    assert (row["series"], row["normal_rows"], row["above_3_mean"]) == (1, 5, 0.2)
    monkeypatch.setattr(faults, "code_fingerprint", lambda _: "tomorrow")
    assert faults.kept("gaussian", faults.FIRST_PUMP) is None
    with pytest.raises(RuntimeError, match="--stale"):
        severity.measure(pump, session)


def test_before_and_after_stand_beside_each_other():
    """Codes in the order of the days on which they scored, means over seeds, in 1,000 rows."""
    levels = {f"above_{level}_{kind}": 0.0 for level in (2, 3, 4) for kind in ("mean", "median")}
    common = {"data": "ucr", "variant": "memory", "series": 98, "failed": 0, "missing": 0, **levels}
    rows = ((0, "a", "02-01", 0.001), (0, "b", "01-01", 0.008), (1, "b", "01-02", 0.004))
    table = pd.DataFrame(
        {**common, "seed": seed, "code": code, "scored": day, "above_3_mean": share}
        for seed, code, day, share in rows
    )
    shown = severity.summary(table)
    assert [code for *_, code in shown.index] == ["b", "a"]
    assert shown["above_3_mean"].tolist() == pytest.approx([6.0, 1.0])
    assert shown["scored"].tolist() == ["01-02", "02-01"]
