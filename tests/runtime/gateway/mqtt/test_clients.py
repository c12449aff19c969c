"""What both MQTT clients promise, against a real broker."""

import contextlib
import socket
import threading
import time

import pytest

from runtime.errors import MissingExtraError
from runtime.gateway.mqtt import packets
from runtime.gateway.mqtt.make import make_client
from runtime.gateway.mqtt.options import Will
from runtime.gateway.protocols import Publication, Subscription
from toys.broker import Broker
from toys.clients import client_of, gather, numbered, numbers, options_of, synced, until, up
from toys.proxy import Proxy


@pytest.fixture(params=["own", "paho"])
def kind(request):
    """Which client."""
    if request.param == "paho":
        pytest.importorskip("paho.mqtt")
    return request.param


@pytest.fixture
def opened(kind):
    """Opens clients, which end with the test."""
    clients = []

    def open_client(broker, *filters, **more):
        clients.append(client_of(broker, *filters, client=kind, **more))
        return clients[-1]

    before = threading.active_count()
    yield open_client
    for client in clients:
        client.close(0.0)
    until(lambda: threading.active_count() <= before + 1)  # the cable's may live a little longer


@pytest.fixture
def other(broker):
    """A client beside, straight at the broker, that publishes and watches."""
    client = client_of(broker, "will/#", "kad/#", client_id="other")
    up(client)
    yield client
    client.close(0.0)


def _firsts(found):
    """Numbers at their first appearance, in order."""
    return list(dict.fromkeys(numbers(found)))


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


def test_too_many_publications_are_not_taken(opened, broker):
    """A bound in number: none of the batch is taken."""
    broker.stop()
    client = opened(broker, most_waiting=100)
    assert client.publish(numbered(0, 100)) == 100
    assert client.publish(numbered(100, 101)) == -1
    assert client.waiting == 100


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
    """Packet ids of the PUBACKs that went over a cable, as far as they stand at packets' ends."""
    data, at, found = bytes(cable.to_broker), 0, []
    while at + 2 <= len(data):
        size, shift, start = 0, 0, at + 1
        while True:
            size |= (data[start] & 0x7F) << shift
            shift, start = shift + 7, start + 1
            if data[start - 1] < 0x80:
                break
        if data[at] == 0x40:
            found.append(data[start] << 8 | data[start + 1])
        at = start + size
    return found


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


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_wrong_password_is_said_and_never_shown(
    opened, kind, tmp_path, version, caplog, monkeypatch
):
    """In words in `trouble`; then the right one, which is read anew, opens the door."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    secret = tmp_path / "password"
    secret.write_text("wrong-one\n")
    with Broker(folder, passwords={"kad": "right-one"}) as broker:
        client = opened(broker, user="kad", password_file=secret, version=version)
        until(lambda: "password" in client.trouble or "not authorized" in client.trouble)
        assert client.connections == 0
        assert "wrong-one" not in repr(client) + repr(vars(client)["_options"]) + client.trouble
        secret.write_text("right-one\n")
        up(client)
        client.close(1.0)
        monkeypatch.setenv("KAD_WORD", "right-one")
        up(opened(broker, user="kad", password_env="KAD_WORD", client_id="env"))  # noqa: S106 - its name
        late = opened(broker, user="kad", password_env="KAD_MISSING", client_id="late")  # noqa: S106
        until(lambda: "KAD_MISSING" in late.trouble)
    assert "right-one" not in caplog.text


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_refused_subscription_is_said(opened, broker, version):
    """The connection stands, and nothing can come: that is trouble."""
    code = b"\x87" if version == "5" else b"\x80"

    def changed(data):
        return data[:-1] + code if data[0] == 0x90 else data

    with Proxy(broker.port, changed=changed) as guard:
        client = opened(guard, "open/#", "closed/#", version=version)
        until(lambda: "closed/#" in client.trouble)
        assert "open/#" not in client.trouble
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


def test_an_old_broker_is_spoken_to_in_its_words(opened, broker, other):
    """MQTT 5 is refused: 3.1.1 at once, and it stays so."""
    with Proxy(broker.port, refuse_5=True) as old:
        client = opened(old, "x/#")
        up(client)
        assert client.version == "3.1.1"
        old.cut()
        up(client, 2)
        other.publish(numbered(0, 10))
        assert numbers(gather(client, 10)) == list(range(10))
        client.close(1.0)
    assert old.versions == [5, 4, 4]


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


def test_a_message_that_is_too_large_does_not_stop_it(opened, broker, other):
    """In 3.1.1 the broker cannot know: its payload is skipped, counted, acknowledged."""
    client = opened(broker, "x/#", version="3.1.1", max_packet=10_000)
    up(client)
    other.publish([Publication("x/a", bytes(900_000)), Publication("x/a", b"7")])
    assert numbers(gather(client, 1)) == [7]
    assert client.counts["oversized"] == 1
    assert client.connections == 1


def test_a_publication_that_no_broker_takes_is_counted(opened, broker, other):
    """A topic with a wildcard would end the connection, again and again."""
    client = opened(broker)
    up(client)
    client.publish([Publication("a/+", b""), Publication("", b""), Publication("kad/a", b"1")])
    assert numbers(gather(other, 1)) == [1]
    until(lambda: client.published == 3)
    assert client.counts["refused"] == 2
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


def test_without_paho_the_command_is_said(broker, monkeypatch):
    """The exact command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kad-anomaly\[mqtt\]'"):
        make_client(options_of(broker, client="paho"))


def test_no_broker_at_all_is_said(opened, tmp_path):
    """Something listens there that speaks no MQTT, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        place = type("Place", (), {"host": "127.0.0.1", "port": server.getsockname()[1]})
        client = opened(place)
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
            end, _ = server.accept()
            with contextlib.closing(end):
                if answer:
                    end.sendall(answer)
            until(lambda: client.trouble and "yet" not in client.trouble)
        assert client.connections == 0
        client.close(0.0)


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
