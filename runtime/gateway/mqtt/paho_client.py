"""The same client over paho-mqtt, which many installations know: `pip install 'kad-anomaly[mqtt]'`.

paho's callbacks append to a queue and nothing else: an exception in one would end its loop. Its
loop runs in our thread, through its public interface for loops of others.
"""

from __future__ import annotations

import contextlib
import selectors
import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from runtime.errors import MissingExtraError
from runtime.gateway.mqtt.base import GOODBYE_S, QOS_2, BatchClient
from runtime.gateway.mqtt.decoder import Suback
from runtime.gateway.mqtt.opening import EndedError, RefusedError, UnansweredError, words
from runtime.gateway.mqtt.packets import MOST_LENGTH, PINGREQ
from runtime.gateway.mqtt.reasons import (
    FROM_3,
    refused_publication,
    why_ended,
    why_refused,
)
from runtime.gateway.samples import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.client import Client
    from paho.mqtt.properties import Properties

    from runtime.gateway.mqtt.options import BrokerOptions
    from runtime.gateway.protocols import Subscription

__all__ = ["PahoClient"]

_AT_A_TIME = 200
"""Packets that are read before what came is handed on."""
_ID_IN_USE, _SILENT = 15, 16
"""MQTT_ERR_QUEUE_SIZE and MQTT_ERR_KEEPALIVE."""
_STEP_S = 1.0
"""paho must be asked this often whether a ping is due."""


