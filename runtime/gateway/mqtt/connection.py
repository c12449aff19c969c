"""One connection to a broker: socket, TLS, CONNECT and its answer; bytes in and out."""

import contextlib
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from runtime.gateway.mqtt import packets
from runtime.gateway.mqtt.decoder import Connack, Decoder, Packet
from runtime.gateway.mqtt.opening import (
    EndedError,
    Opening,
    RefusedError,
    UnansweredError,
    Wake,
    words,
)
from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.mqtt.pace import Pace
from runtime.gateway.mqtt.packets import PacketError
from runtime.gateway.mqtt.reasons import FROM_3, why_refused

__all__ = ["Connection"]

_READ = 256 << 10
_SESSION_EXPIRY, _SERVER_KEEPALIVE, _REASON_TEXT, _RECEIVE_MAXIMUM = 0x11, 0x13, 0x1F, 0x21
_MAX_QOS, _RETAIN_AVAILABLE, _MAX_PACKET = 0x24, 0x25, 0x27
_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """A connection that the broker took. `read` and `send` never wait.

    Args:
        options: The broker's.
        version: 5, or 4 for 3.1.1.
        wake: Ends a wait, when `stop` may have changed.
        stop: Whether to give up.

    Raises:
        RefusedError: The broker does not take it.
        UnansweredError: It hung up instead of answering.
        EndedError: Anything else: no such host, nobody there, no TLS, no MQTT.
        ConfigError: Secrets or certificates cannot be read.
    """

    def __init__(
        self, options: BrokerOptions, *, version: int, wake: Wake, stop: Callable[[], bool]
    ) -> None:
        self._options = options
        self._wake = wake
        self._opening = Opening(options, wake, stop)
        self._selector = selectors.DefaultSelector()
        self._out = bytearray()
        self._pace = Pace()
        self._sock: socket.socket | None = None
        self._decoder = Decoder(version=version, max_packet=options.max_packet)
        self.version = version
        self.early: list[Packet] = []
        """What came in one piece with CONNACK."""
        self.last_sent = self.last_read = time.monotonic()
        credentials = options.credentials()
        context = None if options.tls is None else options.tls.context()
        try:
            self._sock = self._opening.open(context)
            self.send(
                packets.connect(
                    version=version,
                    client_id=options.client_id,
                    keepalive_s=options.keepalive_s,
                    clean=not options.persistent,
                    session_expiry_s=options.session_expiry_s,
                    receive_maximum=options.receive_maximum,
                    max_packet=options.max_packet,
                    will=options.will,
                    credentials=credentials,
                )
            )
            connack = self._answer()
        except BaseException:
            self.close()
            raise
        of = connack.properties
        self.session_present = connack.session_present
        self.window = min(options.publish_window, int(of.get(_RECEIVE_MAXIMUM, 65_535)) or 1)
        self.most_bytes = int(of.get(_MAX_PACKET, packets.MOST_LENGTH))
        self.most_qos = int(of.get(_MAX_QOS, 1))
        self.retains = of.get(_RETAIN_AVAILABLE, 1) != 0
        self.keepalive_s = int(of.get(_SERVER_KEEPALIVE, options.keepalive_s))
        """Seconds; 0: the broker does not ask for pings."""
        self.session_expiry_s = int(of.get(_SESSION_EXPIRY, options.session_expiry_s))
        """Seconds, as the broker wants it."""

    @property
    def unsent(self) -> int:
        """Bytes that the system did not take yet."""
        return len(self._out)

    @property
    def gathers_s(self) -> float:
        """How long the next read may wait so that packets gather, seconds; see `Pace`."""
        return self._pace.left_s(time.monotonic())

    def wait(self, timeout_s: float, *, reading: bool) -> None:
        """Waits until there is something to read or to write, or somebody wakes it."""
        sock = self._sock
        if reading and isinstance(sock, ssl.SSLSocket) and sock.pending():
            timeout_s = 0.0
        self._select(
            (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if self._out else 0),
            timeout_s,
        )
        self._wake.clear()

    def read(self) -> list[Packet]:
        """Returns packets that are there now, in order.

        Raises:
            EndedError: The other side hung up, or sent what is no packet.
        """
        data = self._recv()
        if data is None:
            return []
        if not data:
            raise EndedError(f"{self._options.address} closed the connection")
        self.last_read = time.monotonic()
        self._pace.was_read(len(data), self.last_read)
        try:
            return self._decoder.feed(data)
        except PacketError as error:
            raise EndedError(f"{self._options.address} sent no MQTT: {error}") from None

    def send(self, data: bytes) -> None:
        """Sends as much as the system takes now, and keeps the rest for `flush`."""
        self._out += data
        self.last_sent = time.monotonic()
        self.flush()

    def flush(self) -> None:
        """Sends what `send` kept.

        Raises:
            EndedError: The connection is gone.
        """
        while self._out and self._sock is not None:
            try:
                count = self._sock.send(self._out)
            except _AGAIN:
                return
            except OSError as error:
                raise EndedError(f"{self._options.address}: {words(error)}") from None
            del self._out[:count]

    def goodbye(self, timeout_s: float) -> None:
        """Sends what is kept and DISCONNECT, and waits that long for the system to take it."""
        until = time.monotonic() + timeout_s
        sock = self._sock
        with contextlib.suppress(EndedError, OSError):
            self.send(packets.disconnect(version=self.version))
            while self._out and (left := until - time.monotonic()) > 0:
                self._select(selectors.EVENT_WRITE, left)
                self.flush()
            if sock is not None:
                sock.shutdown(socket.SHUT_WR)
            # A socket that is closed over unread bytes takes back what it sent: read on.
            while self._recv() != b"" and (left := until - time.monotonic()) > 0:
                self._select(selectors.EVENT_READ, left)

    def close(self) -> None:
        """Closes the socket; nothing more is said."""
        self._selector.close()
        if self._sock is not None:
            self._sock.close()

    def _recv(self) -> bytes | None:
        """Returns up to 256 kB; None where nothing is there, b"" at the end."""
        sock = self._sock
        if sock is None:
            return b""
        try:
            data = sock.recv(_READ)
            if not isinstance(sock, ssl.SSLSocket):
                return data
        except _AGAIN:
            return None
        except OSError as error:
            raise EndedError(f"{self._options.address}: {words(error)}") from None
        parts, size = [data], len(data)
        while data and size < _READ:  # TLS gives 16 kB at a time
            try:
                data = sock.recv(_READ - size)
            except OSError:  # also where nothing more is there: the next read says what it is
                break
            parts.append(data)
            size += len(data)
        return b"".join(parts)

    def _answer(self) -> Connack:
        """Waits for CONNACK."""
        options, sock = self._options, self._sock
        until = time.monotonic() + options.connect_timeout_s
        while sock is not None:
            try:
                found = self.read()
            except EndedError as error:
                raise UnansweredError(f"{error}, instead of answering CONNECT") from None
            if found and not isinstance(found[0], Connack):
                raise EndedError(
                    f"{options.address} sent no CONNACK, but {type(found[0]).__name__}"
                )
            if found and isinstance(found[0], Connack):
                self.early = found[1:]
                self._check(found[0])
                return found[0]
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
            self._opening.wait_for(
                sock, events, until, f"{options.address} does not answer CONNECT"
            )
            self.flush()
        raise EndedError("closed")

    def _check(self, connack: Connack) -> None:
        code = connack.code
        if not code:
            return
        if code < 0x80:
            code = FROM_3.get(code, 0x80)
        text = str(connack.properties.get(_REASON_TEXT, ""))
        raise RefusedError(why_refused(code, text), code)

    def _select(self, events: int, timeout_s: float) -> None:
        sock = self._sock
        if sock is None:
            return
        known = self._selector.get_map()
        if self._wake.end not in known:
            self._selector.register(self._wake.end, selectors.EVENT_READ)
        if sock in known:
            if not events:
                self._selector.unregister(sock)
            elif self._selector.get_key(sock).events != events:
                self._selector.modify(sock, events)
        elif events:
            self._selector.register(sock, events)
        self._selector.select(max(0.0, timeout_s))
