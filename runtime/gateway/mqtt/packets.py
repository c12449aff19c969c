"""MQTT 3.1.1 and 5 packets as a client writes them; what it reads is in `decoder`.

Reference: MQTT Version 3.1.1 and MQTT Version 5.0 (OASIS, 2014 and 2019). QoS 0 and 1.
"""

import struct
from collections.abc import Iterable, Sequence

from runtime.gateway.mqtt.options import Credentials, Will

__all__ = [
    "MOST_LENGTH",
    "PINGREQ",
    "PacketError",
    "connect",
    "disconnect",
    "length_and_text",
    "pubacks",
    "pubcomp",
    "publish",
    "pubrec",
    "subscribe",
    "unsubscribe",
]

MOST_LENGTH = 268_435_455
"""What the length of a packet can say, bytes."""

PINGREQ = b"\xc0\x00"

_CLEAN, _WILL, _WILL_RETAIN, _PASSWORD, _USER = 0x02, 0x04, 0x20, 0x40, 0x80
_SESSION_EXPIRY, _WILL_DELAY, _RECEIVE_MAXIMUM, _MAX_PACKET = 0x11, 0x18, 0x21, 0x27
_FORMAT_2 = struct.Struct(">H")
_PUBACK = struct.Struct(">BBH")


class PacketError(Exception):
    """Bytes that are no packet which a broker may send here, or a packet that cannot be written."""


def connect(
    *,
    version: int,
    client_id: str,
    keepalive_s: int,
    clean: bool,
    session_expiry_s: int = 0,
    receive_maximum: int = 65_535,
    max_packet: int = 0,
    will: Will | None = None,
    credentials: Credentials | None = None,
) -> bytes:
    """Returns CONNECT.

    Args:
        version: 5, or 4 for 3.1.1.
        client_id: Under it the broker keeps the session.
        keepalive_s: Seconds.
        clean: Whether the broker forgets what it has of this client.
        session_expiry_s: Seconds; MQTT 5 only, as are the next two.
        receive_maximum: Messages before they must be acknowledged.
        max_packet: Bytes; 0: no limit said.
        will: What the broker says when the client is gone.
        credentials: User and password.
    """
    flags = _CLEAN if clean else 0
    payload = [_text(client_id)]
    if will is not None:
        flags |= _WILL | will.qos << 3 | (_WILL_RETAIN if will.retain else 0)
        if version == 5:
            payload.append(_properties(struct.pack(">BI", _WILL_DELAY, will.delay_s)))
        payload += [_text(will.topic), _binary(will.payload)]
    if credentials is not None and credentials.user is not None:
        flags |= _USER
        payload.append(_text(credentials.user))
        if credentials.password is not None:
            flags |= _PASSWORD
            payload.append(_binary(credentials.password))
    head = b"\x00\x04MQTT" + struct.pack(">BBH", version, flags, keepalive_s)
    if version == 5:
        properties = struct.pack(
            ">BIBH", _SESSION_EXPIRY, session_expiry_s, _RECEIVE_MAXIMUM, receive_maximum
        )
        if max_packet:
            properties += struct.pack(">BI", _MAX_PACKET, max_packet)
        head += _properties(properties)
    return _packet(0x10, head + b"".join(payload))


def publish(
    topic: bytes,
    payload: bytes,
    *,
    version: int,
    qos: int = 1,
    retain: bool = False,
    dup: bool = False,
    packet_id: int = 0,
) -> bytes:
    """Returns PUBLISH.

    Args:
        topic: UTF-8 with its length before it, see `length_and_text`.
        payload: Any bytes.
        version: 5, or 4 for 3.1.1.
        qos: 0 or 1.
        retain: Whether the broker keeps it for who comes later.
        dup: Whether it may have gone out before.
        packet_id: 1 to 65535; not for QoS 0.
    """
    tail = _FORMAT_2.pack(packet_id) if qos else b""
    if version == 5:
        tail += b"\x00"
    size = len(topic) + len(tail) + len(payload)
    first = 0x30 | dup << 3 | qos << 1 | retain
    if size < 128:
        return b"%c%c%b%b%b" % (first, size, topic, tail, payload)
    return b"%c%b%b%b%b" % (first, _length(size), topic, tail, payload)


def pubacks(packet_ids: Iterable[int]) -> bytes:
    """Returns a PUBACK for each packet id, one after the other, for one `send`."""
    pack = _PUBACK.pack
    return b"".join([pack(0x40, 2, packet_id) for packet_id in packet_ids])


def pubrec(packet_id: int) -> bytes:
    """Returns PUBREC: a message of QoS 2, left over from a former client's session, was taken."""
    return _PUBACK.pack(0x50, 2, packet_id)


def pubcomp(packet_id: int) -> bytes:
    """Returns PUBCOMP, the answer to PUBREL."""
    return _PUBACK.pack(0x70, 2, packet_id)


def subscribe(packet_id: int, filters: Sequence[tuple[str, int]], *, version: int) -> bytes:
    """Returns SUBSCRIBE.

    MQTT 5: retained messages come only where the session does not have the subscription yet.

    Args:
        packet_id: 1 to 65535.
        filters: Topic filters and QoS, at least one.
        version: 5, or 4 for 3.1.1.
    """
    body = _FORMAT_2.pack(packet_id) + (b"\x00" if version == 5 else b"")
    options = 0x10 if version == 5 else 0
    return _packet(0x82, body + b"".join(_text(text) + bytes([qos | options])
                                         for text, qos in filters))  # fmt: skip


def unsubscribe(packet_id: int, filters: Sequence[str], *, version: int) -> bytes:
    """Returns UNSUBSCRIBE of at least one topic filter."""
    body = _FORMAT_2.pack(packet_id) + (b"\x00" if version == 5 else b"")
    return _packet(0xA2, body + b"".join(map(_text, filters)))


def disconnect(*, version: int, code: int = 0) -> bytes:
    """Returns DISCONNECT; a code other than 0 says why, MQTT 5 only."""
    return bytes([0xE0, 1, code]) if version == 5 and code else b"\xe0\x00"


def length_and_text(text: str) -> bytes:
    """Returns a text as packets carry it: two bytes of length, then UTF-8.

    Raises:
        PacketError: It is longer than 65,535 bytes, or has a NUL or half of a surrogate pair.
    """
    return _text(text)


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _length(len(body)) + body


def _length(size: int) -> bytes:
    """Returns a variable byte integer, 1 to 4 bytes."""
    if size > MOST_LENGTH:
        raise PacketError(f"a packet has at most {MOST_LENGTH} bytes, received {size}: send less")
    out = bytearray()
    while True:
        size, byte = size >> 7, size & 0x7F
        out.append(byte | 0x80 if size else byte)
        if not size:
            return bytes(out)


def _text(text: str) -> bytes:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise PacketError("a text must be Unicode, received half of a surrogate pair") from None
    if b"\0" in encoded:
        raise PacketError("a text must not have a NUL")
    return _binary(encoded)


def _binary(data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise PacketError(f"a field has at most 65535 bytes, received {len(data)}: shorten it")
    return _FORMAT_2.pack(len(data)) + data


def _properties(body: bytes) -> bytes:
    return _length(len(body)) + body
