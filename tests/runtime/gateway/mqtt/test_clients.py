"""What both MQTT clients promise of messages, against a real broker."""

import contextlib
import socket
import threading
import time

import pytest

from runtime.gateway.mqtt import packets
from runtime.gateway.protocols import Publication, Subscription
from toys.clients import gather, numbered, numbers, synced, until, up


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_messages_come_in_order_and_go_out_in_order(opened, broker, other, version):
    """Two thousand in and out, with what was said of each."""
    client = opened(broker, "x/#", version=version)
    up(client)
    assert client.version == version
    other.publish(numbered(0, 2_000))
    found = gather(client, 2_000)
    assert numbers(found) == list(range(2_000))
    assert {(one.topic, one.retained) for one in found} == {("x/a", False)}
    assert all(abs(one.arrived_ns - time.time_ns()) < 60e9 for one in found)
    assert client.publish(numbered(0, 2_000, "kad/a")) == 2_000
    assert numbers(gather(other, 2_000)) == list(range(2_000))
    until(lambda: client.published == 2_000 and client.waiting == 0)


def test_too_many_publications_are_not_taken(opened, broker):
    """A bound in number: none of the batch is taken."""
    broker.stop()
    client = opened(broker, most_waiting=100)
    assert client.publish(numbered(0, 100)) == 100
    assert client.publish(numbered(100, 101)) == -1
    assert client.waiting == 100


def test_a_window_of_twenty_thousand(opened, kind, broker, other):
    """So many come without an acknowledgement, in order; of paho fewer, as it takes its time."""
    client = opened(broker, "x/#")
    up(client)
    count = 20_000 if kind == "own" else 4_000
    assert other.publish(numbered(0, count)) == count
    found = gather(client, count, ack=False)
    assert numbers(found) == list(range(count))
    client.ack(found)
    other.publish(numbered(count, count + 1))
    assert numbers(gather(client, 1)) == [count]


def test_filters_that_are_no_longer_named_are_givenup(opened, broker, other):
    """On the connection that is there, and those of an earlier life."""
    first = opened(broker, "x/#", "y/#")
    up(first)
    first.subscribe([Subscription("x/#")])
    assert first.filters == ["x/#"]
    other.publish([Publication("y/a", b"1"), Publication("x/a", b"2")])
    found = gather(first, lambda came: b"2" in [one.payload for one in came])
    other.publish([Publication("y/a", b"3"), Publication("x/a", b"4")])
    found = gather(first, lambda came: b"4" in [one.payload for one in came])
    assert [one.payload for one in found] == [b"4"]
    first.close(1.0)
    second = opened(broker, "z/#", former=["x/#", "z/#"])
    up(second)
    second.publish([Publication("kad/sync", b"")])
    until(lambda: second.published == 1)
    other.publish([Publication("x/a", b"5"), Publication("z/a", b"6")])
    assert [one.payload for one in gather(second, 1)] == [b"6"]


def test_reading_stops_while_too_much_waits(opened, broker, other):
    """And goes on when it was taken; nothing is lost, nothing grows."""
    client = opened(broker, "x/#", most_unreceived_bytes=1_000_000, keepalive_s=1)
    up(client)
    big = [Publication("x/a", b"%06d" % number + bytes(20_000)) for number in range(600)]
    assert other.publish(big) > 0
    until(lambda: other.waiting == 0)
    until(lambda: client._inbox.full)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:  # longer than the keep-alive allows a silent client
        assert client._inbox._bytes < 10_000_000
        time.sleep(0.1)
    found = gather(client, 600)
    assert [int(one.payload[:6]) for one in found] == list(range(600))
    assert client.connections == 1


def test_an_end_is_quick_and_complete(opened, broker):
    """Without a broker, too; afterwards it takes nothing and gives nothing."""
    broker.stop()
    client = opened(broker, "x/#")
    client.publish(numbered(0, 1))
    began = time.monotonic()
    client.close(0.2)
    assert time.monotonic() - began < 2.0
    assert client.publish(numbered(0, 1)) == -1
    assert client.receive(10, 5.0) == []
    client.ack([])


def test_many_threads_publish_at_once(opened, broker, other):
    """Each thread's order is kept, and nothing is mixed up."""
    client = opened(broker)
    up(client)

    def talk(name):
        for first in range(0, 500, 10):
            assert client.publish(numbered(first, first + 10, f"kad/{name}")) > 0

    threads = [threading.Thread(target=talk, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    found = gather(other, 2_000)
    for thread in threads:
        thread.join()
    for name in range(4):
        mine = [one for one in found if one.topic == f"kad/{name}"]
        assert numbers(mine) == list(range(500))
    until(lambda: client.published == 2_000)


def test_messages_of_qos_2_from_an_earlier_life(opened, broker):
    """Another client subscribed with QoS 2 under this id: they come, and do not come again."""
    with _raw(broker, "kad") as end:
        end.sendall(packets.subscribe(1, [("x/#", 2)], version=4))
        assert end.recv(5) == b"\x90\x03\x00\x01\x02"
    with _raw(broker, "sender") as end:
        for number in (1, 2, 3):
            topic = packets.length_and_text("x/a")
            payload = b"%d" % number
            end.sendall(packets.publish(topic, payload, version=4, qos=2, packet_id=number))
            assert end.recv(4) == packets.pubrec(number)
            end.sendall(b"\x62\x02" + bytes([0, number]))
            assert end.recv(4) == packets.pubcomp(number)
    client = opened(broker, "x/#")
    assert numbers(gather(client, 3)) == [1, 2, 3]
    up(client)
    synced(client)
    client.close(1.0)
    again = opened(broker, "x/#")
    up(again)
    again.publish(numbered(4, 5))
    assert numbers(gather(again, 1)) == [4]


@contextlib.contextmanager
def _raw(broker, client_id):
    """A connection of 3.1.1 with a session that lasts, said goodbye to in the end."""
    with socket.create_connection((broker.host, broker.port), 5) as end:
        end.settimeout(5)
        hello = packets.connect(version=4, client_id=client_id, keepalive_s=60, clean=False)
        end.sendall(hello)
        assert end.recv(4)[3] == 0
        yield end
        end.sendall(packets.disconnect(version=4))


def test_a_new_filter_does_not_bring_old_retained_messages(opened, broker, other):
    """Only what is new is asked for; in 3.1.1 each asking brings what is retained."""
    other.publish([Publication(f"{name}/a", name.encode(), retain=True) for name in "xy"])
    synced(other)
    client = opened(broker, "x/#", version="3.1.1")
    assert [one.payload for one in gather(client, 1)] == [b"x"]
    client.subscribe([Subscription("x/#"), Subscription("y/#")])
    assert [one.payload for one in gather(client, 1)] == [b"y"]
    synced(client)
    assert client.receive(10, 0.0) == []
    assert client.owed == 0


def test_the_broker_sends_no_more_than_was_asked_for(opened, broker, other):
    """Receive Maximum of MQTT 5: ten, until one is acknowledged."""
    client = opened(broker, "x/#", version="5", receive_maximum=10)
    up(client)
    other.publish(numbered(0, 15))
    synced(other)
    found = gather(client, 10, ack=False)
    assert client.receive(10, 0.3) == []
    assert client.owed == 10
    client.ack(found[:5])
    assert numbers(gather(client, 5, ack=False)) == list(range(10, 15))
