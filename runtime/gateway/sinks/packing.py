"""Publications as bytes, for the outbox and for snapshots."""

import json
import struct
from collections.abc import Iterable

from runtime.gateway.protocols import Publication

__all__ = ["joined", "packed", "split", "unpacked"]

_LENGTH = struct.Struct("<I")


def packed(publication: Publication) -> bytes:
    """Returns a publication as bytes: a line of JSON, then its payload."""
    head = json.dumps([publication.topic, publication.qos, publication.retain])
    return head.encode() + b"\n" + publication.payload


def unpacked(content: bytes) -> Publication:
    """Reads what `packed` returned.

    Raises:
        ValueError, TypeError: Something else.
    """
    head, _, payload = content.partition(b"\n")
    topic, qos, retain = json.loads(head)
    return Publication(topic, payload, qos, retain)


def joined(publications: Iterable[Publication]) -> bytes:
    """Returns publications as bytes, each behind its length."""
    return b"".join(_LENGTH.pack(len(one)) + one for one in map(packed, publications))


def split(content: bytes) -> tuple[list[Publication], bool]:
    """Reads what `joined` returned; returns what could be read, and whether that is all."""
    found, at = [], 0
    try:
        while at < len(content):
            (length,) = _LENGTH.unpack_from(content, at)
            at += _LENGTH.size + length
            found.append(unpacked(content[at - length : at]))
    except (ValueError, TypeError, struct.error):
        return found, False
    return found, True
