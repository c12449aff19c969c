"""MQTT 3.1.1 and 5 packets as a client reads them: bytes in pieces of any size, packets out.

Reference: MQTT Version 3.1.1 and MQTT Version 5.0 (OASIS, 2014 and 2019).
"""

from collections.abc import Mapping
from typing import NamedTuple

from runtime.gateway.mqtt.packets import PacketError

__all__ = [
    "Connack",
    "Decoder",
    "Disconnect",
    "Oversized",
    "Packet",
    "Pingresp",
    "Puback",
    "Publish",
    "Pubrel",
    "Suback",
    "Unsuback",
]


class Publish(NamedTuple):
    """A message from the broker."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int
    """0 where QoS is 0."""


class Oversized(NamedTuple):
    """A message that was larger than what is taken; its payload was skipped."""

    topic: str
    size: int
    """Of the packet, bytes."""
    qos: int
    packet_id: int


class Puback(NamedTuple):
    """The broker has a publication; from 0x80 on it refused it."""

    packet_id: int
    code: int


class Pubrel(NamedTuple):
    """The broker forgets a message of QoS 2."""

    packet_id: int


class Connack(NamedTuple):
    """The broker's answer to CONNECT."""

    session_present: bool
    code: int
    properties: Mapping[int, int | str | bytes]
    """By their identifiers; empty in 3.1.1."""


class Suback(NamedTuple):
    """A code for each filter of a SUBSCRIBE; from 0x80 on it was refused."""

    packet_id: int
    codes: bytes


class Unsuback(NamedTuple):
    """A code for each filter of an UNSUBSCRIBE; none in 3.1.1."""

    packet_id: int
    codes: bytes


class Pingresp(NamedTuple):
    """The broker is there."""


class Disconnect(NamedTuple):
    """The broker ends the connection, MQTT 5."""

    code: int
    text: str


Packet = Publish | Oversized | Puback | Pubrel | Connack | Suback | Unsuback | Pingresp | Disconnect

_REASON_TEXT = 0x1F
_SIZES = dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1)
_SIZES |= dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2)
_SIZES |= dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4)
_TEXTS = frozenset((0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F))
_BINARIES = frozenset((0x09, 0x16))
_SUBSCRIPTION, _PAIR = 0x0B, 0x26

_MOST_HEAD = 2 + 0xFFFF + 2
"""Topic and packet id of a PUBLISH, bytes."""
_MOST_TOPICS, _LONGEST_KEPT = 20_000, 256


