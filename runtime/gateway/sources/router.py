"""One MQTT client, several readers: each gets what its filters match, acks stay in order."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from runtime.gateway.mqtt.topics import check_filter, matches
from runtime.gateway.protocols import Client, Subscription
from runtime.gateway.samples import Message

__all__ = ["Inlet", "Router", "SubscribingClient"]

_MOST_TOPICS = 50_000
_AT_ONCE = 5_000
"""Messages that are taken from the client at a time."""


class SubscribingClient(Client, Protocol):
    """A client that can be told what to subscribe to."""

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Asks for these from now on, and gives up what is not among them."""
        ...


class Router:
    """Hands a client's messages to who asked for their topics; thread-safe.

    A message for several readers is acknowledged when each of them has done so; one for nobody, as
    a session of old times may bring, at once: it would hold up all that come behind it. The client
    sends acknowledgements in the order of arrival, so a slow reader holds back those of the others.

    Args:
        client: Whose messages; connected by who made it.
        most_waiting: Messages that may wait for one reader; then nothing is taken for any.
    """

    def __init__(self, client: SubscribingClient, *, most_waiting: int = 50_000) -> None:
        self._client = client
        self._most = most_waiting
        self._state = threading.Condition()
        self._pumping = False
        self._inlets: list[Inlet] = []
        self._ways: dict[str, tuple[Inlet, ...]] = {}
        self._shared: dict[int, int] = {}
        self.strays = 0
        """Messages that nobody had asked for: acknowledged and dropped."""

    @property
    def client(self) -> SubscribingClient:
        """Whose messages."""
        return self._client

    def inlet(self, filters: Sequence[str]) -> "Inlet":
        """Returns a reader of what matches one of these filters, and subscribes to them.

        Raises:
            ConfigError: A filter is none.
        """
        for one in filters:
            check_filter(one)
        inlet = Inlet(self, tuple(filters))
        with self._state:
            self._inlets.append(inlet)
            self._changed()
        return inlet

    def remove(self, inlet: "Inlet") -> None:
        """Forgets a reader for good: its filters are given up, and what waits for it is dropped."""
        with self._state:
            if inlet not in self._inlets:
                return
            self._inlets.remove(inlet)
            left, inlet.waiting = list(inlet.waiting), deque()
            self._changed()
        self.acknowledge(left)

    def pump(self, inlet: "Inlet", most: int, wait_s: float) -> list[Message]:
        """Returns up to `most` messages of a reader; waits for the first that comes for anybody."""
        until = time.monotonic() + wait_s
        with self._state:
            while not inlet.waiting and self._pumping:
                left = until - time.monotonic()
                if left <= 0 or not self._state.wait(left):
                    return []
            if inlet.waiting or self._full():
                return inlet.taken(most)
            self._pumping = True
        came: Sequence[Message] = ()
        try:
            came = self._client.receive(_AT_ONCE, max(0.0, until - time.monotonic()))
        finally:
            with self._state:
                strays = self._hand_out(came)
                self._pumping = False
                self._state.notify_all()
        if strays:
            self._client.ack(strays)
        with self._state:
            return inlet.taken(most)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledges messages of one reader."""
        if self._shared:
            with self._state:
                messages = [one for one in messages if self._last_of(one)]
        self._client.ack(messages)

    def _last_of(self, message: Message) -> bool:
        """Returns whether no other reader still has a message."""
        left = self._shared.get(message.token)
        if left is None:
            return True
        if left > 1:
            self._shared[message.token] = left - 1
            return False
        del self._shared[message.token]
        return True

    def _hand_out(self, messages: Sequence[Message]) -> list[Message]:
        """Puts messages where they belong, and returns those of nobody."""
        strays: list[Message] = []
        for message in messages:
            ways = self._ways.get(message.topic)
            if ways is None:
                ways = self._find(message.topic)
            for inlet in ways:
                if not inlet.closed:
                    inlet.waiting.append(message)
            if not ways:
                strays.append(message)
            elif len(ways) > 1 and message.token:
                self._shared[message.token] = len(ways)
        self.strays += len(strays)
        return strays

    def _find(self, topic: str) -> "tuple[Inlet, ...]":
        ways = tuple(
            inlet for inlet in self._inlets if any(matches(one, topic) for one in inlet.filters)
        )
        if len(self._ways) >= _MOST_TOPICS:
            self._ways.clear()
        self._ways[topic] = ways
        return ways

    def _full(self) -> bool:
        return any(len(inlet.waiting) >= self._most for inlet in self._inlets)

    def _changed(self) -> None:
        self._ways.clear()
        filters = dict.fromkeys(one for inlet in self._inlets for one in inlet.filters)
        self._client.subscribe([Subscription(one) for one in filters])


class Inlet:
    """One reader of a router.

    Args:
        router: Whose.
        filters: What it asks for.
    """

    def __init__(self, router: Router, filters: tuple[str, ...]) -> None:
        self._router = router
        self.filters = filters
        self.waiting: deque[Message] = deque()
        """What has come for it; the router's lock guards it."""
        self.closed = False

    def receive(self, most: int, wait_s: float) -> list[Message]:
        """Returns what has come, in order, at most `most`.

        It waits up to `wait_s`, and returns nothing sooner where something came for another
        reader, so that one thread can serve them in turn.
        """
        return [] if self.closed else self._router.pump(self, most, wait_s)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledges messages that it received; from any thread."""
        self._router.acknowledge(messages)

    def taken(self, most: int) -> list[Message]:
        """Takes up to `most` of what waits; the router's lock is held."""
        if len(self.waiting) <= most:
            taken = list(self.waiting)
            self.waiting.clear()
            return taken
        return [self.waiting.popleft() for _ in range(max(0, most))]

    def close(self) -> None:
        """Takes no more. What comes for it is not acknowledged: the broker keeps it."""
        self.closed = True
        self.waiting.clear()
