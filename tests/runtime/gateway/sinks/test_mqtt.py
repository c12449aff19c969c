"""The MQTT sink: what goes where, when, and what a broken connection leaves."""

import json

import pytest

from runtime.errors import ConfigError
from runtime.gateway.outputs import Outputs
from runtime.gateway.samples import Message
from runtime.gateway.sinks.mqtt import MQTTSink, MQTTSinkOptions, will_of
from runtime.gateway.sinks.options import Publishing, Topics
from toys.fake_client import FakeClient
from toys.gateway_outputs import T0, notice, tick
from toys.memory_outbox import MemoryOutbox


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, client=None):
        self.now = 1000.0
        self.client = client

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.client is not None:
            self.client.acknowledge(1)


def options(**publishing):
    return MQTTSinkOptions(topics=Topics(gateway="gw1"), publishing=Publishing(**publishing))


def sink(client=None, clock=None, **changes):
    client = client or FakeClient()
    clock = clock or Clock()
    settings = changes.pop("options", options())
    made = MQTTSink("mqtt", client, settings, monotonic=clock, sleep=clock.sleep, **changes)
    return made, client


def up(**changes):
    made, client = sink(**changes)
    client.up()
    made.tick()
    client.taken.clear()
    return made, client


def said(client):
    return [(p.topic, p.payload.decode(), p.qos, p.retain) for p in client.taken]


def test_a_tick_becomes_scores_events_and_states_on_their_topics():
    made, client = up()
    made.write(tick(1, ["a/p7"], events=[notice(text="Look.")], states=[("a/p7", True, T0)]))
    event = json.loads(client.taken[0].payload)
    assert said(client)[0][0] == "kad/a/p7/event"
    assert (client.taken[0].qos, client.taken[0].retain) == (1, False)
    assert (event["phase"], event["text"], event["repeat"]) == ("start", "Look.", False)
    assert said(client)[1] == ("kad/a/p7/state", "ON", 1, True)
    document = (
        '{"t":1772359200250,"score":1.92,"severity":3.4,"alarm":true,"quality":"good",'
        '"reasons":[],"warm":true,"repeat":false,"model":"9f2c41d07a3e"}'
    )
    assert said(client)[2] == ("kad/a/p7/score", document, 1, False)


def test_an_event_without_words_gets_a_sentence():
    made, client = up()
    made.write(tick(1, events=[notice(text="")]))
    assert json.loads(client.taken[0].payload)["text"].startswith("a/p7 has not behaved as usual")


def test_events_of_the_gateway_and_answers_have_topics_of_their_own():
    made, client = up()
    made.write(tick(1, events=[notice(stream="", kind="flood")], answers=[("c1", '{"ok":true}')]))
    assert [p.topic for p in client.taken] == ["kad/gw1/events", "kad/gw1/answers"]
    assert client.taken[1].payload == b'{"id":"c1","answer":{"ok":true}}'


def test_what_is_made_again_is_marked():
    made, client = up()
    made.write(tick(1, ["a"], events=[notice()], repeat=True))
    assert [json.loads(p.payload)["repeat"] for p in client.taken] == [True, True]


def test_states_go_out_on_change_only():
    made, client = up()
    for n, goes_on in enumerate([False, False, True, True, False], 1):
        made.write(tick(n, states=[("a", goes_on, T0)]))
    assert [p.payload for p in client.taken] == [b"OFF", b"ON", b"OFF"]


def test_online_and_all_states_after_each_new_connection():
    made, client = sink()
    made.write(tick(1, states=[("a", True, T0), ("b", False, T0)]))
    client.up()
    made.tick()
    assert said(client) == [
        ("kad/gw1/status", "online", 1, True),
        ("kad/a/state", "ON", 1, True),
        ("kad/b/state", "OFF", 1, True),
    ]
    client.taken.clear()
    client.down()
    made.tick()
    assert client.taken == []
    client.up()
    made.write(tick(2, states=[("b", True, T0)]))
    assert said(client) == [
        ("kad/gw1/status", "online", 1, True),
        ("kad/b/state", "ON", 1, True),
        ("kad/a/state", "ON", 1, True),
        ("kad/b/state", "ON", 1, True),
    ]


def test_a_stream_that_is_gone_leaves_no_retained_state():
    made, client = up()
    made.write(tick(1, ["a"], states=[("a", True, T0)]))
    made.write(Outputs(sequence=2, gone=["a"]))
    assert said(client)[-1] == ("kad/a/state", "", 1, True)
    client.taken.clear()
    client.up()
    made.tick()
    assert client.topics() == ["kad/gw1/status"]


def test_the_will_is_offline_retained():
    will = will_of(options())
    assert (will.topic, will.payload, will.qos, will.retain) == (
        "kad/gw1/status",
        b"offline",
        1,
        True,
    )


def test_options_that_cannot_be():
    with pytest.raises(ConfigError, match="`kept_bytes` must be"):
        MQTTSinkOptions(topics=Topics(gateway="gw1"), kept_bytes=0)


