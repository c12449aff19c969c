"""MQTT clients for tests: options with short pauses, waiting for conditions, running numbers."""

import time

from runtime.gateway.mqtt.make import make_client
from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.protocols import Publication, Subscription

__all__ = ["client_of", "gather", "numbered", "numbers", "options_of", "synced", "until", "up"]

PATIENCE_S = 20.0


def options_of(broker, client_id="kad", **more):
    """Options for a toy broker or a cable to it, with short pauses."""
    return BrokerOptions(
        **{
            "host": broker.host,
            "port": broker.port,
            "client_id": client_id,
            "reconnect_s": (0.02, 0.2),
            "connect_timeout_s": 5.0,
            **more,
        }
    )


def client_of(broker, *filters, client_id="kad", will=None, former=(), known=False, **more):
    """A client that is connected, or about to be."""
    client = make_client(
        options_of(broker, client_id, **more),
        will,
        [Subscription(one) for one in filters],
        former=former,
        known=known,
    )
    client.connect()
    return client


def until(condition, patience_s=PATIENCE_S):
    """Waits until a condition holds; fails where it does not in time."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.005)


def up(client, connections=1):
    """Waits until a client is connected, so often, and the broker has answered to all."""
    until(lambda: client.connections >= connections and client.ready)


def synced(client):
    """Waits until the broker has read all that a client said before."""
    number = client.publish([Publication("sync", b"")])
    until(lambda: client.published >= number)


def numbered(first, last, topic="x/a", qos=1):
    """Publications whose payloads are running numbers."""
    return [Publication(topic, b"%d" % number, qos) for number in range(first, last)]


def numbers(messages):
    """The running numbers of messages."""
    return [int(message.payload) for message in messages]


def gather(client, enough, *, ack=True, patience_s=PATIENCE_S):
    """Messages until there are enough: a count, or a question about them."""
    end, found = time.monotonic() + patience_s, []
    done = enough if callable(enough) else lambda messages: len(messages) >= enough
    while not done(found):
        assert time.monotonic() < end, f"only {len(found)} messages came"
        came = client.receive(1_000, 0.2)
        if ack:
            client.ack(came)
        found += came
    return found
