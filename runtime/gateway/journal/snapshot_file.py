r"""A snapshot's file: parts that are written one by one, then a sealed end.

    magic `kadsnap\n`, u32 version, u32 crc32 of both
    part    `P`, u32 length of the name, u64 length of the blob, u64 sequence,
            u32 crc32 of the blob, u32 crc32 of this head and the name; name; blob
    end     `E`, u32 length of the header, u64 parts, u64 begun, u32 crc32 of the header (JSON),
            u32 crc32 of this head and of the heads' checksums of all parts; header

All little-endian, names in UTF-8. A file without its end, or with anything behind it, is none.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from runtime.gateway.journal.disk import Disk, refused

__all__ = ["Part", "UnreadableError", "encode_begin", "encode_end", "encode_part", "read_parts"]

_MAGIC = b"kadsnap\n"
_VERSION = 1
_BEGIN = struct.Struct("<8sII")
_HEAD = struct.Struct("<cIQQI")
_SUM = struct.Struct("<I")


class Part(NamedTuple):
    """What is known of one thing, such as a stream, after a record of the journal."""

    name: str
    sequence: int
    """Of the last record that it has seen."""
    blob: bytes


class UnreadableError(Exception):
    """A file that is no whole snapshot; the message says why, in words."""


def encode_begin() -> bytes:
    """Returns how a snapshot begins."""
    return _BEGIN.pack(_MAGIC, _VERSION, zlib.crc32(_MAGIC + _SUM.pack(_VERSION)))


def encode_part(part: Part, seal: int) -> tuple[bytes, int]:
    """Returns a part, and the seal over all parts up to it; the first takes 0."""
    name = part.name.encode()
    head = _HEAD.pack(b"P", len(name), len(part.blob), part.sequence, zlib.crc32(part.blob))
    checksum = _SUM.pack(zlib.crc32(name, zlib.crc32(head)))
    return b"".join((head, checksum, name, part.blob)), zlib.crc32(checksum, seal)


def encode_end(header: Mapping[str, Any], *, parts: int, begun: int, seal: int) -> bytes:
    """Returns the end of a snapshot.

    Args:
        header: For JSON, without NaN.
        parts: How many there are.
        begun: Sequence of the last record when it was begun.
        seal: Over all of them.
    """
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    head = _HEAD.pack(b"E", len(text), parts, begun, zlib.crc32(text))
    return b"".join((head, _SUM.pack(zlib.crc32(head, seal)), text))


def read_parts(disk: Disk, path: Path) -> Iterator[Part | tuple[dict[str, Any], int]]:
    """Yields each part, and at last the header with the sequence at which it was begun.

    Nothing of it may be used before the end has come.

    Raises:
        UnreadableError: It is damaged, short, of another version, or cannot be read.
    """
    try:
        size = disk.size(path)
        descriptor = disk.open_read(path)
        try:
            yield from _Reader(disk, descriptor, size).parts()
        finally:
            with suppress(OSError):
                disk.close(descriptor)
    except OSError as error:
        raise UnreadableError(refused(error)) from error


class _Reader:
    def __init__(self, disk: Disk, descriptor: int, size: int) -> None:
        self._disk, self._descriptor, self._size = disk, descriptor, size
        self._at = 0

    def parts(self) -> Iterator[Part | tuple[dict[str, Any], int]]:
        magic, version, checksum = _BEGIN.unpack(self._take(_BEGIN.size))
        if magic != _MAGIC or checksum != zlib.crc32(_MAGIC + _SUM.pack(version)):
            raise UnreadableError("another beginning")
        if version != _VERSION:
            raise UnreadableError(f"version {version}, not {_VERSION}")
        seal = count = 0
        while True:
            head, checksum = self._take(_HEAD.size), self._take(_SUM.size)
            kind, length, second, sequence, content_sum = _HEAD.unpack(head)
            if kind == b"E":
                break
            name = self._take(length)
            if kind != b"P" or _SUM.pack(zlib.crc32(name, zlib.crc32(head))) != checksum:
                raise UnreadableError(f"another checksum at byte {self._at}")
            blob = self._take(second)
            if zlib.crc32(blob) != content_sum:
                raise UnreadableError(f"another checksum in part {count + 1}")
            seal, count = zlib.crc32(checksum, seal), count + 1
            yield Part(name.decode(), sequence, blob)
        text = self._take(length)
        sealed = _SUM.pack(zlib.crc32(head, seal)) == checksum and zlib.crc32(text) == content_sum
        if not sealed or count != second or self._at != self._size:
            raise UnreadableError("another checksum at its end")
        yield json.loads(text), sequence

    def _take(self, count: int) -> bytes:
        if count > self._size - self._at:
            raise UnreadableError("it is not whole")
        content = self._disk.read(self._descriptor, count, self._at)
        self._at += len(content)
        if len(content) < count:
            raise UnreadableError("it is not whole")
        return content
