"""What both MQTT clients promise when connections, brokers and peers go, and come back."""

import threading
import time

import pytest

from runtime.gateway.mqtt.options import Will
from runtime.gateway.protocols import Publication
from toys.broker import Broker
from toys.clients import gather, numbered, numbers, synced, until, up
from toys.mqtt_packets import sent_by
from toys.proxy import Proxy


def _firsts(found):
    """Numbers at their first appearance, in order."""
    return list(dict.fromkeys(numbers(found)))


def test_nothing_is_lost_over_cut_connections(opened, broker, cable):
    """Both ends hang on a cable that is cut again and again."""
    reader = opened(cable, "x/#", client_id="reader")
    writer = opened(cable, client_id="writer")
    up(reader)
    found = []
    for part in range(12):
        assert writer.publish(numbered(part * 250, part * 250 + 250)) > 0
        found += gather(reader, lambda came, part=part: len(came) > 60 or part > 9)
        cable.cut()
    found += gather(reader, lambda came: len(_firsts(found + came)) == 3_000)
    assert _firsts(found) == list(range(3_000))
    until(lambda: writer.published == 3_000 and writer.waiting == 0)
    assert reader.connections > 3


def test_nothing_is_lost_over_a_restart_of_the_broker(opened, broker):
    """SIGTERM with persistence, while messages flow."""
    reader = opened(broker, "x/#", client_id="reader")
    writer = opened(broker, client_id="writer")
    up(reader)
    found = []
    for part in range(3):
        writer.publish(numbered(part * 1_000, part * 1_000 + 1_000))
        found += gather(reader, 300)
        broker.restart()
    found += gather(reader, lambda came: len(_firsts(found + came)) == 3_000)
    assert _firsts(found) == list(range(3_000))


def test_what_is_published_while_the_broker_is_away_waits_in_order(opened, broker, other):
    """Also before the first connection."""
    broker.stop()
    client = opened(broker)
    assert client.publish(numbered(0, 300, "kad/a")) == 300
    assert (client.published, client.waiting) == (0, 300)
    until(lambda: client.trouble and "yet" not in client.trouble)
    assert str(broker.port) in client.trouble
    broker.start()
    assert numbers(gather(other, 300)) == list(range(300))
    until(lambda: client.published == 300)


def test_the_will_comes_when_the_cable_is_cut(opened, broker, cable, other):
    """And `offline` is retained; a reader that comes later finds it."""
    will = Will(topic="will/status", payload=b"offline", delay_s=0)
    client = opened(cable, will=will)
    up(client)
    client.publish([Publication("will/status", b"online", retain=True)])
    assert [one.payload for one in gather(other, 1)] == [b"online"]
    cable.shut()
    assert [one.payload for one in gather(other, 1)] == [b"offline"]
    late = opened(broker, "will/#", client_id="late")
    found = gather(late, 1)
    assert [(one.payload, one.retained) for one in found] == [(b"offline", True)]


def test_no_will_after_a_goodbye(opened, broker, other):
    """A clean end waits for its last publication, and is not taken for a death."""
    client = opened(broker, will=Will(topic="will/status", payload=b"dead", delay_s=0))
    up(client)
    client.publish([Publication("will/status", b"ended")])
    client.close(5.0)
    assert client.published == 1
    other.publish([Publication("will/last", b"end")])
    found = gather(other, lambda came: any(one.topic == "will/last" for one in came))
    assert [one.payload for one in found] == [b"ended", b"end"]


def test_retained_messages_are_marked_and_come_once(opened, broker, cable, other):
    """A new connection to the same session brings them no more (MQTT 5)."""
    other.publish([Publication("x/old", b"1", retain=True)])
    until(lambda: other.waiting == 0)
    client = opened(cable, "x/#", version="5")
    assert [(one.topic, one.retained) for one in gather(client, 1)] == [("x/old", True)]
    synced(client)
    cable.cut()
    up(client, 2)
    other.publish([Publication("x/new", b"2", retain=True)])
    assert [(one.topic, one.retained) for one in gather(client, 1)] == [("x/new", False)]


