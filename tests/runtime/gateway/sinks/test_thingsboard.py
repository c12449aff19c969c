"""ThingsBoard: connect first, telemetry that fits, no nulls."""

import json
import math

import pytest

from runtime.errors import ConfigError
from runtime.gateway.outputs import Outputs
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.thingsboard import ThingsBoardOptions, ThingsBoardSink
from toys.fake_client import FakeClient
from toys.gateway_outputs import SECOND, T0, notice, scored, tick
from toys.memory_outbox import MemoryOutbox


def made(**changes):
    client = FakeClient()
    client.up()
    return ThingsBoardSink("tb", client, ThingsBoardOptions(**changes)), client


def said(client):
    return [(p.topic, json.loads(p.payload)) for p in client.taken]


def test_a_gateways_device_is_connected_before_anything_is_said_of_it():
    sink, client = made(names={"a/p7": "Pump 7"}, type="pump")
    sink.write(tick(1, ["a/p7"], states=[("a/p7", True, T0)]))
    assert said(client) == [
        ("v1/gateway/connect", {"device": "Pump 7", "type": "pump"}),
        ("v1/gateway/attributes", {"Pump 7": {"kad_model": "9f2c41d07a3e"}}),
        (
            "v1/gateway/telemetry",
            {"Pump 7": [{"ts": 1772359200250, "values": {"kad_alarm": True}}]},
        ),
        (
            "v1/gateway/telemetry",
            {
                "Pump 7": [
                    {
                        "ts": 1772359200250,
                        "values": {"kad_score": 1.92, "kad_severity": 3.4, "kad_quality": "good"},
                    }
                ]
            },
        ),
    ]
    assert {p.qos for p in client.taken} == {1}
    assert not any(p.retain for p in client.taken)


def test_devices_are_connected_again_after_each_new_connection():
    sink, client = made()
    sink.write(tick(1, ["a", "b"]))
    client.taken.clear()
    client.up()
    sink.write(tick(2, ["c"]))
    assert [d["device"] for t, d in said(client) if t.endswith("connect")] == ["a", "b", "c"]
    assert said(client)[3][0] == "v1/gateway/attributes"


def test_attributes_once_and_alarms_on_change():
    sink, client = made()
    for n, goes_on in enumerate([True, True, False], 1):
        sink.write(tick(n, ["a"], states=[("a", goes_on, T0)]))
    assert len([t for t, _ in said(client) if t.endswith("attributes")]) == 1
    values = [d["a"][0]["values"] for t, d in said(client) if t.endswith("telemetry")]
    assert [v["kad_alarm"] for v in values if "kad_alarm" in v] == [True, False]


def test_events_are_telemetry_too():
    sink, client = made()
    sink.write(tick(1, events=[notice(phase="end")]))
    [entry] = said(client)[-1][1]["a/p7"]
    assert entry["values"] == {
        "kad_event": "Look at the pump.",
        "kad_event_phase": "end",
        "kad_event_kind": "anomaly",
        "kad_event_severity": 4.1,
        "kad_event_channels": "flow",
        "kad_event_id": "a/p7-1772359140000",
    }


def test_what_is_missing_is_left_out_and_reasons_are_said():
    sink, client = made()
    rows = scored(["a"], score=math.nan, severity=math.inf, quality=Quality.STOPPED | Quality.GAP)
    sink.write(Outputs(sequence=1, scored=(rows,), repeat=True))
    assert said(client)[-1][1]["a"][0]["values"] == {
        "kad_quality": "uncertain",
        "kad_reasons": "gap stopped",
        "kad_repeat": True,
    }


@pytest.mark.parametrize("shape", ["gateway", "device"])
@pytest.mark.parametrize("most", [1024, 3000, 60_000])
def test_messages_fit_and_nothing_is_lost(shape, most):
    sink, client = made(shape=shape, most_bytes=most)
    names = [f"s{n % 7}" for n in range(700)] if shape == "gateway" else ["s0"] * 700
    rows = scored(sorted(names), times=T0 + (700 - len(names) + 1) * 0 + SECOND)
    sink.write(Outputs(sequence=1, scored=(rows,)))
    telemetry = [p.payload for p in client.taken if p.topic.endswith("telemetry")]
    assert max(map(len, telemetry)) <= most
    count = 0
    for message in map(json.loads, telemetry):
        count += len(message) if shape == "device" else sum(map(len, message.values()))
    assert count == 700
    # Filled, not cut at each entry.
    assert len(telemetry) <= sum(map(len, telemetry)) / (most - 250) + 1


def test_one_device_takes_one_stream_and_says_what_it_leaves_out():
    sink, client = made(shape="device")
    sink.write(tick(1, ["a", "b"], states=[("b", True, T0)], events=[notice("b"), notice("a")]))
    topics = [t for t, _ in said(client)]
    assert topics == [
        "v1/devices/me/attributes",
        "v1/devices/me/telemetry",
        "v1/devices/me/telemetry",
    ]
    assert said(client)[0][1] == {"kad_model": "9f2c41d07a3e"}
    assert [entry["ts"] for entry in said(client)[2][1]] == [1772359200250]
    assert sink.skipped == 3
    assert "takes one stream, a; 3 steps and events of others were left out" in sink.trouble


def test_a_stream_that_is_gone_is_disconnected():
    sink, client = made()
    sink.write(tick(1, ["a"]))
    sink.write(Outputs(sequence=2, gone=["a", "never"]))
    assert said(client)[-1] == ("v1/gateway/disconnect", {"device": "a"})


def test_acknowledged_and_closed():
    sink, client = made(publishing=Publishing(scores="nth", n=2))
    sink.write(tick(1, ["a"]))
    sink.write(tick(2, ["a"]))
    assert sink.acknowledged == 0
    sink.close(1.0)
    assert client.closed
    assert (sink.acknowledged, sink.waiting, sink.dropped) == (2, 0, 0)


@pytest.mark.parametrize(
    "changes",
    [{"shape": "both"}, {"kept_bytes": 0}, {"most_bytes": 10}, {"names": {"a": "x", "b": "x"}}],
)
def test_options_that_cannot_be(changes):
    with pytest.raises(ConfigError, match="must"):
        ThingsBoardOptions(**changes)


def test_scores_of_an_outage_go_to_their_outbox_at_the_end_at_the_latest():
    box = MemoryOutbox()
    client = FakeClient()
    sink = ThingsBoardSink("tb", client, ThingsBoardOptions(), score_outbox=box)
    sink.write(tick(0, ["a/p7"]))
    assert box.last == 0
    sink.close(3.0)
    assert box.last == 1
