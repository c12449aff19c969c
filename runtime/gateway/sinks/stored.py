"""A queue of publications that lies in an outbox, of which the oldest are in memory too."""

import json
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from runtime.errors import KadError
from runtime.gateway.protocols import Publication
from runtime.gateway.sinks.documents import repeated
from runtime.gateway.sinks.tally import Tally

__all__ = ["Entry", "Outbox", "StoredQueue", "packed_together", "unpacked"]

_LENGTH = struct.Struct("<I")
_LOADED_BYTES = 8 * 2**20
_LARGEST = 2**16
"""Bytes of an entry, where none was seen yet."""


class Outbox(Protocol):
    """A durable queue of bytes: what it has taken outlives the process, and so do its numbers."""

    def put(self, entries: Sequence[bytes]) -> int:
        """Takes entries, in order, and returns the running number of the last.

        Raises:
            OSError, KadError: It took none of them.
        """
        ...

    def peek(self, most: int) -> Sequence[tuple[int, bytes]]:
        """Returns the oldest that are not acknowledged, with their numbers; at most so many."""
        ...

    def ack(self, number: int) -> None:
        """Forgets all entries up to this number."""
        ...

    @property
    def last(self) -> int:
        """Number of the newest entry."""
        ...

    @property
    def acknowledged(self) -> int:
        """All entries up to this number were forgotten, or dropped for the bound."""
        ...

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        ...

    @property
    def most_bytes(self) -> int:
        """Its bound: beyond it the oldest entries are dropped."""
        ...


class Entry(NamedTuple):
    """A publication on its way."""

    publication: Publication
    sequence: int | None
    """Of the outputs that it belongs to; None: of none."""
    number: int = 0
    """In the outbox of `queue`."""
    queue: "StoredQueue | None" = None
    """Where it lies until it has arrived; None: in memory alone."""


class StoredQueue:
    """Entries that are in an outbox until they have arrived; one thread at a time.

    What an earlier life left in it goes first, marked as a repeat: it belongs to no outputs of this
    one, for those that were not acknowledged then are made again.

    Args:
        outbox: Where they lie.
        tally: Where those are counted as done that the outbox lost.
        loaded: So many at most are in memory; the rest is read when these have gone.
    """

    def __init__(self, outbox: Outbox, tally: Tally, *, loaded: int) -> None:
        self.entries: deque[Entry] = deque()
        """The oldest, in memory; whoever takes one from here says `arrived` later."""
        self.more = bool(outbox.peek(1))
        """Whether the outbox may have some that are not in memory."""
        self.lost = 0
        """Entries that the outbox dropped for its bound, cannot read, or that are of another
        version."""
        self.trouble = ""
        """Why the outbox could not be written; empty: all is well."""
        self._outbox, self._tally, self._most_loaded = outbox, tally, loaded
        self._loaded = 0
        """Entries in memory or with the client."""
        self._last = 0
        """Number of the newest of these so far."""
        self._left = outbox.last
        """Number of the newest that an earlier life left."""
        self._runs: deque[tuple[int, int, int | None]] = deque()
        """First and last number of what is not in memory, and its sequence."""
        if self.more:
            self._runs.append((outbox.acknowledged + 1, self._left, None))
        self._delivered = 0
        """Number of the newest that has arrived, until the outbox knows."""
        self._largest = _LARGEST

    def __bool__(self) -> bool:
        """Whether there is anything to hand over."""
        return bool(self.entries) or self.more

    def put(self, publications: Sequence[Publication], sequence: int | None) -> bool:
        """Takes publications, and returns whether they are in the outbox: one write for all.

        Args:
            publications: In order, behind all others; not none.
            sequence: Of the outputs that they belong to; None: of none.
        """
        packed = [_packed(publication) for publication in publications]
        try:
            last = self._outbox.put(packed)
        except (OSError, KadError) as error:
            self.trouble = f"the outbox cannot be written: {error}"
            return False
        self.trouble = ""
        self._saw(packed)
        first = last - len(packed) + 1
        if self.more or self._loaded + len(packed) > self._most:
            self.more = True
            self._runs.append((first, last, sequence))
        else:
            for number, publication in enumerate(publications, first):
                self._take(Entry(publication, sequence, number, self))
        self._skip_to(self._outbox.acknowledged + 1)
        return True

    def load(self) -> None:
        """Reads more of the outbox, where about half of what may be in memory has arrived."""
        most = self._most
        if not self.more or self._loaded > most // 2:
            return
        self.forget()
        found = self._outbox.peek(most)
        self._saw([packed for _, packed in found])
        for number, packed in found:
            if number > self._last:
                self._read(number, packed)
        self.more = len(found) == most
        if not self.more:
            self._skip_to(None)

    def arrived(self, entry: Entry) -> None:
        """Takes note that an entry has arrived, and all before it."""
        self._delivered = entry.number
        self._loaded -= 1

    def forget(self) -> None:
        """Lets the outbox forget what has arrived."""
        if self._delivered:
            self._outbox.ack(self._delivered)
            self._delivered = 0

    @property
    def _most(self) -> int:
        return max(1, min(self._most_loaded, _LOADED_BYTES // self._largest))

    def _saw(self, packed: Sequence[bytes]) -> None:
        if packed:
            known = 0 if self._largest == _LARGEST else self._largest
            self._largest = max(known, *map(len, packed), 1)

    def _take(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._last = entry.number
        self._loaded += 1

    def _read(self, number: int, packed: bytes) -> None:
        self._skip_to(number)
        try:
            publication = _unpacked(packed)
        except (ValueError, TypeError):
            self._last = number
            self.lost += not self._is_next(number)
            self._skip_to(number + 1)
            return
        sequence = None
        if self._is_next(number):
            _, last, sequence = self._runs.popleft()
            if last > number:
                self._runs.appendleft((number + 1, last, sequence))
        if number <= self._left:
            publication = repeated(publication)
        self._take(Entry(publication, sequence, number, self))

    def _is_next(self, number: int) -> bool:
        return bool(self._runs) and self._runs[0][0] == number

    def _skip_to(self, number: int | None) -> None:
        """Counts what the outbox had to drop before this number, or at all, as done."""
        while self._runs and (number is None or self._runs[0][0] < number):
            first, last, sequence = self._runs.popleft()
            end = last if number is None else min(last, number - 1)
            if end < last:
                self._runs.appendleft((end + 1, last, sequence))
            self.lost += end - first + 1
            self._tally.done(sequence, end - first + 1)


def packed_together(publications: Iterable[Publication]) -> bytes:
    """Returns publications as bytes, for `unpacked`."""
    every = map(_packed, publications)
    return b"".join(_LENGTH.pack(len(one)) + one for one in every)


def unpacked(content: bytes) -> Iterator[Publication]:
    """Yields the publications of `packed_together`, marked as a repeat.

    Raises:
        ValueError: What follows is of another version, or damaged.
    """
    at = 0
    try:
        while at < len(content):
            (length,) = _LENGTH.unpack_from(content, at)
            at += _LENGTH.size + length
            yield repeated(_unpacked(content[at - length : at]))
    except (TypeError, struct.error) as error:
        raise ValueError(str(error)) from error


def _packed(publication: Publication) -> bytes:
    head = json.dumps([publication.topic, publication.qos, publication.retain])
    return head.encode() + b"\n" + publication.payload


def _unpacked(packed: bytes) -> Publication:
    head, _, payload = packed.partition(b"\n")
    topic, qos, retain = json.loads(head)
    return Publication(topic, payload, qos, retain)