def test_what_was_not_acknowledged_comes_again(opened, broker, cable, other):
    """After a new connection, in the same order; what was acknowledged does not."""
    client = opened(cable, "x/#")
    up(client)
    other.publish(numbered(0, 100))
    found = gather(client, 100, ack=False)
    client.ack(found[:40])
    synced(client)
    cable.cut()
    again = gather(client, 60, ack=False)
    assert numbers(again) == list(range(40, 100))
    client.ack(found)  # of the connection that is gone: they mean nothing here
    client.ack(again[:10])
    synced(client)
    cable.cut()
    assert numbers(gather(client, 50)) == list(range(50, 100))


def test_acknowledgements_go_out_as_a_prefix(opened, broker, cable, other):
    """What stands behind a message without one waits, and is sent again with it."""
    client = opened(cable, "x/#")
    up(client)
    other.publish(numbered(0, 20))
    found = gather(client, 20, ack=False)
    client.ack(found[5:])
    client.ack(found[1:5])
    synced(client)
    assert _acknowledged(cable) == 0
    cable.cut()
    again = gather(client, 20, ack=False)
    assert numbers(again) == list(range(20))
    client.ack(again[3:])
    client.ack(again[:3])
    until(lambda: _acknowledged(cable) == 20)
    assert _puback_ids(cable) == sorted(_puback_ids(cable))


def _puback_ids(cable):
    return [body[0] << 8 | body[1] for first, body in sent_by(cable) if first == 0x40]


def _acknowledged(cable):
    return len(_puback_ids(cable))


def test_another_client_with_the_same_id_is_said(opened, broker):
    """And both back off, so that they do not throw each other out for ever.

    Mosquitto 2.0 does not say the code for it where the session lasts.
    """
    first = opened(broker, "x/#", reconnect_s=(0.02, 30.0))
    up(first)
    second = opened(broker, "x/#", reconnect_s=(0.02, 30.0))
    seen = set()

    def said():
        seen.update(one for one in (first, second) if "client_id" in one.trouble)
        return seen == {first, second}

    until(said)
    assert first.connections + second.connections < 30


def test_a_session_that_was_taken_over_is_said(opened, broker, other):
    """With the code of MQTT 5; the next attempt is far away."""
    taken = threading.Event()

    def changed(data):
        return data + bytes([0xE0, 1, 0x8E]) if taken.is_set() else data

    with Proxy(broker.port, changed=changed) as between:
        client = opened(between, "x/#", version="5", reconnect_s=(0.02, 30.0))
        up(client)
        taken.set()
        other.publish(numbered(0, 1))
        until(lambda: "client_id" in client.trouble)
        assert numbers(gather(client, 1)) == [0]
        assert client.connections == 1
        client.close(0.0)


def test_a_dead_peer_is_found(opened, broker, cable):
    """A cable that is there and carries nothing: silence ends the connection."""
    client = opened(cable, "x/#", keepalive_s=1, connect_timeout_s=0.5)
    up(client)
    cable.stall()
    until(lambda: "silent" in client.trouble or "answer" in client.trouble, 10.0)
    cable.flow()
    cable.cut()
    up(client, 2)


def test_pings_keep_a_quiet_connection(opened, broker):
    """Keep-alive of a second: the broker would end it after one and a half."""
    client = opened(broker, "x/#", keepalive_s=1)
    up(client)
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        assert client.receive(10, 0.5) == []
    assert (client.connections, client.trouble) == (1, "")


def test_a_session_of_no_length_keeps_nothing(opened, broker, cable, other):
    """What is published while it is away does not come: for sources without times."""
    client = opened(cable, "x/#", session_expiry_s=0)
    up(client)
    cable.shut()
    until(lambda: bool(client.trouble))
    other.publish(numbered(0, 10))
    until(lambda: other.waiting == 0)
    cable.open()
    up(client, 2)
    other.publish(numbered(10, 20))
    assert numbers(gather(client, lambda came: 19 in numbers(came))) == list(range(10, 20))


