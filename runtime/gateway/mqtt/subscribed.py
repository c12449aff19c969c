"""Which topic filters a client asks for, which it gives up, and what the broker said to them."""

from collections.abc import Sequence

from runtime.gateway.mqtt.decoder import Suback
from runtime.gateway.mqtt.reasons import refused_subscription
from runtime.gateway.mqtt.topics import check_filter
from runtime.gateway.protocols import Subscription

__all__ = ["Subscribed"]

_AT_ONCE = 100
"""Filters in a packet."""


class Subscribed:
    """The filters of a client. Not thread-safe.

    Args:
        subscriptions: What it asks for.
        former: Filters that it may have asked for in an earlier life: the session has them still.

    Raises:
        ConfigError: A filter is none.
    """

    def __init__(self, subscriptions: Sequence[Subscription], former: Sequence[str] = ()) -> None:
        self._wanted: dict[str, int] = {}
        self._leaving = dict.fromkeys(former)
        self._asked: dict[int, list[str]] = {}
        self._left: dict[int, list[str]] = {}
        self._refused: dict[str, int] = {}
        self._said: set[str] = set()
        self.change(subscriptions)

    def change(self, subscriptions: Sequence[Subscription]) -> None:
        """Asks for these from now on; what was asked for and is not among them is given up."""
        wanted: dict[str, int] = {}
        for subscription in subscriptions:
            check_filter(subscription.filter)
            # A QoS of 2 would need a store of ids: 1 brings the same messages, some of them twice.
            qos = min(subscription.qos, 1)
            wanted[subscription.filter] = max(qos, wanted.get(subscription.filter, 0))
        self._leaving.update(dict.fromkeys(self._wanted))
        # What stays as it is was said on this connection; a wish for another QoS was not.
        self._said &= {one for one, qos in wanted.items() if self._wanted.get(one) == qos}
        self._wanted = wanted
        for one in wanted:
            self._leaving.pop(one, None)
        self._refused = {one: code for one, code in self._refused.items() if one in wanted}

    def begun(self) -> None:
        """Says that the connection is new: nothing was asked for on it."""
        self._asked.clear()
        self._left.clear()
        self._refused.clear()
        self._said.clear()

    @property
    def filters(self) -> list[str]:
        """What is asked for."""
        return list(self._wanted)

    @property
    def settled(self) -> bool:
        """Whether the broker has answered to all that was asked."""
        return not self._asked and not self._left

    @property
    def trouble(self) -> str:
        """What the broker refused, in words; empty: nothing."""
        return "; ".join(refused_subscription(one, code) for one, code in self._refused.items())

    def asking(self) -> list[list[tuple[str, int]]]:
        """Returns filters and QoS that this connection was not asked for yet, a list a packet."""
        wanted = [(one, qos) for one, qos in self._wanted.items() if one not in self._said]
        return [wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE)]

    def leaving(self) -> list[list[str]]:
        """Returns filters to give up, a list a packet."""
        leaving = list(self._leaving)
        return [leaving[at : at + _AT_ONCE] for at in range(0, len(leaving), _AT_ONCE)]

    def asked(self, packet_id: int, filters: Sequence[tuple[str, int]]) -> None:
        """Says that a SUBSCRIBE went out."""
        self._asked[packet_id] = [one for one, _ in filters]
        self._said.update(self._asked[packet_id])

    def left(self, packet_id: int, filters: Sequence[str]) -> None:
        """Says that an UNSUBSCRIBE went out."""
        self._left[packet_id] = list(filters)

    def answered(self, suback: Suback) -> None:
        """Takes the broker's answer to a SUBSCRIBE."""
        for one, code in zip(self._asked.pop(suback.packet_id, ()), suback.codes, strict=False):
            if one not in self._wanted:
                continue
            self._refused.pop(one, None)
            if code >= 0x80:
                self._refused[one] = code

    def gone(self, packet_id: int) -> None:
        """Takes the broker's answer to an UNSUBSCRIBE."""
        for one in self._left.pop(packet_id, ()):
            if one not in self._wanted:
                self._leaving.pop(one, None)