def test_close_hands_over_says_offline_and_waits_for_its_acknowledgement():
    client = FakeClient(window=2, strict=True)
    clock = Clock(client)
    made, _ = sink(client, clock)
    client.up()
    made.write(tick(1, [f"s{n}" for n in range(20)], events=[notice()]))
    made.close(3.0)
    assert client.closed
    assert client.arrived[-1].payload == b"offline"
    assert made.acknowledged == 1
    assert clock.now < 1003


def test_close_keeps_time_for_offline_where_the_broker_is_slow():
    class Slow(Clock):
        def sleep(self, seconds):
            self.now += seconds
            if self.now - self.said > 0.5:
                self.said = self.now
                self.client.acknowledge(1)

    client = FakeClient(window=1, strict=True)
    clock = Slow(client)
    clock.said = clock.now
    made, _ = sink(client, clock)
    client.up()
    made.write(tick(1, [f"s{n}" for n in range(20)]))
    made.close(3.0)
    assert client.arrived[-1].payload == b"offline"
    assert clock.now <= 1003.1


def test_close_without_a_connection_ends_at_once():
    clock = Clock()
    made, client = sink(clock=clock)
    made.write(tick(1, ["a"]))
    made.close(3.0)
    assert client.closed
    assert clock.now == 1000.0


def test_a_shared_client_is_left_open():
    client = FakeClient()
    made, _ = sink(client, Clock(client), shared=True)
    client.up()
    made.close(1.0)
    assert not client.closed
    assert client.arrived[-1].payload == b"offline"


def test_one_array_a_tick_and_model():
    made, client = up(options=options(scores="array", array_bytes=1024, qos=0))
    names = [f"a/p{n}" for n in range(20)]
    made.write(tick(1, names))
    assert {(p.topic, p.qos) for p in client.taken} == {("kad/gw1/scores", 0)}
    assert all(len(p.payload) <= 1024 for p in client.taken)
    found = [one["s"] for p in client.taken for one in json.loads(p.payload)]
    assert found == names


@pytest.mark.parametrize(("policy", "count"), [("every", 9), ("change", 1), ("nth", 3)])
def test_policies(policy, count):
    made, client = up(options=options(scores=policy, n=3))
    for n in range(1, 10):
        made.write(tick(n, ["a"]))
    client.acknowledge()
    assert len(client.taken) == count
    assert made.acknowledged == 9


def test_events_lie_in_the_outbox_until_they_arrive_status_and_scores_do_not():
    outbox = MemoryOutbox()
    made, client = sink(outbox=outbox)
    client.up()
    made.write(tick(1, ["a"], events=[notice()], states=[("a", True, T0)]))
    assert len(outbox.entries) == 2
    client.acknowledge()
    made.tick()
    assert outbox.entries == []


def test_trouble_is_the_clients():
    made, client = sink()
    assert made.trouble == "not connected yet"
    client.up()
    assert made.trouble == ""


class Heard:
    """An addition that listens."""

    subscriptions = ()

    def __init__(self):
        self.messages = []
        self.again = False
        self.began = []

    def lasting(self, _, *, began):
        self.began.extend(began)
        return []

    def passing(self, _):
        return []

    def received(self, message):
        self.messages.append(message.topic)

    def due(self):
        return self.again


def test_additions_hear_what_comes_and_know_what_began():
    addition = Heard()
    clock = Clock()
    made, client = sink(clock=clock, additions=[addition])
    client.incoming = [Message(topic="homeassistant/status", payload=b"online", token=5)]
    made.write(tick(1, ["b", "a", "b"], states=[("c", False, T0)], online=[("a", True)]))
    made.write(tick(2, ["a", "d"], gone=["d"]))
    made.write(tick(3, ["d"]))
    assert addition.began == ["b", "a", "c", "d", "d"]
    assert addition.messages == ["homeassistant/status"]
    assert [message.token for message in client.acked] == [5]


def test_what_an_addition_asks_for_goes_out_again():
    addition = Heard()
    made, client = up(additions=[addition])
    made.write(tick(1, states=[("a", True, T0)]))
    client.taken.clear()
    addition.again = True
    made.tick()
    assert said(client) == [
        ("kad/gw1/status", "online", 1, True),
        ("kad/a/state", "ON", 1, True),
    ]


def test_scores_of_an_outage_go_to_their_outbox_at_the_end_at_the_latest():
    """What is not numbered is made again by nobody."""
    box = MemoryOutbox()
    made, _ = sink(score_outbox=box)
    made.write(tick(0, ["a"]))
    assert box.last == 0
    made.close(3.0)
    assert box.last == 1
    again, client = sink(score_outbox=box)
    client.up()
    again.tick()
    assert [p.topic for p in client.taken] == ["kad/gw1/status", "kad/a/score"]
    assert json.loads(client.taken[1].payload)["repeat"] is True
