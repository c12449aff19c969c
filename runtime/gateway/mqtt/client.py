"""Our own MQTT client: one thread, batches in and out, the standard library alone."""

import logging
import time
from collections.abc import Sequence

from runtime.gateway.mqtt import packets
from runtime.gateway.mqtt.base import GOODBYE_S, QOS_2, BatchClient
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
from runtime.gateway.mqtt.opening import EndedError
from runtime.gateway.mqtt.reasons import refused_publication, why_ended
from runtime.gateway.protocols import Publication
from runtime.gateway.samples import Message

__all__ = ["OwnClient"]

_LOG = logging.getLogger("runtime.gateway.mqtt")

_MOST_TOPICS = 50_000
_ASK_AFTER = 0.75
"""Of the keep-alive time: then a ping goes out; half of it later the other side is dead."""


class OwnClient(BatchClient):
    """A client without another package; see `BatchClient`."""

    _connection: Connection | None = None
    _began: float | None = None
    _ping_at: float | None = None
    _encoded: dict[str, bytes]

    @property
    def version(self) -> str:
        """The version of MQTT that is spoken now: "5" or "3.1.1"."""
        connection = self._connection
        return "5" if (connection or self._retry).version == 5 else "3.1.1"

    def _lived_s(self) -> float | None:
        return None if self._began is None else time.monotonic() - self._began

    def _serve(self) -> None:
        self._began = None
        connection = Connection(
            self._options,
            version=self._retry.version,
            wake=self._wake,
            stop=lambda: self._ending,
        )
        self._began = time.monotonic()
        try:
            self._begin(connection)
            while self._step(connection):
                pass
        finally:
            with self._lock:
                self._connection = None
                self._owed.forget()
                self._outgoing.lost()
            connection.close()

    def _begin(self, connection: Connection) -> None:
        with self._lock:
            self._connection, self._ping_at, self._encoded = connection, None, {}
            self._connected(
                session_present=connection.session_present,
                session_expiry_s=connection.session_expiry_s,
                most_qos=connection.most_qos,
                retains=connection.retains,
            )
            self._ask()
            self._pump()
            self._handle(connection.early)

    def _step(self, connection: Connection) -> bool:
        """Waits for the broker and does what it says; returns whether it goes on."""
        with self._lock:
            if self._ending:
                connection.goodbye(GOODBYE_S)
                return False
            reading = self._draining or not self._inbox.full
            timeout_s = self._ping(connection, reading=reading)
            # Acknowledgements are waited for: they open the window.
            is_urgent = self._draining or self._outgoing.queued
        gathers_s = connection.gathers_s if reading and not is_urgent else 0.0
        if gathers_s > 0:
            connection.wait(min(gathers_s, timeout_s), reading=False)
        else:
            connection.wait(timeout_s, reading=reading)
        with self._lock:
            try:
                connection.flush()
            finally:  # where nothing goes out any more, its last words say why
                if reading:
                    self._handle(connection.read())
        return True

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
            if now >= connection.last_sent + _ASK_AFTER * keepalive:
                connection.send(packets.PINGREQ)
            return connection.last_sent + _ASK_AFTER * keepalive - now
        if self._ping_at is not None:
            if connection.last_read >= self._ping_at:
                self._ping_at = None
            elif now >= self._ping_at + keepalive / 2:
                raise EndedError(
                    f"{self._options.address} has been silent for "
                    f"{now - connection.last_read:.0f} s: dead, or the way to it"
                )
        due = min(connection.last_sent, connection.last_read) + _ASK_AFTER * keepalive
        if self._ping_at is None and now >= due:
            connection.send(packets.PINGREQ)
            self._ping_at = time.monotonic()
        return (due if self._ping_at is None else self._ping_at + keepalive / 2) - now

    # With the lock held.

    def _handle(self, found: Sequence[Packet]) -> None:
        """Takes packets of the broker."""
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
        topic, payload, qos, retain, dup, packet_id = packet
        token = self._owed.came(packet_id if qos < 2 else packet_id | QOS_2) if qos else 0
        return Message(
            topic=topic, payload=payload, retained=retain, again=dup, token=token, arrived_ns=now
        )

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
            self._oversized(packet.topic, packet.size)
            if packet.qos:
                extra = QOS_2 if packet.qos == 2 else 0
                self._settle([self._owed.came(packet.packet_id | extra)])
        elif isinstance(packet, Pubrel):
            self._send(packets.pubcomp(packet.packet_id))
        elif isinstance(packet, Disconnect):
            raise EndedError(why_ended(packet.code, packet.text), packet.code)

    def _ask(self) -> None:
        if self._connection is None:
            return
        version = self._connection.version
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

    def _acknowledge(self, packet_ids: Sequence[int]) -> None:
        if max(packet_ids) < QOS_2:
            self._send(packets.pubacks(packet_ids))
            return
        for one in packet_ids:  # the spec wants them in order of arrival within each kind
            self._send(packets.pubrec(one - QOS_2) if one >= QOS_2 else packets.pubacks([one]))

    def _pump(self) -> None:
        connection, outgoing = self._connection, self._outgoing
        if connection is None:
            return
        parts: list[bytes] = []
        while outgoing.flying < connection.window and (flight := outgoing.again()) is not None:
            data = self._packet(connection, flight.publication, flight.packet_id, again=True)
            if data:
                parts.append(data)
            else:
                outgoing.arrived(flight.packet_id)
        free = connection.window - outgoing.flying
        while free > 0 and outgoing.queued:
            publication = outgoing.take()
            packet_id = outgoing.new_id() if publication.qos and self._most_qos else 0
            data = self._packet(connection, publication, packet_id, again=False)
            if data:
                parts.append(data)
            if data and packet_id:
                outgoing.sent(publication, packet_id)
                free -= 1
            else:
                outgoing.passed(publication)
        if parts:
            self._send(b"".join(parts))

    def _packet(
        self, connection: Connection, publication: Publication, packet_id: int, *, again: bool
    ) -> bytes:
        """Returns PUBLISH; empty where this broker cannot take it."""
        if not self._may_go(publication, connection.most_bytes):
            return b""
        topic = self._encoded.get(publication.topic)
        if topic is None:
            if len(self._encoded) >= _MOST_TOPICS:
                self._encoded.clear()
            topic = packets.length_and_text(publication.topic)
            self._encoded[publication.topic] = topic
        return packets.publish(
            topic,
            publication.payload,
            version=connection.version,
            qos=1 if packet_id else 0,
            retain=publication.retain and self._retains,
            dup=again and connection.session_present,
            packet_id=packet_id,
        )

    def _send(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.send(data)
            if self._connection.unsent:
                self._wake.set()
