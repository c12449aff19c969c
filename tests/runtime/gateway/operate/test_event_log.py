"""Events on the page: open ones by their newest notice, ended ones in a bounded number."""

from dataclasses import replace

from runtime.gateway.operate.event_log import EventLog
from runtime.gateway.outputs import EventNotice


def notice(key, phase="start", stream="a", start=0, **more):
    return EventNotice(
        id=key, stream=stream, kind="anomaly", phase=phase, time_ns=start, start_ns=start,
        peak_ns=start, severity=4.0, **more,
    )  # fmt: skip


def test_from_start_to_end():
    """An update takes the start's place; the end moves it to the ended ones."""
    log = EventLog()
    log.add([notice("1", start=5), notice("2", stream="b", start=3)])
    log.add([replace(notice("1", "update", start=5), severity=6.0)])
    assert [(n.id, n.severity) for n in log.open()] == [("2", 4.0), ("1", 6.0)]
    log.add([notice("1", "end", start=5)])
    assert [n.id for n in log.open()] == ["2"]
    assert [n.id for n in log.ended()] == ["1"]
    assert log.ended("b") == []


def test_repeats_change_nothing():
    """Outputs that are made again after a start."""
    log = EventLog()
    for _ in range(3):
        log.add([notice("1"), notice("1", "end")])
    assert log.open() == []
    assert [n.id for n in log.ended()] == ["1"]


def test_bounded():
    """Beyond the bounds the oldest go, and open ones that went are counted."""
    log = EventLog(most_open=3, most_ended=2)
    log.add([notice(str(i), start=i) for i in range(5)])
    assert [n.id for n in log.open()] == ["2", "3", "4"]
    assert log.forgotten == 2
    log.add([notice(str(i), "end", start=i) for i in range(5)])
    assert [n.id for n in log.ended()] == ["4", "3"]


def test_a_stream_that_is_gone():
    """Its open events go with it."""
    log = EventLog()
    log.add([notice("1"), notice("2", stream="b")])
    log.forget("a")
    assert [n.id for n in log.open()] == ["2"]
