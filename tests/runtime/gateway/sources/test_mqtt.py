"""Several sources over one client: who gets what, and what is acknowledged."""

import threading

import pytest

from runtime.errors import ConfigError
from runtime.gateway.mqtt.owed import Owed
from runtime.gateway.samples import Message
from runtime.gateway.sources.mqtt import MQTTSource
from runtime.gateway.sources.router import Router
from toys.clients import client_of, numbered, numbers, until, up


class FakeClient:
    """Gives what a test puts in, and remembers what was acknowledged."""

    trouble = ""

    def __init__(self):
        self.coming = []
        self.acked = []
        self.filters = []
        self.owed = Owed()

    def come(self, *topics):
        for topic in topics:
            token = self.owed.came(len(self.owed) + 1)
            self.coming.append(Message(topic=topic, payload=b"%d" % token, token=token))

    def subscribe(self, subscriptions):
        self.filters = [one.filter for one in subscriptions]

    def receive(self, most, wait_s):  # noqa: ARG002
        found, self.coming = self.coming[:most], self.coming[most:]
        return found

    def ack(self, messages):
        self.acked += self.owed.settle([one.token for one in messages])


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def router(client):
    return Router(client, most_waiting=10)


def test_each_source_gets_what_its_filters_match(client, router):
    """In order of arrival; all filters are subscribed to, once."""
    a = MQTTSource("a", router, ["a/+", "c"])
    b = MQTTSource("b", router, ["b/#", "c"])
    assert client.filters == ["a/+", "c", "b/#"]
    client.come("a/1", "b/1", "a/2", "b", "c")
    assert [one.topic for one in a.receive(10, 0.0)] == ["a/1", "a/2", "c"]
    assert [one.topic for one in b.receive(2, 0.0)] == ["b/1", "b"]
    assert [one.topic for one in b.receive(2, 0.0)] == ["c"]
    assert (a.name, a.ended, a.trouble) == ("a", False, "")


def test_what_is_acknowledged_is_a_prefix_of_all(client, router):
    """Also where one source is later than the other."""
    a, b = MQTTSource("a", router, ["a"]), MQTTSource("b", router, ["b"])
    client.come("a", "b", "a", "b")
    ours, theirs = a.receive(10, 0.0), b.receive(10, 0.0)
    a.acknowledge(ours)
    assert client.acked == [1]
    b.acknowledge(theirs[:1])
    assert client.acked == [1, 2, 3]
    b.acknowledge(theirs[1:])
    assert client.acked == [1, 2, 3, 4]


def test_a_message_for_two_is_acknowledged_by_both(client, router):
    """And only then."""
    a, b = MQTTSource("a", router, ["x/#"]), MQTTSource("b", router, ["x/1"])
    client.come("x/1", "x/2")
    ours, theirs = a.receive(10, 0.0), b.receive(10, 0.0)
    a.acknowledge(ours)
    assert client.acked == []
    b.acknowledge(theirs)
    assert client.acked == [1, 2]


def test_what_nobody_asked_for_holds_up_nothing(client, router):
    """A session of old times brings it: acknowledged, counted."""
    a = MQTTSource("a", router, ["a"])
    client.come("old", "a")
    a.acknowledge(a.receive(10, 0.0))
    assert client.acked == [1, 2]
    assert router.strays == 1


def test_a_source_that_ended_leaves_its_messages_with_the_broker(client, router):
    """And does not unsubscribe; one that is removed gives them up."""
    a, b = MQTTSource("a", router, ["a"]), MQTTSource("b", router, ["b"])
    a.close(0.0)
    client.come("b", "a", "b")
    b.acknowledge(b.receive(10, 0.0))
    assert client.acked == [1]
    assert client.filters == ["a", "b"]
    assert a.receive(10, 0.0) == []
    a.remove()
    assert client.filters == ["b"]
    client.come("a")
    assert b.receive(10, 0.0) == []
    assert router.strays == 1


def test_a_removed_source_gives_back_what_waited_for_it(client, router):
    """Its place in the order is free at once."""
    a, b = MQTTSource("a", router, ["a"]), MQTTSource("b", router, ["b"])
    client.come("a", "b")
    found = b.receive(10, 0.0)
    router.remove(a._inlet)
    b.acknowledge(found)
    assert client.acked == [1, 2]


def test_nothing_is_taken_while_too_much_waits_for_one(client, router):
    """The broker keeps it."""
    a, b = MQTTSource("a", router, ["a"]), MQTTSource("b", router, ["b"])
    client.come(*["a"] * 10)
    assert b.receive(10, 0.0) == []
    client.come("b")
    assert b.receive(10, 0.0) == []
    assert len(client.coming) == 1
    assert len(a.receive(100, 0.0)) == 10
    assert len(b.receive(10, 0.0)) == 1


def test_a_filter_that_is_none(router):
    """Said before anything is subscribed."""
    with pytest.raises(ConfigError, match="topic filter"):
        MQTTSource("a", router, ["a/#/b"])


def test_over_a_real_broker_two_threads_lose_nothing(broker):
    """Two sources and a cut-off journal: acknowledged late, and by different threads."""
    client = client_of(broker)
    router = Router(client)
    sources = [MQTTSource(name, router, [f"{name}/#"]) for name in ("a", "b")]
    found = {"a": [], "b": []}
    other = client_of(broker, client_id="other")
    try:
        up(client)
        up(other)

        def read(source):
            while len(found[source.name]) < 500:
                came = source.receive(100, 0.1)
                source.acknowledge(came)
                found[source.name] += came

        threads = [threading.Thread(target=read, args=(one,), daemon=True) for one in sources]
        for thread in threads:
            thread.start()
        for first in range(0, 500, 50):
            for name in ("a", "b"):
                other.publish(numbered(first, first + 50, f"{name}/1"))
        for thread in threads:
            thread.join(20)
        for name in ("a", "b"):
            assert numbers(found[name]) == list(range(500))
        until(lambda: len(client._owed) == 0)
    finally:
        client.close(0.0)
        other.close(0.0)
