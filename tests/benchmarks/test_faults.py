"""Faults of a pump: what counts as found."""

import io

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.budgets import pump as budget
from benchmarks.detection import faults
from benchmarks.detection.faults import found
from benchmarks.detection.judging import RANDOM
from benchmarks.protocol.benchmark import Options, Planned, Session
from benchmarks.protocol.results_file import ResultsFile
from runtime.alarms.events import Event

FAULTS = pd.DataFrame(
    {
        "start": pd.to_datetime(["2025-01-02 06:00", "2025-01-03 00:00"]),
        "end": pd.to_datetime(["2025-01-02 08:00", "2025-01-03 00:00"]),
        "kind": ["leak", "spike"],
        "channels": ["flow,pressure", "current"],
    }
)


def event(start, end, channel):
    """An event of one channel."""
    start, end = (pd.Timestamp(f"2025-01-{text}").as_unit("ns").value for text in (start, end))
    return Event(
        start_ns=start,
        end_ns=end,
        peak_ns=start,
        peak_severity=5.0,
        channels=(channel,),
        steps=1,
    )


def test_found_are_faults_with_an_event_that_touches_them():
    """The first of several says who is to blame and when; what touches none lies outside."""
    events = [
        event("01 06:00", "01 07:00", "flow"),
        event("02 07:00", "02 07:30", "pressure"),
        event("02 08:00", "02 09:00", "current"),
        event("02 08:05", "02 09:00", "flow"),
    ]
    row = found(events, FAULTS, since=pd.Timestamp("2025-01-02"))
    assert row == {
        "faults": 2,
        "found": 1,
        "outside": 1,
        "blamed_rightly": 1,
        "delay_h": pytest.approx(1.0),
        "missed": "spike",
    }


def test_an_event_that_began_before_is_no_delay():
    """Nor does a fault at one instant need an event that begins in it."""
    row = found([event("02 23:00", "03 01:00", "flow")], FAULTS, since=FAULTS["start"].min())
    assert (row["found"], row["outside"], row["blamed_rightly"], row["delay_h"]) == (1, 0, 0, 0.0)
    assert row["missed"] == "leak"


@pytest.mark.slow
def test_a_detector_is_trained_exported_streamed_and_counted(monkeypatch):
    """By the benchmarks that train in this process: rows as in the kept tables."""
    monkeypatch.setattr(budget, "UNSEEN_DAYS", 7)
    monkeypatch.setattr(faults, "DAYS", 20)
    monkeypatch.setattr(faults, "TRAINING_ROWS", 10 * 288)
    asked = (
        (budget.BENCHMARK, {"detector": "gaussian", "training": "10 days", "seed": 0}),
        (faults.BENCHMARK, {"detector": "gaussian", "seed": 6}),
        (faults.BENCHMARK, {"detector": RANDOM, "seed": 6}),
    )
    with Session(Options(), Console(file=io.StringIO())) as session:
        found = [one.measure(Planned(keys=keys), session) for one, keys in asked]
    (year,), (pump,), (chance,) = (rows.values() for rows in found)
    first = [(row["policy"], row["budget"], row["allowed"]) for row in year[:3]]
    assert first == [
        ("default", "1/day", 7),
        ("default", "1/week", 1),
        ("default", "1 % of time", pytest.approx(0.07)),
    ]
    assert all(row["low"] < 1 < row["high"] for row in year)
    assert all(0 <= row["time_in_events"] < 0.2 for row in year)
    assert [row["budget"] for row in (*pump, *chance)] == ["1/week", "1/day", "none"]
    for rows, name in ((year, "budget"), (pump, "faults")):
        assert set(rows[0]) == set(ResultsFile(name).table.columns)
    assert 0 < chance[0]["average_precision"] < pump[0]["vus_pr"]
