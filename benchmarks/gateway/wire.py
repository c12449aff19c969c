"""MQTT 3.1.1 by hand, for a publisher and a watcher that cost next to nothing.

It shares only the writing of packets with the gateway: what comes back is read here.
"""

import contextlib
import select
import socket
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.gateway.broker import HOST
from runtime.gateway.mqtt import packets

__all__ = ["Arrived", "Wire"]

_PUBACK, _PUBLISH, _CHUNK = 0x40, 0x30, 1 << 18
_DUP, _QOS = 0x08, 0x06


class Arrived(NamedTuple):
    """A message that the broker brought."""

    topic: bytes
    payload: bytes
    again: bool
    """It says that it may have come before (DUP)."""


class Wire:
    """One connection to a broker.

    Args:
        port: On the loopback.
        client_id: Whose session.
        clean: Whether the broker forgets what it had of this client.

    Raises:
        OSError: There is no broker, or it refuses.
    """

    def __init__(self, port: int, client_id: str, *, clean: bool) -> None:
        self.socket = socket.create_connection((HOST, port), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.acknowledged = 0
        """Publications that the broker has acknowledged, in order, on this connection."""
        self._rest = b""
        self.socket.sendall(
            packets.connect(version=4, client_id=client_id, keepalive_s=600, clean=clean)
        )
        answer = self.socket.recv(4)
        if len(answer) < 4 or answer[3]:
            raise OSError(f"the broker refuses: {answer!r}")
        self.socket.settimeout(20)

    def subscribe(self, filters: Sequence[str], *, qos: int = 1) -> None:
        """Subscribes; the answer is passed over by `arrived`."""
        self.socket.sendall(packets.subscribe(1, [(one, qos) for one in filters], version=4))

    def arrived(self, wait_s: float) -> list[Arrived]:
        """Returns what came, acknowledged; waits up to `wait_s` for something.

        Raises:
            OSError: The connection is gone.
        """
        if not select.select([self.socket], [], [], wait_s)[0]:
            return []
        data = self.socket.recv(_CHUNK)
        if not data:
            raise OSError("the broker has closed the connection")
        data = self._rest + data
        found: list[Arrived] = []
        answers: list[int] = []
        at, size = 0, len(data)
        while (packet := _packet(data, at, size)) is not None:
            first, begin, at = packet
            kind = first & 0xF0
            if kind == _PUBACK:
                self.acknowledged += 1
            elif kind == _PUBLISH:
                end = begin + 2 + (data[begin] << 8 | data[begin + 1])
                topic = data[begin + 2 : end]
                if first & _QOS:
                    answers.append(data[end] << 8 | data[end + 1])
                    end += 2
                found.append(Arrived(topic, data[end:at], bool(first & _DUP)))
        self._rest = data[at:]
        if answers:
            self.socket.sendall(packets.pubacks(answers))
        return found

    def close(self) -> None:
        """Says goodbye."""
        with contextlib.suppress(OSError):
            self.socket.sendall(packets.disconnect(version=4))
        self.socket.close()


def _packet(data: bytes, at: int, size: int) -> tuple[int, int, int] | None:
    """Returns the first byte of the packet at `at`, where its body begins, and where it ends."""
    length, shift, begin = 0, 0, at + 1
    while begin < size:
        byte = data[begin]
        length |= (byte & 0x7F) << shift
        begin, shift = begin + 1, shift + 7
        if not byte & 0x80:
            return (data[at], begin, begin + length) if begin + length <= size else None
    return None
