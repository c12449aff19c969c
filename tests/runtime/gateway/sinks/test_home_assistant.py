"""Discovery against the documented schema; no key that it does not have."""

import json
import math
import re

import pytest

from runtime.errors import ConfigError
from runtime.gateway.outputs import Outputs
from runtime.gateway.samples import Message
from runtime.gateway.sinks.home_assistant import HomeAssistant, HomeAssistantOptions, device_id
from runtime.gateway.sinks.mqtt import MQTTSink, MQTTSinkOptions
from runtime.gateway.sinks.options import Topics
from toys.fake_client import FakeClient
from toys.gateway_outputs import T0, notice, scored, tick

TOPICS = Topics(gateway="gw1")
NAMES = ["a/p7", "a_p7", "a p7", "Pump 7", "泵", "p+#", "x" * 200, "x" * 201, "half \ud800", "gw1"]


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def made(**changes):
    clock = Clock()
    options = HomeAssistantOptions(topics=TOPICS, **changes)
    return HomeAssistant(
        options, monotonic=clock, uniform=lambda low, high: (low + high) / 2
    ), clock


def with_sink(**changes):
    addition, clock = made(**changes)
    client = FakeClient()
    client.up()
    sink = MQTTSink(
        "ha", client, MQTTSinkOptions(topics=TOPICS), additions=[addition], monotonic=clock
    )
    return sink, client, clock


def newest(client):
    """What the broker keeps."""
    kept = {p.topic: p.payload for p in client.taken if p.retain}
    return {topic: payload for topic, payload in kept.items() if payload}


# Keys as documented for MQTT discovery, with the abbreviations in use; a value is what checks it.
TEXT = re.compile(r".+", re.DOTALL).fullmatch
TOPIC = re.compile(r"[^+#\0]+").fullmatch
ENTITY = re.compile(r"(binary_sensor|sensor)\.(?!.*__)[a-z0-9](?:[a-z0-9_]*[a-z0-9])?").fullmatch
ID = re.compile(r"[a-zA-Z0-9_-]+").fullmatch
SCHEMA = {
    "dev": ({"ids"}, {"ids": None, "name": TEXT, "mf": TEXT, "sw": TEXT, "via_device": ID}),
    "o": ({"name"}, {"name": TEXT, "sw": TEXT, "url": TEXT}),
    "avty": ({"t"}, {"t": TOPIC}),
    "binary_sensor": (
        {"p", "unique_id", "stat_t"},
        {
            "p": TEXT,
            "unique_id": ID,
            "default_entity_id": ENTITY,
            "name": TEXT,
            "stat_t": TOPIC,
            "dev_cla": {"problem", "connectivity"}.__contains__,
            "ent_cat": {"diagnostic"}.__contains__,
            "pl_on": TEXT,
            "pl_off": TEXT,
            "json_attr_t": TOPIC,
        },
    ),
    "sensor": (
        {"p", "unique_id", "stat_t"},
        {
            "p": TEXT,
            "unique_id": ID,
            "default_entity_id": ENTITY,
            "name": TEXT,
            "stat_t": TOPIC,
            "stat_cla": {"measurement"}.__contains__,
            "exp_aft": lambda value: isinstance(value, int) and value > 0,
            "en": lambda value: isinstance(value, bool),
        },
    ),
}
ROOT = {"dev", "o", "cmps", "avty", "avty_mode", "qos"}


def check(part, kind):
    needed, allowed = SCHEMA[kind]
    assert needed <= set(part)
    assert set(part) <= set(allowed), set(part) - set(allowed)
    for key, test in allowed.items():
        if key in part and test is not None:
            assert test(part[key]), (key, part[key])


def check_config(topic, payload):
    """A discovery message is as documented; returns its ids."""
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    config = json.loads(payload)
    assert {"dev", "o", "cmps"} <= set(config) <= ROOT
    assert "object_id" not in payload.decode()
    assert config["qos"] in {0, 1, 2}
    check(config["dev"], "dev")
    assert config["dev"]["ids"]
    assert all(map(ID, config["dev"]["ids"]))
    check(config["o"], "o")
    for one in config.get("avty", []):
        check(one, "avty")
    assert config.get("avty_mode", "all") in {"all", "any", "latest"}
    for own, component in config["cmps"].items():
        assert ID(own)
        check(component, component["p"])
        assert component.get("default_entity_id", component["p"]).startswith(component["p"])
    return [component["unique_id"] for component in config["cmps"].values()]


def test_the_schema_refuses_what_it_does_not_know():
    sink, client, _ = with_sink()
    sink.write(tick(1, ["a"]))
    topic, payload = next(i for i in newest(client).items() if i[0].endswith("_a/config"))
    config = json.loads(payload)
    config["cmps"]["anomaly"]["object_id"] = "x"
    with pytest.raises(AssertionError):
        check_config(topic, json.dumps(config).encode())


def test_every_device_is_as_documented_and_every_id_unique():
    sink, client, _ = with_sink(names={"a/p7": "Pump 7"})
    sink.write(tick(1, NAMES))
    configs = {t: p for t, p in newest(client).items() if t.endswith("/config")}
    assert len(configs) == len(NAMES) + 1
    ids = [one for topic, payload in configs.items() for one in check_config(topic, payload)]
    assert len(set(ids)) == len(ids) == 2 * len(NAMES) + 1