def test_a_session_that_the_broker_forgot_is_counted(opened, tmp_path):
    """Without persistence a restart loses what it had kept: said, and subscribed anew."""
    folder = tmp_path / "forgetful"
    folder.mkdir()
    with Broker(folder, persistence=False) as broker:
        client = opened(broker, "x/#")
        up(client)
        assert client.counts["sessions_lost"] == 0
        broker.restart()
        up(client, 2)
        assert client.counts["sessions_lost"] == 1
        client.publish(numbered(0, 1))
        assert numbers(gather(client, 1)) == [0]


@pytest.mark.parametrize("known", [False, True])
def test_a_session_of_an_earlier_life_that_the_broker_forgot_is_counted(opened, broker, known):
    """Before its first connection nobody else can know that there was one."""
    client = opened(broker, "x/#", known=known)
    up(client)
    assert client.counts["sessions_lost"] == int(known)
    client.close(5)
    again = opened(broker, "x/#", known=known)
    up(again)
    assert again.counts["sessions_lost"] == 0


class Mute:
    """Lets nothing of the broker through, once it is told to."""

    def __init__(self):
        self.on = threading.Event()

    def __call__(self, data):
        return b"" if self.on.is_set() else data


def _published(cable):
    """Packet ids, payloads and whether they may have gone out before, of what went to a broker."""
    found = []
    for first, body in sent_by(cable):
        if first & 0xF0 == 0x30:
            at = 2 + (body[0] << 8 | body[1])
            packet_id, number = body[at] << 8 | body[at + 1], int(body[at + 2 :].lstrip(b"\0"))
            found.append((packet_id, number, first & 8 == 8))
    return found


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_the_broker_did_not_acknowledge_goes_out_again(opened, broker, version):
    """In the same order, with the same packet ids, marked as sent before."""
    mute = Mute()
    with Proxy(broker.port, changed=mute) as cable:
        client = opened(cable, version=version)
        up(client)
        mute.on.set()
        client.publish(numbered(1, 6))
        until(lambda: len(_published(cable)) == 5)
        assert client.published == 0
        first = _published(cable)
        cable.cut()
        mute.on.clear()
        until(lambda: client.published == 5)
        client.publish(numbered(6, 7))
        until(lambda: client.published == 6)
        client.close(0.0)
        again = _published(cable)[5:]
    assert [(number, dup) for _, number, dup in first] == [(n, False) for n in range(1, 6)]
    assert again[:5] == [(packet_id, number, True) for packet_id, number, _ in first]
    assert again[5][1:] == (6, False)


def test_the_window_is_the_brokers(opened, tmp_path):
    """Mosquitto's default: twenty on their way at a time, the others wait in order."""
    folder = tmp_path / "default"
    folder.mkdir()
    mute = Mute()
    with Broker(folder, settings=()) as broker, Proxy(broker.port, changed=mute) as cable:
        client = opened(cable, version="5", publish_window=1_000)
        up(client)
        mute.on.set()
        client.publish(numbered(1, 101))
        until(lambda: len(_published(cable)) >= 20)
        assert client.receive(10, 0.3) == []
        assert [number for _, number, _ in _published(cable)] == list(range(1, 21))
        cable.cut()
        mute.on.clear()
        until(lambda: client.published == 100)
        client.close(0.0)
        numbers_sent = [number for _, number, _ in _published(cable)]
    assert list(dict.fromkeys(numbers_sent)) == list(range(1, 101))


def test_an_end_while_nobody_answers(opened, broker, cable):
    """A connection that is taken and says nothing does not hold up the end."""
    cable.stall()
    client = opened(cable, connect_timeout_s=60.0)
    until(lambda: cable.accepted == 1)
    began = time.monotonic()
    client.close(0.1)
    assert time.monotonic() - began < 2.5
    assert client.connections == 0