class PahoClient(BatchClient):
    """A client over paho-mqtt 2.1 or newer; see `BatchClient`.

    Raises:
        MissingExtraError: paho-mqtt is not there, or too old.
    """

    def __init__(
        self,
        options: BrokerOptions,
        *,
        subscriptions: Sequence[Subscription] = (),
        former: Sequence[str] = (),
        known: bool = False,
    ) -> None:
        _paho()
        super().__init__(options, subscriptions=subscriptions, former=former, known=known)
        self._client: Client | None = None
        self._speaks = 0
        self._there = False
        self._events: deque[tuple[str, Any]] = deque()
        self._window = options.publish_window
        self._most_bytes = MOST_LENGTH
        self._began: float | None = None
        self._answer_until = self._unread_until = self._pinged = 0.0

    @property
    def version(self) -> str:
        """The version of MQTT that is spoken now: "5" or "3.1.1"."""
        return "5" if (self._speaks or self._retry.version) == 5 else "3.1.1"

    def _lived_s(self) -> float | None:
        return None if self._began is None else time.monotonic() - self._began

    def _serve(self) -> None:
        self._began, self._unread_until = None, 0.0
        self._events.clear()
        client = self._made()
        try:
            self._connect(client)
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake.end, selectors.EVENT_READ)
                while self._step(client, selector):
                    pass
        finally:
            with self._lock:
                self._there = False
                self._owed.forget()
            sock = client.socket()
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.close()

    def _made(self) -> Client:
        """Returns paho's client for the version that is next; it keeps what it has in flight."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        version = self._retry.version
        if self._client is not None and self._speaks == version:
            return self._client
        with self._lock:
            self._outgoing.back()
            self._speaks = version
        options, five = self._options, version == 5
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            clean_session=None if five else not options.persistent,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(0)  # the window is kept here, by what CONNACK says
        client.max_queued_messages_set(0)
        client.connect_timeout = options.connect_timeout_s
        if options.tls is not None:
            client.tls_set_context(options.tls.context())
            client.tls_insecure_set(options.tls.insecure)
        if options.will is not None:
            will = options.will
            properties = _properties("WILLMESSAGE", WillDelayInterval=will.delay_s)
            client.will_set(
                will.topic, will.payload, will.qos, will.retain, properties if five else None
            )
        self._listen(client)
        self._client = client
        return client

    def _listen(self, client: Client) -> None:
        put = self._events.append
        client.on_message = lambda _c, _u, message: put(("message", message))
        client.on_publish = lambda _c, _u, mid, reason, _p: put(("arrived", (mid, reason.value)))
        client.on_connect = lambda _c, _u, flags, reason, properties: put(
            ("connack", (flags.session_present, reason.value, properties))
        )
        client.on_subscribe = lambda _c, _u, mid, reasons, _p: put(
            ("suback", Suback(mid, bytes(reason.value for reason in reasons)))
        )
        client.on_unsubscribe = lambda _c, _u, mid, _reasons, _p: put(("unsuback", mid))
        client.on_disconnect = lambda _c, _u, flags, reason, _p: put(
            ("ended", reason.value if flags.is_disconnect_packet_from_server else 0)
        )
        # With this set, who publishes in another thread does not write to the socket there.
        client.on_socket_register_write = lambda _c, _u, _s: self._wake.set()

    def _connect(self, client: Client) -> None:
        options = self._options
        secret = options.credentials()
        if secret.user is not None:
            word = None if secret.password is None else secret.password.decode()
            client.username_pw_set(secret.user, word)
        more: dict[str, Any] = {}
        if self._speaks == 5:
            more = {
                "clean_start": not options.persistent,
                "properties": _properties(
                    "CONNECT",
                    SessionExpiryInterval=options.session_expiry_s,
                    ReceiveMaximum=options.receive_maximum,
                    MaximumPacketSize=options.max_packet,
                ),
            }
        try:
            client.connect(options.host, options.port, options.keepalive_s, **more)
        except ssl.SSLCertVerificationError as error:
            raise EndedError(
                f"{options.address}: TLS: the broker's certificate is not trusted "
                f"({error.verify_message}): check ca_file, host and the clock"
            ) from None
        except (OSError, ValueError) as error:
            tls = "TLS: " if isinstance(error, ssl.SSLError) else ""
            raise EndedError(f"{options.address}: {tls}{words(error)}") from None
        self._answer_until = time.monotonic() + options.connect_timeout_s

    def _step(self, client: Client, selector: selectors.DefaultSelector) -> bool:
        """Lets paho read and write once, and does what came; returns whether it goes on."""
        sock: Any = client.socket()
        if self._ending or sock is None:
            return self._goodbye(client)
        with self._lock:
            reading = self._draining or not self._inbox.full
        pending = reading and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        events = (selectors.EVENT_READ if reading else 0) | (
            selectors.EVENT_WRITE if client.want_write() else 0
        )
        if events:
            selector.register(sock, events)
        step_s = min(_STEP_S, self._options.keepalive_s / 4)
        ready = selector.select(0.0 if pending else step_s)
        if events:
            selector.unregister(sock)
        self._wake.clear()
        can = next((mask for key, mask in ready if key.fileobj is sock), 0)
        failed = None
        if can & selectors.EVENT_READ or pending:
            failed = self._read(client)
        if not failed and client.socket() is not None and client.want_write():
            failed = client.loop_write()
        if not failed and client.socket() is not None:
            failed = self._keep_alive(client, reading=reading)
        with self._lock:
            self._handle()
        if failed or client.socket() is None:
            self._lost(failed)
        if not self._there and time.monotonic() > self._answer_until:
            raise EndedError(f"{self._options.address} does not answer")
        return True

    def _keep_alive(self, client: Client, *, reading: bool) -> Any:
        """Lets paho ping, but not while the broker's answers lie unread: it would hang up.

        Then pings go out past paho, until what lay unread has been read.
        """
        now, keepalive = time.monotonic(), self._options.keepalive_s
        if not reading:
            self._unread_until = now + keepalive / 2
        if now >= self._unread_until:
            return client.loop_misc()
        sock: Any = client.socket()
        if not client.want_write() and now >= self._pinged + keepalive / 2:
            self._pinged = now
            with contextlib.suppress(OSError):  # the next read or write says what it is
                sock.send(PINGREQ)
        return None

    def _read(self, client: Client) -> Any:
        """Reads packets while there are some, as paho reads one at a time."""
        try:
            for _ in range(_AT_A_TIME):
                before = len(self._events)
                failed = client.loop_read()
                if failed or client.socket() is None or len(self._events) == before:
                    return failed
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            # paho reads the answer of an old broker to CONNECT of MQTT 5 beyond its end.
            raise UnansweredError(
                f"{self._options.address} sent what paho-mqtt cannot read: {type(error).__name__}"
            ) from None
        return None

    def _lost(self, failed: Any) -> None:
        if not self._there:
            raise UnansweredError(
                f"{self._options.address} closed the connection, instead of answering CONNECT"
            )
        if failed is not None and int(failed) == _SILENT:
            raise EndedError(f"{self._options.address} has been silent: dead, or the way to it")
        raise EndedError(f"{self._options.address} closed the connection")

    def _goodbye(self, client: Client) -> bool:
        until = time.monotonic() + GOODBYE_S
        client.disconnect()
        while client.socket() is not None and time.monotonic() < until:
            if client.loop_write() or not client.want_write():
                break
        return False

    # With the lock held.

    def _handle(self) -> None:
        """Does what paho's callbacks have put down."""
        messages: list[Message] = []
        arrived, now = False, time.time_ns()
        try:
            while self._events:
                kind, what = self._events.popleft()
                if kind == "message":
                    self._came(what, messages, now)
                elif kind == "arrived":
                    arrived = True
                    publication = self._outgoing.arrived(what[0])
                    if what[1] >= 0x80 and publication is not None:
                        self._refuse(refused_publication(publication.topic, what[1]))
                elif kind == "connack":
                    self._begin(*what)
                elif kind == "suback":
                    self._subscribed.answered(what)
                elif kind == "unsuback":
                    self._subscribed.gone(what)
                elif kind == "ended" and what:
                    raise EndedError(why_ended(what), what)
        finally:
            if messages and not self._draining:
                self._inbox.put(messages)
        if arrived:
            self._pump()
            if not self._outgoing.waiting:
                self._lock.notify_all()

    def _came(self, message: Any, messages: list[Message], now: int) -> None:
        extra = QOS_2 if message.qos == 2 else 0
        token = self._owed.came(message.mid | extra) if message.qos else 0
        if len(message.payload) > self._options.max_packet:
            self._oversized(message.topic, len(message.payload))
            self._settle([token])
            return
        messages.append(
            Message(
                topic=message.topic,
                payload=message.payload,
                retained=bool(message.retain),
                again=bool(message.dup),
                token=token,
                arrived_ns=now,
            )
        )

    def _begin(self, session_present: bool, code: int, properties: Properties | None) -> None:  # noqa: FBT001
        if code:
            code = FROM_3.get(code, code) if code < 0x80 else code
            raise RefusedError(why_refused(code), code)
        said = vars(properties) if properties is not None else {}
        self._window = min(self._options.publish_window, said.get("ReceiveMaximum", 65_535))
        self._most_bytes = said.get("MaximumPacketSize", MOST_LENGTH)
        self._began, self._there = time.monotonic(), True
        expiry_s = said.get("SessionExpiryInterval", self._options.session_expiry_s)
        self._connected(
            session_present=session_present,
            session_expiry_s=expiry_s,
            most_qos=said.get("MaximumQoS", 1),
            retains=bool(said.get("RetainAvailable", 1)),
        )
        self._ask()
        self._pump()

    def _ask(self) -> None:
        client = self._client
        if client is None or not self._there:
            return
        for gone in self._subscribed.leaving():
            _, mid = client.unsubscribe(gone)
            if mid is not None:
                self._subscribed.left(mid, gone)
        for asked in self._subscribed.asking():
            _, mid = client.subscribe([(one, _wish(qos, self._speaks)) for one, qos in asked])
            if mid is not None:
                self._subscribed.asked(mid, asked)

    def _acknowledge(self, packet_ids: Sequence[int]) -> None:
        client = self._client
        if client is not None and self._there:
            for packet_id in packet_ids:
                client.ack(packet_id % QOS_2, 2 if packet_id >= QOS_2 else 1)

    def _pump(self) -> None:
        client, outgoing = self._client, self._outgoing
        if client is None or not self._there:
            return
        while outgoing.flying < self._window and outgoing.queued:
            publication = outgoing.take()
            if not self._may_go(publication, self._most_bytes):
                outgoing.passed(publication)
                continue
            qos = min(publication.qos, self._most_qos)
            retain = publication.retain and self._retains
            what = publication.topic, publication.payload, qos, retain
            info = client.publish(*what)
            while int(info.rc) == _ID_IN_USE:  # each attempt has the next id
                info = client.publish(*what)
            if qos:
                outgoing.sent(publication, info.mid)
            else:
                outgoing.passed(publication)


def _paho() -> None:
    """Checks that paho-mqtt is there."""
    try:
        from paho.mqtt import __version__ as version
    except ImportError:
        version = "none"
    if [int(part) for part in version.split(".")[:2] if part.isdigit()] < [2, 1]:
        raise MissingExtraError(
            f'client = "paho" needs paho-mqtt 2.1 or newer, received {version}: '
            "pip install 'kad-anomaly[mqtt]'"
        )


def _properties(kind: str, **values: int) -> Properties:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties: Properties = Properties(getattr(PacketTypes, kind))  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _wish(qos: int, version: int) -> Any:
    """Returns how to subscribe; MQTT 5: retained messages for a new subscription only."""
    if version != 5:
        return qos
    from paho.mqtt.subscribeoptions import SubscribeOptions

    return SubscribeOptions(qos=qos, retainHandling=1)
