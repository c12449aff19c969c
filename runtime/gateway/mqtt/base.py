"""What both clients share: queues, order, a thread that connects again, and what is said of it."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from runtime.errors import KadError
from runtime.gateway.mqtt.inbox import Inbox
from runtime.gateway.mqtt.opening import EndedError, RefusedError, UnansweredError, Wake
from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.mqtt.outgoing import Outgoing, Repeated
from runtime.gateway.mqtt.owed import Owed
from runtime.gateway.mqtt.retry import Retry
from runtime.gateway.mqtt.subscribed import Subscribed
from runtime.gateway.mqtt.topics import check_topic
from runtime.gateway.protocols import Publication, Subscription
from runtime.gateway.samples import Message

__all__ = ["GOODBYE_S", "QOS_2", "BatchClient"]

_LOG = logging.getLogger("runtime.gateway.mqtt")

GOODBYE_S = 1.0
"""How long DISCONNECT may take."""
QOS_2 = 1 << 16
"""Beside a packet id: a message of QoS 2, which an earlier client's session may bring."""
_MOST_TOPICS = 50_000


class BatchClient(ABC):
    """`protocols.Client` but for what speaks to the broker.

    Acknowledgements go out in the order in which messages came, whatever the order of `ack`:
    what stands behind a message without one waits. A message that was taken and whose connection
    is gone may come again.

    Args:
        options: The broker's.
        subscriptions: What it asks for.
        former: Filters that the session at the broker may have from an earlier life.
        known: Whether the broker had a session of this client in an earlier life: it is lost where
            the first connection finds none.
        repeated: Marks what goes out again after a lost connection; None: DUP alone says it, which
            no subscriber sees.

    Raises:
        ConfigError: A filter is none.
    """

    def __init__(
        self,
        options: BrokerOptions,
        *,
        subscriptions: Sequence[Subscription] = (),
        former: Sequence[str] = (),
        known: bool = False,
        repeated: Repeated | None = None,
    ) -> None:
        self._options, self._known = options, known
        self._lock = threading.Condition()
        self._inbox = Inbox(self._lock, options.most_unreceived, options.most_unreceived_bytes)
        self._owed = Owed()
        self._outgoing = Outgoing(options.most_waiting, options.most_waiting_bytes, repeated)
        self._subscribed = Subscribed(subscriptions, former)
        self._retry = Retry(options)
        self._wake = Wake()
        self._connections = 0
        self._counts = {"refused": 0, "oversized": 0, "sessions_lost": 0}
        self._trouble = f"not connected to {options.address} yet"
        self._topics: set[str] = set()
        self._most_qos, self._retains = 1, True
        self._draining = False
        self._ending = False
        self._thread = threading.Thread(
            target=self._run, name=f"mqtt {options.client_id}", daemon=True
        )

    def connect(self) -> None:
        """Begins to connect, and returns at once."""
        with self._lock:
            if self._thread.ident is None and not self._draining:
                self._thread.start()

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Asks for these from now on, and gives up what is not among them.

        Raises:
            ConfigError: A filter is none.
        """
        with self._lock:
            self._subscribed.change(subscriptions)
            self._guarded(self._ask)

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Returns what has come, in order of arrival; waits up to `wait_s` for the first."""
        messages, again = self._inbox.take(most, wait_s)
        if again:
            self._wake.set()
        return messages

    def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledges messages; out go those before which none is left without."""
        with self._lock:
            self._settle([message.token for message in messages])

    def publish(self, publications: Sequence[Publication]) -> int:
        """Takes publications, and returns the running number of the last; never waits.

        Where too many wait already, it takes none and returns -1.
        """
        with self._lock:
            if self._draining:
                return -1
            number = self._outgoing.put(publications)
            self._guarded(self._pump)
            return number

    def close(self, timeout_s: float) -> None:
        """Waits for acknowledgements up to `timeout_s`, then says goodbye (DISCONNECT)."""
        with self._lock:
            self._draining = True
            self._wake.set()
            if self._thread.is_alive():
                self._lock.wait_for(lambda: not self._outgoing.waiting, timeout_s)
            self._ending = True
            self._inbox.close()
            self._lock.notify_all()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(GOODBYE_S + 1.0)
        if not self._thread.is_alive():
            self._trouble = "closed"
            self._wake.close()

    @property
    def published(self) -> int:
        """All publications up to this running number are acknowledged (QoS 0: sent)."""
        with self._lock:
            return self._outgoing.published

    @property
    def waiting(self) -> int:
        """Publications that are not acknowledged yet."""
        with self._lock:
            return self._outgoing.waiting

    @property
    def connections(self) -> int:
        """How often it has connected."""
        return self._connections

    @property
    def trouble(self) -> str:
        """Why it is not connected, or what the broker refuses; empty: all is well."""
        with self._lock:
            return self._trouble or self._subscribed.trouble

    @property
    def ready(self) -> bool:
        """Whether it is connected and the broker has answered to all filters."""
        with self._lock:
            return not self._trouble and self._subscribed.settled

    @property
    def counts(self) -> Mapping[str, int]:
        """How often what went wrong.

        `refused` publications; `oversized` messages, whose payload was skipped; `sessions_lost`:
        the broker forgot what it had kept for this client.
        """
        return dict(self._counts)

    @property
    def owed(self) -> int:
        """Messages of this connection without acknowledgement; at `receive_maximum` none come."""
        with self._lock:
            return len(self._owed)

    @property
    def filters(self) -> list[str]:
        """What it asks for: to be remembered, and given as `former` to who comes after it."""
        with self._lock:
            return self._subscribed.filters

    @property
    @abstractmethod
    def version(self) -> str:
        """The version of MQTT that is spoken now: "5" or "3.1.1"."""

    # The thread.

    @abstractmethod
    def _serve(self) -> None:
        """Connects, and serves the connection until it ends or `_ending`.

        Raises:
            EndedError: It ended, or did not come about, in words.
        """

    @abstractmethod
    def _lived_s(self) -> float | None:
        """Returns how long the last connection lived, seconds; None: the broker took none."""

    def _run(self) -> None:
        while not self._ending:
            try:
                self._serve()
                pause = 0.0
            except (EndedError, KadError) as error:
                pause = self._after(error)
            except Exception:  # noqa: BLE001 - whatever it was, the next attempt comes
                _LOG.exception("mqtt: %s: an error of our own", self._options.address)
                self._say("an error of our own, see the log")
                pause = self._retry.pause()
            with self._lock:
                self._lock.wait_for(lambda: self._ending, pause)

    def _after(self, error: Exception) -> float:
        """Says why a connection is not there, and returns how long to wait, seconds."""
        text, lived_s = str(error), self._lived_s()
        code = getattr(error, "code", 0)
        if isinstance(error, RefusedError) and self._retry.refused(code):
            _LOG.info("mqtt: %s speaks no MQTT 5: 3.1.1", self._options.address)
            return 0.0
        if isinstance(error, UnansweredError):
            self._retry.unanswered()
        elif lived_s is not None and self._retry.lost(lived_s, code) and not code:
            text += (
                "; again and again, soon after it was taken: perhaps another client has the "
                f"client_id {self._options.client_id!r} too"
            )
        self._say(text)
        return self._retry.pause()

    # With the lock held.

    @abstractmethod
    def _ask(self) -> None:
        """Subscribes to all filters and gives up the others, where there is a connection."""

    @abstractmethod
    def _pump(self) -> None:
        """Sends what the broker's window takes, where there is a connection."""

    @abstractmethod
    def _acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Sends acknowledgements."""

    def _settle(self, tokens: Sequence[int]) -> None:
        packet_ids = self._owed.settle(tokens)
        if packet_ids:
            self._guarded(lambda: self._acknowledge(packet_ids))

    def _connected(
        self, *, session_present: bool, session_expiry_s: int, most_qos: int, retains: bool
    ) -> None:
        """Counts a connection that the broker took, and says what it cannot do."""
        self._most_qos, self._retains = most_qos, retains
        self._connections += 1
        self._trouble = ""
        self._retry.connected()
        self._subscribed.begun()
        is_known = self._known or self._connections > 1
        if is_known and self._options.persistent and not session_present:
            self._counts["sessions_lost"] += 1
            _LOG.warning(
                "mqtt: %s has forgotten the session: messages that it kept are lost",
                self._options.address,
            )
        _LOG.info(
            "mqtt: connected to %s, MQTT %s, session %s",
            self._options.address,
            self.version,
            "kept" if session_present else "new",
        )

        if not most_qos:
            _LOG.warning(
                "mqtt: %s takes QoS 0 only: what is published may be lost", self._options.address
            )
        if not retains:
            _LOG.warning(
                "mqtt: %s keeps no retained messages: states are not there for who comes later",
                self._options.address,
            )
        if session_expiry_s < self._options.session_expiry_s:
            _LOG.warning(
                "mqtt: %s keeps the session for %d s only, session_expiry_s asks for %d",
                self._options.address,
                session_expiry_s,
                self._options.session_expiry_s,
            )

    def _guarded(self, step: Callable[[], None]) -> None:
        """Runs a step of a caller; a connection that ends in it is the thread's to see."""
        try:
            step()
        except EndedError:
            self._wake.set()

    def _may_go(self, publication: Publication, most_bytes: int) -> bool:
        """Returns whether a broker can take a publication; where not, counts and says it."""
        topic = publication.topic
        if topic not in self._topics:
            try:
                check_topic(topic)
            except KadError as error:
                self._refuse(str(error))
                return False
            if len(self._topics) >= _MOST_TOPICS:
                self._topics.clear()
            self._topics.add(topic)
        size = len(publication.payload) + 3 * len(topic) + 16
        if size > most_bytes:
            self._refuse(
                f"a publication of about {size} bytes on {topic!r}, the broker takes {most_bytes}: "
                "send less at once, or raise its max_packet_size"
            )
        return size <= most_bytes

    def _refuse(self, text: str) -> None:
        self._counts["refused"] += 1
        _LOG.warning("mqtt: %s", text)

    def _oversized(self, topic: str, size: int) -> None:
        self._counts["oversized"] += 1
        _LOG.warning("mqtt: a message of %d bytes on %r is above max_packet: skipped", size, topic)

    def _say(self, text: str) -> None:
        with self._lock:
            if text != self._trouble and not self._ending:
                _LOG.warning("mqtt: %s", text)
            self._trouble = text
