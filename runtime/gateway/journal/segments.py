r"""Segments: files of records that are only ever written at their end.

    segment   magic `kadlog\r\n`, u32 version, u32 crc32, u64 first sequence; then records
    record    u32 length, u32 crc32, u64 sequence, payload

All little-endian. A checksum covers all of its header or record but itself. A segment is named by
its first sequence and its own running number. After the disk has refused, a later segment may have
sequences of an earlier one: from its first on it counts alone, for it has what was acknowledged.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from runtime.gateway.journal.disk import Disk, refused

__all__ = [
    "HEADER_BYTES",
    "PART",
    "RECORD_BYTES",
    "Segment",
    "SegmentReader",
    "encode_header",
    "encode_record",
    "ends",
    "highest_beyond",
    "listed",
    "segment_name",
]

MAGIC = b"kadlog\r\n"
VERSION = 1
_HEADER = struct.Struct("<8sIIQ")
_HEADER_SUMMED = struct.Struct("<8sIQ")
_RECORD = struct.Struct("<IIQ")
_RECORD_SUMMED = struct.Struct("<IQ")
HEADER_BYTES = _HEADER.size
RECORD_BYTES = _RECORD.size
"""What a record takes besides its payload."""
PART = ".part"
"""Behind the name of a file that is not whole yet."""
_TRIES = 3
_CHUNK = 2**18
_MOST_SUMMED = 2**28
_NAME = re.compile(r"(\d{20})-(\d{10})\.segment")

_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class Segment:
    """A segment of a folder."""

    path: Path
    first: int
    """Sequence of its first record, by its name."""
    number: int
    """Its own: later segments have greater ones."""
    size: int
    """Bytes of it that count."""


def segment_name(first: int, number: int) -> str:
    """Returns the name of a segment's file."""
    return f"{first:020d}-{number:010d}.segment"


def ends(segments: Sequence[Segment], end: int) -> list[int]:
    """Returns for each segment the sequence from which on it does not count.

    Args:
        segments: In the order in which they were begun.
        end: One more than the last sequence.
    """
    found = []
    for segment in reversed(segments):
        found.append(end)
        end = min(end, segment.first)
    return found[::-1]


def listed(disk: Disk, folder: Path) -> list[Segment]:
    """Returns the segments in a folder, in the order in which they were begun; no other files.

    Raises:
        OSError: The folder cannot be listed; one that is missing is empty.
    """
    try:
        names = disk.names(folder)
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if matched := _NAME.fullmatch(name):
            path = folder / name
            with suppress(FileNotFoundError):
                size = disk.size(path)
                found.append(Segment(path, int(matched[1]), int(matched[2]), size))
    return sorted(found, key=lambda one: (one.number, one.first))


def encode_header(first: int) -> bytes:
    """Returns how a segment begins."""
    checksum = zlib.crc32(_HEADER_SUMMED.pack(MAGIC, VERSION, first))
    return _HEADER.pack(MAGIC, VERSION, checksum, first)


def encode_record(sequence: int, payload: bytes) -> bytes:
    """Returns a record."""
    checksum = _checksum(sequence, payload)
    return b"".join((_RECORD.pack(len(payload), checksum, sequence), payload))


