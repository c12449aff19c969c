"""Which client speaks to a broker."""

from collections.abc import Sequence
from dataclasses import replace

from runtime.gateway.mqtt.base import BatchClient
from runtime.gateway.mqtt.options import BrokerOptions, Will
from runtime.gateway.mqtt.outgoing import Repeated
from runtime.gateway.protocols import Subscription

__all__ = ["make_client"]


def make_client(
    options: BrokerOptions,
    will: Will | None = None,
    subscriptions: Sequence[Subscription] = (),
    *,
    former: Sequence[str] = (),
    known: bool = False,
    repeated: Repeated | None = None,
) -> BatchClient:
    """Returns a client that is not connected yet.

    Args:
        options: The broker's; `options.client` says which client.
        will: In place of that of the options.
        subscriptions: What it asks for at each connect.
        former: Filters that an earlier life asked for, and that are given up unless they are
            among `subscriptions`: the session at the broker has them still.
        known: Whether the broker had a session of this client in an earlier life.
        repeated: Marks what goes out again after a lost connection; paho's client keeps it as it
            was.

    Raises:
        ConfigError: A filter is none.
        MissingExtraError: `client = "paho"` without paho-mqtt.
    """
    if will is not None:
        options = replace(options, will=will)
    if options.client == "own":
        from runtime.gateway.mqtt.client import OwnClient

        return OwnClient(
            options, subscriptions=subscriptions, former=former, known=known, repeated=repeated
        )
    from runtime.gateway.mqtt.paho_client import PahoClient

    return PahoClient(options, subscriptions=subscriptions, former=former, known=known)
