"""Our own MQTT client: one thread, batches in and out, the standard library alone."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from runtime.errors import KadError
from runtime.gateway.mqtt import packets
from runtime.gateway.mqtt.connection import Connection
from runtime.gateway.mqtt.decoder import (
    Disconnect,
    Oversized,
    Packet,
    Puback,
    Publish,
    Pubrel,
    Suback,
    Unsuback,
)
from runtime.gateway.mqtt.inbox import Inbox
from runtime.gateway.mqtt.opening import EndedError, RefusedError, UnansweredError, Wake
from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.mqtt.outgoing import Outgoing
from runtime.gateway.mqtt.owed import Owed
from runtime.gateway.mqtt.reasons import refused_publication, why_ended
from runtime.gateway.mqtt.retry import Retry
from runtime.gateway.mqtt.subscribed import Subscribed
from runtime.gateway.mqtt.topics import check_topic
from runtime.gateway.protocols import Publication, Subscription
from runtime.gateway.samples import Message

__all__ = ["OwnClient"]

_LOG = logging.getLogger(__name__)

_GOODBYE_S = 1.0
_MOST_TOPICS = 50_000
_QOS_2 = 1 << 16
"""Beside a packet id: a message of QoS 2, whose acknowledgement is a PUBREC."""


class OwnClient:
    """`protocols.Client`, without another package.

    Acknowledgements go out in the order in which messages came, whatever the order of `ack`:
    what stands behind a message without one waits. A message that was taken and whose connection
    is gone may come again.

    Args:
        options: The broker's.
        subscriptions: What it asks for.
        former: Filters that the session at the broker may have from an earlier life.

    Raises:
        ConfigError: A filter is none.
    """

    def __init__(
        self,
        options: BrokerOptions,
        *,
        subscriptions: Sequence[Subscription] = (),
        former: Sequence[str] = (),
    ) -> None:
        self._options = options
        self._lock = threading.Condition()
        self._inbox = Inbox(self._lock, options.most_unreceived, options.most_unreceived_bytes)
        self._owed = Owed()
        self._outgoing = Outgoing(options.most_waiting, options.most_waiting_bytes)
        self._subscribed = Subscribed(subscriptions, former)
        self._retry = Retry(options)
        self._wake = Wake()
        self._connection: Connection | None = None
        self._connections = 0
        self._counts = {"refused": 0, "oversized": 0}
        self._trouble = f"not connected to {options.address} yet"
        self._ping_at: float | None = None
        self._topics: dict[str, bytes] = {}
        self._draining = False
        self._ending = False
        self._thread = threading.Thread(
            target=self._run, name=f"mqtt {options.client_id}", daemon=True
        )

    def connect(self) -> None:
        """Begins to connect, and returns at once."""
        with self._lock:
            if not self._thread.is_alive() and not self._ending:
                self._thread.start()

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Asks for these from now on, and gives up what is not among them.

        Raises:
            ConfigError: A filter is none.
        """
        with self._lock:
            self._subscribed.change(subscriptions)
            self._guarded(self._subscribe)

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
        if self._thread.is_alive():
            self._thread.join(_GOODBYE_S + 1.0)
        if not self._thread.is_alive():
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
    def counts(self) -> Mapping[str, int]:
        """`refused` publications, `oversized` messages, whose payload was skipped."""
        return dict(self._counts)

    @property
    def version(self) -> str:
        """The version of MQTT that is spoken now: "5" or "3.1.1"."""
        connection = self._connection
        return "5" if (connection or self._retry).version == 5 else "3.1.1"

    # The thread.

    def _run(self) -> None:
        while not self._ending:
            try:
                pause = self._attempt()
            except Exception:  # noqa: BLE001 - whatever it is, the next attempt comes
                _LOG.exception("mqtt: %s: an error of our own", self._options.address)
                self._say("an error of our own, see the log")
                pause = self._retry.pause()
            with self._lock:
                self._lock.wait_for(lambda: self._ending, pause)

    def _attempt(self) -> float:
        """Connects, serves the connection until it ends, and returns how long to wait then."""
        try:
            connection = Connection(
                self._options,
                version=self._retry.version,
                wake=self._wake,
                stop=lambda: self._ending,
            )
        except RefusedError as error:
            if self._retry.refused(error.code):
                _LOG.info("mqtt: %s speaks no MQTT 5: 3.1.1", self._options.address)
                return 0.0
            self._say(str(error))
            return self._retry.pause()
        except UnansweredError as error:
            self._retry.unanswered()
            self._say(str(error))
            return self._retry.pause()
        except (EndedError, KadError) as error:
            self._say(str(error))
            return self._retry.pause()
        began = time.monotonic()
        try:
            self._serve(connection)
        except EndedError as error:
            text = str(error)
            if self._retry.lost(time.monotonic() - began, error.code) and not error.code:
                text += (
                    ": again and again, soon after it was taken; perhaps another client has the "
                    f"client_id {self._options.client_id!r} too"
                )
            self._say(text)
        finally:
            with self._lock:
                self._connection = None
                self._owed.forget()
                self._outgoing.lost()
            connection.close()
        return self._retry.pause()

    def _serve(self, connection: Connection) -> None:
        with self._lock:
            self._owed.forget()
            self._outgoing.lost()
            self._connection = connection
            self._connections += 1
            self._trouble = ""
            self._ping_at = None
            _LOG.info(
                "mqtt: connected to %s, MQTT %s, session %s",
                self._options.address,
                self.version,
                "kept" if connection.session_present else "new",
            )
            self._subscribe()
            self._handle(connection.early)
        while True:
            with self._lock:
                if self._ending:
                    connection.goodbye(_GOODBYE_S)
                    return
                reading = self._draining or not self._inbox.full
                timeout = self._ping(connection, reading=reading)
            connection.wait(timeout, reading=reading)
            with self._lock:
                connection.flush()
                if reading:
                    self._handle(connection.read())

    def _ping(self, connection: Connection, *, reading: bool) -> float:
        """Asks whether the broker is there when it is time; returns the time until the next step.

        Raises:
            EndedError: It did not answer.
        """
        keepalive = connection.keepalive_s
        if not keepalive:
            return 3_600.0
        now = time.monotonic()
        if not reading:  # what it says lies unread: it cannot be asked, but must hear of us
            self._ping_at = None
            if now >= connection.last_sent + 0.75 * keepalive:
                connection.send(packets.PINGREQ)
            return connection.last_sent + 0.75 * keepalive - now
        if self._ping_at is not None:
            if connection.last_read >= self._ping_at:
                self._ping_at = None
            elif now >= self._ping_at + keepalive / 2:
                raise EndedError(
                    f"{self._options.address} has been silent for "
                    f"{now - connection.last_read:.0f} s: dead, or the way to it"
                )
        due = min(connection.last_sent, connection.last_read) + 0.75 * keepalive
        if self._ping_at is None and now >= due:
            connection.send(packets.PINGREQ)
            self._ping_at = time.monotonic()
        if self._ping_at is not None:
            return self._ping_at + keepalive / 2 - now
        return due - now

    def _handle(self, found: Sequence[Packet]) -> None:
        """Takes packets of the broker; the lock is held."""
        messages: list[Message] = []
        arrived = False
        now = time.time_ns()
        try:
            for packet in found:
                if type(packet) is Publish:
                    messages.append(self._message(packet, now))
                elif type(packet) is Puback:
                    arrived = True
                    publication = self._outgoing.arrived(packet.packet_id)
                    if packet.code >= 0x80 and publication is not None:
                        self._refuse(refused_publication(publication.topic, packet.code))
                else:
                    self._other(packet)
        finally:
            if messages and not self._draining:
                self._inbox.put(messages)
        if arrived:
            self._pump()
            if not self._outgoing.waiting:
                self._lock.notify_all()

    def _message(self, packet: Publish, now: int) -> Message:
        topic, payload, qos, retain, _, packet_id = packet
        token = self._owed.came(packet_id if qos < 2 else packet_id | _QOS_2) if qos else 0
        return Message(topic=topic, payload=payload, retained=retain, token=token, arrived_ns=now)

    def _other(self, packet: Packet) -> None:
        if isinstance(packet, Suback):
            self._outgoing.release(packet.packet_id)
            self._subscribed.answered(packet)
            if self._subscribed.trouble:
                _LOG.warning("mqtt: %s", self._subscribed.trouble)
        elif isinstance(packet, Unsuback):
            self._outgoing.release(packet.packet_id)
            self._subscribed.gone(packet.packet_id)
        elif isinstance(packet, Oversized):
            self._counts["oversized"] += 1
            _LOG.warning(
                "mqtt: a message of %d bytes on %r is above max_packet: skipped",
                packet.size,
                packet.topic,
            )
            if packet.qos:
                extra = _QOS_2 if packet.qos == 2 else 0
                self._settle([self._owed.came(packet.packet_id | extra)])
        elif isinstance(packet, Pubrel):
            self._send(packets.pubcomp(packet.packet_id))
        elif isinstance(packet, Disconnect):
            raise EndedError(why_ended(packet.code, packet.text), packet.code)

    # With the lock held.

    def _subscribe(self) -> None:
        """Asks for all filters and gives up the others, on the connection that is there."""
        if self._connection is None:
            return
        version = self._connection.version
        self._subscribed.begun()
        data = b""
        for gone in self._subscribed.leaving():
            packet_id = self._outgoing.reserve()
            self._subscribed.left(packet_id, gone)
            data += packets.unsubscribe(packet_id, gone, version=version)
        for asked in self._subscribed.asking():
            packet_id = self._outgoing.reserve()
            self._subscribed.asked(packet_id, asked)
            data += packets.subscribe(packet_id, asked, version=version)
        if data:
            self._send(data)
        self._pump()

    def _settle(self, tokens: Sequence[int]) -> None:
        ids = self._owed.settle(tokens)
        if not ids:
            return
        if max(ids) < _QOS_2:
            data = packets.pubacks(ids)
        else:
            data = b"".join(
                packets.pubacks([one]) if one < _QOS_2 else packets.pubrec(one - _QOS_2)
                for one in ids
            )
        self._guarded(lambda: self._send(data))

    def _pump(self) -> None:
        """Sends what the broker's window takes: first what must go out again, then what waits."""
        connection, outgoing = self._connection, self._outgoing
        if connection is None:
            return
        parts: list[bytes] = []
        while outgoing.flying < connection.window and (flight := outgoing.again()) is not None:
            data = self._encoded(flight.publication, flight.packet_id, again=True)
            if data:
                parts.append(data)
            else:
                outgoing.arrived(flight.packet_id)
        free = connection.window - outgoing.flying
        while free > 0 and outgoing.queued:
            publication = outgoing.take()
            qos = min(publication.qos, connection.most_qos)
            packet_id = outgoing.new_id() if qos else 0
            data = self._encoded(publication, packet_id, again=False)
            if data:
                parts.append(data)
            if data and qos:
                outgoing.sent(publication, packet_id)
                free -= 1
            else:
                outgoing.passed(publication)
        if parts:
            self._send(b"".join(parts))

    def _encoded(self, publication: Publication, packet_id: int, *, again: bool) -> bytes:
        """Returns PUBLISH; empty where this broker cannot take it: counted, and said."""
        connection = self._connection
        topic = self._topics.get(publication.topic)
        if topic is None:
            try:
                check_topic(publication.topic)
            except KadError as error:
                self._refuse(str(error))
                return b""
            if len(self._topics) >= _MOST_TOPICS:
                self._topics.clear()
            topic = self._topics[publication.topic] = packets.length_and_text(publication.topic)
        if connection is None:
            return b""
        size = len(publication.payload) + len(topic) + 16
        if size > connection.most_bytes:
            self._refuse(
                f"a publication of {size} bytes on {publication.topic!r}, the broker takes "
                f"{connection.most_bytes}: send less at once, or raise its max_packet_size"
            )
            return b""
        return packets.publish(
            topic,
            publication.payload,
            version=connection.version,
            qos=1 if packet_id else 0,
            retain=publication.retain and connection.retains,
            dup=again and connection.session_present,
            packet_id=packet_id,
        )

    def _guarded(self, step: Callable[[], None]) -> None:
        """Runs a step of a caller; a connection that ends in it is the thread's to see."""
        try:
            step()
        except EndedError:
            self._wake.set()

    def _send(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.send(data)
            if self._connection.unsent:
                self._wake.set()

    def _refuse(self, text: str) -> None:
        self._counts["refused"] += 1
        _LOG.warning("mqtt: %s", text)

    def _say(self, text: str) -> None:
        with self._lock:
            if self._ending:
                text = "closed"
            elif text != self._trouble:
                _LOG.warning("mqtt: %s", text)
            self._trouble = text