class Decoder:
    """Cuts a stream of bytes into packets. After a `PacketError` it is of no more use.

    Args:
        version: 5, or 4 for 3.1.1: that of this connection.
        max_packet: The largest packet that is taken, bytes. Of a larger PUBLISH the payload is
            skipped; another kind that is larger is an error. It keeps no more than this.
    """

    def __init__(self, *, version: int, max_packet: int) -> None:
        self._five = version == 5
        self._most = max_packet
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 2
        self._skip = 0
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes) -> list[Packet]:
        """Returns the packets that are whole with these bytes, in order.

        Raises:
            PacketError: The bytes are no packets that a broker may send to this client.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._parts)
            self._parts = []
        try:
            return self._cut(data)
        except IndexError:
            raise PacketError("a packet ends before its fields do") from None

    def _cut(self, data: bytes) -> list[Packet]:
        packets: list[Packet] = []
        at, end, need = 0, len(data), 2
        while end - at >= 2:
            first, size, body = data[at], data[at + 1], at + 2
            if size >= 0x80:
                size, body = _long_length(data, at + 1)
                if body < 0:
                    need = end - at + 1
                    break
            stop = body + size
            if size > self._most:
                if first >> 4 != 3:
                    raise PacketError(f"a packet 0x{first:02x} of {size} bytes")
                if stop > end and end - body < _MOST_HEAD:
                    need = min(stop, body + _MOST_HEAD) - at
                    break
                packets.append(self._oversized(first, data[body : min(stop, end)], size))
                if stop > end:
                    self._skip = stop - end
                    return packets
            elif stop > end:
                need = stop - at
                break
            elif first >> 4 == 3:
                packets.append(self._publish(first, data, body, stop))
            else:
                packets.append(self._other(first, data[body:stop]))
            at = stop
        if at < end:
            self._parts, self._have, self._need = [data[at:]], end - at, need
        return packets

    def _publish(self, first: int, data: bytes, at: int, stop: int) -> Publish:
        qos = first >> 1 & 3
        topic, at, packet_id = self._head(qos, data, at, stop)
        if self._five:
            if at >= stop:
                raise PacketError("a PUBLISH ends before its properties")
            at = _properties(data, at, stop)[1] if data[at] else at + 1
        return Publish(topic, data[at:stop], qos, first & 1 == 1, first & 8 == 8, packet_id)

    def _head(self, qos: int, data: bytes, at: int, stop: int) -> tuple[str, int, int]:
        """Returns the topic of a PUBLISH, where its packet id ends, and this id."""
        if stop - at < 2:
            raise PacketError("a PUBLISH ends before its topic")
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        if at + (2 if qos else 0) > stop:
            raise PacketError("the topic of a PUBLISH is longer than the packet")
        raw = data[start:at]
        topic = self._topics.get(raw)
        if topic is None:
            topic = self._topic(raw)
        if not qos:
            return topic, at, 0
        packet_id = data[at] << 8 | data[at + 1]
        if qos == 3 or not packet_id:
            raise PacketError(f"a PUBLISH of QoS {qos} and packet id {packet_id}")
        return topic, at + 2, packet_id

    def _topic(self, raw: bytes) -> str:
        if not raw:
            raise PacketError("a PUBLISH without a topic")
        topic = _text(raw)
        if len(raw) <= _LONGEST_KEPT:
            if len(self._topics) >= _MOST_TOPICS:
                self._topics.clear()
            self._topics[raw] = topic
        return topic

    def _oversized(self, first: int, data: bytes, size: int) -> Oversized:
        qos = first >> 1 & 3
        topic, _, packet_id = self._head(qos, data, 0, len(data))
        return Oversized(topic, size, qos, packet_id)

    def _other(self, first: int, body: bytes) -> Packet:
        """Reads what is not PUBLISH."""
        if first == 0x40:
            code = self._tail(body, 2)
            return Puback(body[0] << 8 | body[1], code)
        if first == 0xD0:
            if body:
                raise PacketError("a PINGRESP with a body")
            return Pingresp()
        if first in {0x90, 0xB0}:
            return self._answered(first, body)
        if first == 0x62:
            self._tail(body, 2)
            return Pubrel(body[0] << 8 | body[1])
        if first == 0x20:
            return self._connack(body)
        if first == 0xE0 and self._five:
            return _disconnect(body)
        raise PacketError(f"a packet that begins with 0x{first:02x}, which no broker sends here")

    def _tail(self, body: bytes, size: int) -> int:
        """Checks what follows the packet id, and returns the reason code."""
        if len(body) == size:
            return 0
        if not self._five or len(body) < size:
            raise PacketError(f"a packet of {len(body)} bytes, which should have {size}")
        if len(body) > size + 1:
            _all_properties(body, size + 1)
        return body[size]

    def _answered(self, first: int, body: bytes) -> Packet:
        at = 2
        if self._five:
            at = _properties(body, at, len(body))[1]
        if len(body) < 2 or (first == 0x90 or self._five) != (len(body) > at):
            raise PacketError(f"a packet 0x{first:02x} of {len(body)} bytes")
        packet_id, codes = body[0] << 8 | body[1], body[at:]
        return Suback(packet_id, codes) if first == 0x90 else Unsuback(packet_id, codes)

    def _connack(self, body: bytes) -> Connack:
        # A broker that does not speak MQTT 5 answers in the words of 3.1.1.
        if len(body) == 2:
            return Connack(body[0] == 1, body[1], {})
        if not self._five or body[0] > 1:
            raise PacketError(f"a CONNACK of {len(body)} bytes")
        return Connack(body[0] == 1, body[1], _all_properties(body, 2))


def _disconnect(body: bytes) -> Disconnect:
    if not body:
        return Disconnect(0, "")
    properties = _all_properties(body, 1) if len(body) > 1 else {}
    return Disconnect(body[0], str(properties.get(_REASON_TEXT, "")))


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """Returns the length of more than a byte that begins at `at`, and where it ends.

    (0, -1) where more bytes are needed.
    """
    size = 0
    for place in range(4):
        if at + place >= len(data):
            return 0, -1
        byte = data[at + place]
        size |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return size, at + place + 1
    raise PacketError("a length of more than four bytes")


def _all_properties(body: bytes, at: int) -> dict[int, int | str | bytes]:
    """Reads properties that go on to the end of a packet."""
    properties, end = _properties(body, at, len(body))
    if end != len(body):
        raise PacketError("bytes after the properties of a packet")
    return properties


def _properties(data: bytes, at: int, stop: int) -> tuple[dict[int, int | str | bytes], int]:
    """Reads the properties at `at` of a packet that ends at `stop`; returns where they end.

    Of one that is there twice the last counts.
    """
    size, at = _long_length(data, at)
    if at < 0 or at + size > stop:
        raise PacketError("properties that are longer than the packet")
    stop = at + size
    found: dict[int, int | str | bytes] = {}
    while at < stop:
        key = data[at]
        at += 1
        if key in _SIZES:
            found[key] = int.from_bytes(data[at : at + _SIZES[key]], "big")
            at += _SIZES[key]
        elif key == _SUBSCRIPTION:
            found[key], at = _long_length(data, at)
            at = stop + 1 if at < 0 else at
        elif key in _TEXTS:
            raw, at = _field(data, at)
            found[key] = _text(raw) if at <= stop else ""
        elif key in _BINARIES:
            found[key], at = _field(data, at)
        elif key == _PAIR:
            _, at = _field(data, at)
            found[key], at = _field(data, at)
        else:
            raise PacketError(f"a property 0x{key:02x}, which is none")
        if at > stop:
            raise PacketError("a property that is longer than the properties")
    return found, stop


def _field(data: bytes, at: int) -> tuple[bytes, int]:
    """Returns the bytes with their length before them that begin at `at`, and where they end."""
    start = at + 2
    stop = start + int.from_bytes(data[at:start], "big")
    return data[start:stop], stop


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise PacketError("a text that is not UTF-8") from None
    if "\0" in text:
        raise PacketError("a text with a NUL")
    return text
