"""What needs attention: the order of the list, and JSON that any browser reads."""

import json
from dataclasses import replace

import pytest

from runtime.gateway.operate.attention import GROUPS, encode, history_json, overview_json
from runtime.gateway.operate.status import FOREVER, Overview, StreamHistory, StreamSummary
from runtime.gateway.outputs import BlamedChannel, EventNotice

NOW_NS = 1_772_400_000_000_000_000
HOUR_NS = 3600 * 10**9


def stream(name, severity=0.5, **more):
    return StreamSummary(name=name, severity=severity, threshold=3.0, newest_ns=NOW_NS, **more)


def event(name, hours, kind="anomaly", **more):
    start = NOW_NS - round(hours * HOUR_NS)
    return EventNotice(
        id=f"{name}-{start}", stream=name, kind=kind, phase="start", time_ns=start, start_ns=start,
        peak_ns=start, severity=float("nan"), **more,
    )  # fmt: skip


def told(streams, events=(), **more):
    overview = Overview(
        gateway="gw", version="1", now_ns=NOW_NS, streams=streams, events=events, **more
    )
    said = overview_json(overview, troubles=["x"], writable=False)
    return json.loads(encode(said), parse_constant=pytest.fail)


def test_order():
    """By group; within it the longest event, then severity."""
    streams = [
        stream("quiet"), stream("near", 2.9), stream("off", state="stopped"),
        stream("new", float("nan"), state="warming"), stream("out", 9.0, muted_until_ns=FOREVER),
        stream("stuck", faults=["flow is stuck"]), stream("gone", state="silent"),
        stream("short", 8.0), stream("long", 4.0), stream("stands", 4.0), stream("odd"),
    ]  # fmt: skip
    events = [
        event("short", 1), event("long", 23), event("stands", 25), event("out", 50),
        event("odd", 2, kind="sensor"), event("gone", 100, kind="silent"),
    ]  # fmt: skip
    said = told(streams, events)
    assert [(s["group"], s["name"]) for s in said["streams"]] == [
        ("standing", "stands"), ("open", "long"), ("open", "short"), ("silent", "gone"),
        ("sensor", "odd"), ("sensor", "stuck"), ("muted", "out"), ("warming", "new"),
        ("stopped", "off"), ("quiet", "near"), ("quiet", "quiet"),
    ]  # fmt: skip
    assert list(said["counts"]) == list(GROUPS)
    assert said["counts"]["sensor"] == 2
    assert said["troubles"] == ["x"]


def test_quiet_streams_keep_their_places():
    """Small changes of severity move nothing; names are sorted as people count."""
    names = ["p9", "p10", "p09b", "a", "²", "p" + "9" * 5000]
    calm = [stream(name, 0.1 + 0.3 * place) for place, name in enumerate(names)]
    other = [stream(name, 1.9 - 0.3 * place) for place, name in enumerate(names)]
    order = [s["name"] for s in told(calm)["streams"]]
    assert order == ["a", "p9", "p09b", "p10", names[-1], "²"]
    assert [s["name"] for s in told(other[::-1])["streams"]] == order


def test_never_nan():
    """Numbers that are missing are null, or left out."""
    nan = float("nan")
    blamed = BlamedChannel(name="flow", share=nan, value=float("inf"), expected=nan)
    said = told(
        [replace(stream("a", nan), threshold=nan)],
        [event("a", 1, channels=[blamed] * 9), event("", 1, kind="flood", text="Many.")],
        lag_s=nan, rate=nan,
    )  # fmt: skip
    assert said["streams"][0]["severity"] is None
    assert said["streams"][0]["events"][0]["channels"] == [
        {"name": "flow", "share": None, "value": None, "expected": None}
    ] * 3  # fmt: skip
    assert (said["lag"], said["rate"]) == (None, None)
    assert [e["text"] for e in said["events"]] == ["Many."]


def test_names_of_strangers():
    """Half of a surrogate pair, quotes and tags are text."""
    names = ["\ud800", '</script>"<b>', "a\nb"]
    assert {s["name"] for s in told([stream(name) for name in names])["streams"]} == set(names)


def test_mutes():
    """Ends in ms; −1 has none; of channels one by one."""
    muted = stream("a", muted_until_ns=NOW_NS, muted_channels=[("flow", FOREVER), ("t", NOW_NS)])
    row = told([muted])["streams"][0]
    assert row["muted"] == NOW_NS // 10**6
    assert row["mutedChannels"] == {"flow": -1, "t": NOW_NS // 10**6}


def test_a_history_of_nothing():
    """A stream that was never scored."""
    assert history_json(StreamHistory(sparkline=None, threshold=3.0)) == {
        "threshold": 3.0, "start": None, "bucket": None, "low": [], "high": [], "ended": [],
        "channels": [],
    }  # fmt: skip
