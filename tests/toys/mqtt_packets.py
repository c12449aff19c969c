"""MQTT packets as a broker writes them."""

import struct

__all__ = ["connack", "disconnect", "length", "packet", "publish", "sent_by", "suback", "unsuback"]


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


def sent_by(cable):
    """First byte and body of all packets that went over a proxy to its broker, whole ones."""
    data, at, found = bytes(cable.to_broker), 0, []
    while at + 2 <= len(data):
        size, shift, start = 0, 0, at + 1
        while start < len(data):
            size |= (data[start] & 0x7F) << shift
            shift, start = shift + 7, start + 1
            if data[start - 1] < 0x80:
                break
        if start + size > len(data):
            break
        found.append((data[at], data[start : start + size]))
        at = start + size
    return found


def disconnect(code, text=""):
    raw = text.encode()
    items = [b"\x1f" + struct.pack(">H", len(raw)) + raw] if text else []
    return packet(0xE0, bytes([code]) + properties(items))