class SegmentReader:
    """The records of a segment, up to its end or to the first that is short or damaged.

    Iterating never raises; `end`, `problem` and `whole` say afterwards how it ended.

    Args:
        disk: Where it lies.
        segment: Which; no more than its `size` is read.
    """

    def __init__(self, disk: Disk, segment: Segment) -> None:
        self.end = 0
        """Bytes of the header and of the records so far."""
        self.problem = ""
        """Why there were no more before the end, in words."""
        self.writable = True
        """Whether records may follow at `end`: the header is ours, and all could be read."""
        self.readable = True
        """Whether it is of this version, and the disk gave what was asked."""
        self._disk = disk
        self._segment = segment
        self._buffer, self._start = b"", 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yields the sequence and the payload of each record."""
        try:
            descriptor = _patiently(lambda: self._disk.open_read(self._segment.path))
        except OSError as error:
            self._unreadable(refused(error))
            return
        try:
            yield from self._records(descriptor)
        except OSError as error:
            self._unreadable(refused(error))
        finally:
            with suppress(OSError):
                self._disk.close(descriptor)

    def _records(self, descriptor: int) -> Iterator[tuple[int, bytes]]:
        size = self._segment.size
        head = self._take(descriptor, 0, min(HEADER_BYTES, size))
        if len(head) < HEADER_BYTES:
            self.problem, self.writable = "its header is short", False
            return
        magic, version, checksum, first = _HEADER.unpack(head)
        if checksum != zlib.crc32(_HEADER_SUMMED.pack(magic, version, first)):
            self.problem, self.writable = "its header is damaged", False
        elif (magic, version) != (MAGIC, VERSION):
            self._unreadable(f"it is of version {version}, not {VERSION}")
            return
        at = self.end = HEADER_BYTES
        while at < size:
            head = self._take(descriptor, at, min(RECORD_BYTES, size - at))
            length, checksum, sequence = _RECORD.unpack(head.ljust(RECORD_BYTES, b"\0"))
            after = at + RECORD_BYTES + length
            if len(head) < RECORD_BYTES or after > size:
                self.problem = "a record is short"
                return
            payload = self._take(descriptor, at + RECORD_BYTES, length)
            if len(payload) < length or checksum != _checksum(sequence, payload):
                self.problem = "a record is damaged"
                return
            at = self.end = after
            yield sequence, payload

    def _take(self, descriptor: int, at: int, count: int) -> bytes:
        """Returns `count` bytes from `at` on, fewer at the end of the file; reads ahead."""
        begin = at - self._start
        if begin + count > len(self._buffer):
            ahead = min(max(count, _CHUNK), self._segment.size - at)
            self._buffer = _patiently(lambda: self._disk.read(descriptor, ahead, at))
            self._start = at
            begin = 0
        return self._buffer[begin : begin + count]

    def _unreadable(self, why: str) -> None:
        self.problem, self.writable, self.readable = why, False, False


def highest_beyond(disk: Disk, segment: Segment, end: int, last: int) -> int:
    """Returns the highest sequence of a whole record behind a damaged one; `last` where none is.

    It tells a write that was torn, behind which nothing can be, from damage in the middle. What it
    finds is counted, never read: a payload may hold what looks like a record.

    Args:
        disk: Where the segment lies.
        segment: Which.
        end: Where the damage begins, in bytes.
        last: Sequence of the last record before it.

    Raises:
        OSError: It cannot be read.
    """
    descriptor = disk.open_read(segment.path)
    try:
        rest = disk.read(descriptor, segment.size - end, end)
    finally:
        with suppress(OSError):
            disk.close(descriptor)
    highest, summed = last, 0
    most = last + len(rest) // RECORD_BYTES + 1
    for shift in range(8):
        count = (len(rest) - shift) // 8
        if count <= 0:
            break
        words = np.frombuffer(rest, "<u8", count, shift)
        for place in np.flatnonzero((words > highest) & (words <= most)).tolist():
            at = shift + 8 * place - 8
            if at < 0:
                continue
            length, checksum, sequence = _RECORD.unpack_from(rest, at)
            begin = at + RECORD_BYTES
            if begin + length > len(rest) or summed > _MOST_SUMMED:
                continue
            summed += length
            if checksum == _checksum(sequence, rest[begin : begin + length]):
                highest = max(highest, sequence)
    return highest


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Asks the disk again where it refuses: what it does not give is lost, perhaps for good."""
    for _ in range(_TRIES - 1):
        with suppress(OSError):
            return ask()
    return ask()


def _checksum(sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_RECORD_SUMMED.pack(len(payload), sequence)))
