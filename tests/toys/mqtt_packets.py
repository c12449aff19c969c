"""MQTT packets as a broker writes them."""

import struct

__all__ = ["connack", "disconnect", "length", "packet", "publish", "suback", "unsuback"]


def length(size):
    """A variable byte integer."""
    out = bytearray()
    while True:
        size, byte = size >> 7, size & 0x7F
        out.append(byte | 0x80 if size else byte)
        if not size:
            return bytes(out)


def packet(first, body):
    return bytes([first]) + length(len(body)) + body


def properties(items):
    """Properties that are already encoded, with their length."""
    body = b"".join(items)
    return length(len(body)) + body


def publish(topic, payload, qos, *, retain=False, dup=False, packet_id=1, version=5, items=()):
    raw = topic.encode()
    body = struct.pack(">H", len(raw)) + raw
    if qos:
        body += struct.pack(">H", packet_id)
    if version == 5:
        body += properties(items)
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + payload)


def connack(code=0, *, session=False, version=5, items=()):
    return packet(0x20, bytes([session, code]) + (properties(items) if version == 5 else b""))


def suback(packet_id, codes, *, version=5):
    middle = b"\0" if version == 5 else b""
    return packet(0x90, struct.pack(">H", packet_id) + middle + bytes(codes))


def unsuback(packet_id, codes, *, version=5):
    if version != 5:
        return packet(0xB0, struct.pack(">H", packet_id))
    return packet(0xB0, struct.pack(">H", packet_id) + b"\0" + bytes(codes))


def disconnect(code, text=""):
    raw = text.encode()
    items = [b"\x1f" + struct.pack(">H", len(raw)) + raw] if text else []
    return packet(0xE0, bytes([code]) + properties(items))