def test_the_document_of_a_stream():
    sink, client, _ = with_sink(names={"p7": "Pump 7"}, expire_s=300)
    sink.write(tick(1, ["p7"]))
    config = json.loads(newest(client)["homeassistant/device/kad_p7/config"])
    assert config["dev"] == {
        "ids": ["kad_p7"],
        "name": "Pump 7",
        "mf": "kad",
        "via_device": "kad-gw1",
    }
    assert config["avty"] == [{"t": "kad/gw1/status"}, {"t": "kad/p7/online"}]
    assert config["avty_mode"] == "all"
    assert config["cmps"] == {
        "anomaly": {
            "p": "binary_sensor",
            "dev_cla": "problem",
            "unique_id": "kad_p7_anomaly",
            "default_entity_id": "binary_sensor.pump_7_anomaly",
            "name": "Anomaly",
            "stat_t": "kad/p7/state",
            "pl_on": "ON",
            "pl_off": "OFF",
            "json_attr_t": "kad/p7/cause",
        },
        "severity": {
            "p": "sensor",
            "unique_id": "kad_p7_severity",
            "default_entity_id": "sensor.pump_7_severity",
            "name": "Severity",
            "stat_t": "kad/p7/severity",
            "stat_cla": "measurement",
            "exp_aft": 300,
            "en": False,
        },
    }
    gateway = json.loads(newest(client)["homeassistant/device/kad-gw1/config"])
    assert gateway["cmps"]["status"]["stat_t"] == "kad/gw1/status"


def test_ids_are_the_same_after_a_restart_whatever_came_first():
    assert [device_id(name) for name in NAMES] == [device_id(name) for name in NAMES]
    assert device_id("p7") == "kad_p7"
    assert len({device_id(name) for name in NAMES}) == len(NAMES)
    assert max(len(device_id(name)) for name in NAMES) < 90


def test_streams_are_online_until_they_fall_silent():
    sink, client, _ = with_sink()
    sink.write(tick(1, ["a", "b"]))
    sink.write(tick(2, ["b"], online=[("a", False)]))
    kept = newest(client)
    assert (kept["kad/a/online"], kept["kad/b/online"]) == (b"offline", b"online")


def test_a_cause_at_start_and_end_only():
    sink, client, _ = with_sink()
    for n, phase in enumerate(["start", "update", "update", "end"], 1):
        sink.write(tick(n, events=[notice(phase=phase, duration_s=90.0)]))
    causes = [json.loads(p.payload) for p in client.taken if p.topic == "kad/a/p7/cause"]
    assert causes == [
        {
            "text": "Look at the pump.",
            "kind": "anomaly",
            "event": "a/p7-1772359140000",
            "severity": 4.1,
            "channels": ["flow"],
            "since": "2026-03-01T09:59:00Z",
        },
        {**causes[0], "duration_s": 90.0},
    ]
    # Home Assistant drops attributes of these names.
    assert not set(causes[1]) & {"name", "state", "icon", "available", "device_class"}


def test_severity_is_a_bare_number_at_most_every_thirty_seconds():
    addition, clock = made()
    found = []
    for second in range(65):
        clock.now = float(second)
        rows = scored(["a", "a", "b"], severity=[1, second + 0.12345, math.nan])
        found += addition.passing(Outputs(sequence=1, scored=(rows,)))
    assert [(p.topic, p.payload, p.retain) for p in found] == [
        ("kad/a/severity", b"0.12", False),
        ("kad/a/severity", b"30.12", False),
        ("kad/a/severity", b"60.12", False),
    ]


def birth(payload=b"online", topic="homeassistant/status"):
    return Message(topic=topic, payload=payload)


def test_a_birth_brings_all_again_after_one_to_ten_seconds():
    sink, client, clock = with_sink()
    sink.write(tick(1, ["a", "b"], states=[("a", True, T0)], events=[notice(stream="a")]))
    kept = newest(client)
    client.taken.clear()
    clock.now = 100.0
    client.incoming = [birth(b"offline"), birth(topic="other"), birth(), birth()]
    sink.tick()
    clock.now = 105.0
    sink.tick()
    assert client.taken == []
    clock.now = 105.6
    sink.tick()
    assert newest(client) == kept
    assert len(client.taken) == len(kept)
    sink.tick()
    assert len(client.taken) == len(kept)


def test_the_wait_is_random_between_one_and_ten_seconds():
    asked = []
    addition = HomeAssistant(
        HomeAssistantOptions(topics=TOPICS),
        uniform=lambda low, high: asked.append((low, high)) or low,
    )
    addition.received(birth())
    assert asked == [(1.0, 10.0)]


def test_it_listens_to_the_birth_topic_as_it_is_published():
    addition, _ = made(prefix="ha")
    assert [(one.filter, one.qos) for one in addition.subscriptions] == [("ha/status", 0)]


def test_a_stream_that_is_gone_leaves_no_ghost():
    sink, client, _ = with_sink()
    sink.write(tick(1, ["a", "b"], states=[("a", True, T0)], events=[notice(stream="a")]))
    sink.write(Outputs(sequence=2, gone=["a"]))
    assert not [topic for topic in newest(client) if "/a/" in topic or "_a/" in topic]
    assert "homeassistant/device/kad_b/config" in newest(client)
    client.taken.clear()
    sink.write(tick(3, ["a"]))
    assert "homeassistant/device/kad_a/config" in newest(client)


@pytest.mark.parametrize("changes", [{"prefix": "a/#"}, {"prefix": ""}, {"severity_s": 120}])
def test_options_that_cannot_be(changes):
    with pytest.raises(ConfigError, match="must be"):
        HomeAssistantOptions(topics=TOPICS, **changes)
