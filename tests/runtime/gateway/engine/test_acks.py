"""Events that people have seen: said at once, in all that follows, and over a restart."""

import json
import math

import numpy as np
import pytest

from runtime.gateway.engine.acks import Acks
from runtime.gateway.outputs import Ack
from runtime.gateway.records import Record
from toys.engines import Collected, detector, engine, rows, streams
from toys.gateway_outputs import notice

CHANNELS = len(detector().channels)
NAME = "plant/gaussian0"


def acked(event, *, note="on my way", by="eva", number="1"):
    command = {
        "command": "ack", "id": number, "origin": "cli root", "time_ns": 5 * 10**9, "by": by,
        "event": event, "note": note,
    }  # fmt: skip
    return Record(commands=[command])


def took(running, *records):
    found, answers = Collected(), []
    for record in records:
        for outputs in running.apply([(running.sequence + 1, record)]):
            found.add(outputs)
            answers += [json.loads(answer) for _, answer in outputs.answers]
    return found, answers


def level(*steps, value):
    return Record(rows=[rows("gaussian", [(0, s, np.full(CHANNELS, value)) for s in steps])])


@pytest.fixture
def running(tmp_path):
    """With an open event of a limit, and one of the score."""
    made = engine(tmp_path, limits={"a": {"high": 50.0}}, threshold=2.0)
    took(made, Record(new=streams("gaussian", 1)), level(*range(40), value=20.0))
    found, _ = took(made, level(40, 41, value=60.0))
    assert {(one.kind, one.phase) for one in found.events} >= {
        ("anomaly", "start"), ("limit", "start"),
    }  # fmt: skip
    return made


def test_an_event_that_was_seen_says_so_at_once_and_to_its_end(running):
    """By its id alone, or all of its stream."""
    (limit,) = (one for one in running._telling._acks._open.values() if one.kind == "limit")
    found, (answer,) = took(running, acked(limit.id))
    assert answer["ok"]
    assert answer["changed"] == [limit.id]
    ack = Ack(by="eva", time_ns=5 * 10**9, note="on my way")
    assert [(one.id, one.phase, one.ack) for one in found.events] == [(limit.id, "update", ack)]
    found, (answer,) = took(running, acked(NAME, note="", by=""))
    assert len(answer["changed"]) == 2
    assert {one.ack for one in found.events} == {Ack(by="cli root", time_ns=5 * 10**9)}
    found, _ = took(running, level(*range(42, 80), value=20.0))
    ends = [one for one in found.events if one.phase == "end"]
    assert {one.kind for one in ends} == {"anomaly", "limit"}
    assert {one.ack.by for one in ends} == {"cli root"}
    assert running._telling._acks.state() == []


def test_it_survives_a_restart(running, tmp_path):
    """The next message of the event has it."""
    took(running, acked(NAME))
    said = []
    again = engine(tmp_path, limits={"a": {"high": 50.0}}, threshold=2.0, said=said)
    again.restore(list(running.snapshot()))
    assert said == []
    records = [level(*range(42, 80), value=20.0)]
    found, _ = took(again, *records)
    assert {one.ack.note for one in found.events if one.phase == "end"} == {"on my way"}
    assert found.equals(took(running, *records)[0])


@pytest.mark.parametrize("event", ["plant/other", "plant/gaussian0-17"])
def test_what_does_not_go_on_cannot_be_seen(running, event):
    found, (answer,) = took(running, acked(event))
    assert not answer["ok"]
    assert event in answer["error"]
    assert found.events == []


def test_numbers_that_are_missing_are_so_after_a_restart():
    """In JSON they are null."""
    acks = Acks()
    before = acks.on(notice(severity=math.nan))
    again = Acks()
    again.restore(json.loads(json.dumps(acks.state(), allow_nan=False)))
    (after,) = again._open.values()
    assert math.isnan(after.severity)
    assert after.channels[0].value == before.channels[0].value
    assert (after.id, after.ack) == (before.id, None)
