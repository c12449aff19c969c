"""The documents, byte by byte."""

import json
import math

import numpy as np
import pytest

from runtime.gateway.outputs import Ack
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.documents import (
    answer_document,
    arrays,
    compact,
    event_document,
    number,
    score_documents,
    text,
)
from toys.gateway_outputs import T0, notice, scored

SPECIALS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-9, 123456.7, 1234567.8, 3.4e38, 1.5]
NAMES = ["a/p7", 'a "quoted" \\ name', "line\nbreak", "泵/7", "100 %d", "half \ud800", ""]


def by_json(rows, step, *, repeat):
    """The same document by `json.dumps`, a row at a time."""
    scores = rows.scores

    def rounded(value):
        return float(f"{float(value):.6g}") if math.isfinite(value) else None

    quality = int(rows.quality[step])
    document = {
        "s": rows.names[step],
        "t": int(scores.times_ns[step]) // 10**6,
        "score": rounded(scores.score[step]),
        "severity": rounded(scores.severity[step]),
        "alarm": bool(scores.alarm[step]),
        "quality": "uncertain" if quality else "good",
        "reasons": Quality(quality).reasons(),
        "warm": bool(rows.warm[step]),
        "repeat": repeat,
        "model": rows.identity[:12],
    }
    return json.dumps(document, allow_nan=False)


def refuse(constant):
    raise AssertionError(constant)


def test_a_score_byte_by_byte():
    [document] = score_documents(scored(["a/p7"]))
    assert document == (
        b'{"t":1772359200250,"score":1.92,"severity":3.4,"alarm":true,"quality":"good",'
        b'"reasons":[],"warm":true,"repeat":false,"model":"9f2c41d07a3e"}'
    )


def test_quality_says_its_reasons_and_a_repeat_is_marked():
    rows = scored(["a"], quality=Quality.PARTIAL | Quality.GAP, warm=False, alarm=False)
    [document] = score_documents(rows, repeat=True, name_key="stream")
    assert document == (
        b'{"stream":"a","t":1772359200250,"score":1.92,"severity":3.4,"alarm":false,'
        b'"quality":"uncertain","reasons":["partial","gap"],"warm":false,"repeat":true,'
        b'"model":"9f2c41d07a3e"}'
    )


@pytest.mark.parametrize("repeat", [False, True])
def test_the_fast_way_says_what_json_would(repeat):
    """Names that need escapes, numbers that are none, every quality: equal when read."""
    rng = np.random.default_rng(0)
    names = [NAMES[i % len(NAMES)] for i in range(200)]
    rows = scored(
        names,
        score=rng.choice(SPECIALS, 200),
        severity=rng.choice([*SPECIALS, *rng.normal(size=20)], 200),
        alarm=rng.random(200) < 0.5,
        warm=rng.random(200) < 0.5,
        quality=rng.integers(0, 1024, 200),
        times=T0 + rng.integers(-(10**18), 10**18, 200),
    )
    documents = score_documents(rows, repeat=repeat, name_key="s")
    assert len(documents) == 200
    for step, document in enumerate(documents):
        read = json.loads(document, parse_constant=refuse)
        expected = json.loads(by_json(rows, step, repeat=repeat))
        assert read == expected
        assert list(read) == list(expected)


def test_chosen_steps_alone_come_in_their_order():
    rows = scored(["a", "b", "c"], score=[1, 2, 3])
    picked = score_documents(rows, np.array([0, 2]), name_key="s")
    assert [json.loads(one)["s"] for one in picked] == ["a", "c"]
    assert score_documents(rows, np.array([], np.intp)) == []


def test_an_event_byte_by_byte():
    assert compact(event_document(notice(stream="p7", text=""))) == (
        b'{"id":"p7-1772359140000","phase":"start","t":1772359140000,"severity":4.1,'
        b'"channels":[{"name":"flow","share":0.81,"value":3.1,"expected":12.4}],'
        b'"kind":"anomaly","repeat":false}'
    )


def test_who_has_seen_an_event_is_in_it():
    """And in no other."""
    ack = Ack(by="eva", time_ns=T0, note="on my way")
    document = event_document(notice(ack=ack))
    assert document["ack"] == {"by": "eva", "t": T0 // 10**6, "note": "on my way"}
    assert "ack" not in event_document(notice())


def test_an_end_repeats_start_peak_and_duration():
    document = event_document(
        notice(phase="end", duration_s=90.5, model="9f2c41d07a3e99"), repeat=True
    )
    assert document["start"] == 1772359140000
    assert document["peak"] == 1772359200000
    assert document["duration_s"] == 90.5
    assert (document["repeat"], document["model"]) == (True, "9f2c41d07a3e")
    assert document["text"] == "Look at the pump."


def test_nothing_that_is_missing_becomes_a_number():
    nan = math.nan
    blamed = notice().channels[0]
    channels = (type(blamed)(name="x", share=nan, value=nan, expected=-math.inf),)
    document = event_document(notice(severity=nan, channels=channels, phase="end", duration_s=nan))
    read = json.loads(compact(document), parse_constant=refuse)
    assert read["severity"] is None
    assert read["duration_s"] is None
    assert read["channels"] == [{"name": "x", "share": None, "value": None, "expected": None}]
    assert [number(one) for one in SPECIALS[:3]] == ["null"] * 3


def test_compact_refuses_what_is_no_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact({"x": math.nan})


@pytest.mark.parametrize("name", NAMES)
def test_any_text_can_be_written_and_read(name):
    assert json.loads(text(name).encode()) == name
    assert json.loads(compact({"n": name})) == {"n": name}


def test_arrays_are_cut_at_a_size_and_lose_nothing():
    documents = [b'{"n":%d}' % n for n in range(100)] + [b'"' + b"x" * 300 + b'"']
    parts = arrays(documents, 100)
    assert [item for part in parts for item in json.loads(part)] == [
        json.loads(one) for one in documents
    ]
    assert all(len(part) <= 100 for part in parts[:-1])
    assert len(parts) == 10
    assert arrays([], 100) == []


def test_an_answer_has_its_commands_id():
    assert answer_document('c"1', '{"ok":true}') == b'{"id":"c\\"1","answer":{"ok":true}}'
