"""Scores that the client has not taken yet: the newest in memory, those of an outage on the disk.

While the client takes what comes, nothing is written. While it is away, and until it has taken what
was written then, memory has a few of the newest; when these are too many, all of them go to the
outbox in one write, behind what it has. Scores go out in order: the outbox first, then memory.

A client that is there but slow gets what waits in memory; whoever brings scores can see in
`fullness` that it had better wait. What comes all the same goes to the outbox too.
"""

from collections import deque
from collections.abc import Sequence

from runtime.gateway.protocols import Publication
from runtime.gateway.sinks.stored import Entry, Outbox, StoredQueue
from runtime.gateway.sinks.tally import Tally

__all__ = ["Backlog"]

_MEMORY_BYTES = 2**20
_SHARE = 8
"""A write is at most this part of the outbox; it counts as full where there is no more room."""
_OVERHEAD = 300
"""Bytes of a waiting publication beside its topic and payload, about."""


class Backlog:
    """Scores in order, the oldest of which are dropped and counted; one thread at a time.

    Args:
        tally: Where those that are dropped count as done.
        most_bytes: Of those in memory.
        outbox: Where they lie while the client is away; without it, in memory alone.
        loaded: So many of the outbox at most are in memory.
    """

    def __init__(
        self, tally: Tally, *, most_bytes: int, outbox: Outbox | None, loaded: int
    ) -> None:
        self.newest: deque[Entry] = deque()
        """Those in memory alone, behind all that are stored; say `passed` of what is taken."""
        self.stored = None if outbox is None else StoredQueue(outbox, tally, loaded=loaded)
        """Those on the disk; None: there is no outbox."""
        self._tally, self._most_bytes, self._outbox = tally, most_bytes, outbox
        self._bytes = 0
        self._dropped = 0
        self._outage = bool(self.stored)
        """Whether the client is away, or has not taken yet what was written when it was."""

    def put(self, scores: Sequence[Publication], sequence: int | None) -> None:
        """Takes scores of outputs; None: of none."""
        for one in scores:
            self.newest.append(Entry(one, sequence))
            self._bytes += _size(one)

    def passed(self, entry: Entry) -> None:
        """Takes note that one was taken from `newest`."""
        self._bytes -= _size(entry.publication)

    def bound(self, *, away: bool) -> None:
        """Writes what is too much for memory to the outbox; drops what that does not take.

        Args:
            away: Whether the client is.
        """
        stored = self.stored
        if stored is not None and self._outbox is not None:
            self._outage = away or (self._outage and bool(stored))
            part = self._outbox.most_bytes // _SHARE
            small = min(_MEMORY_BYTES, self._most_bytes, part)
            if self._bytes > (small if self._outage else self._most_bytes):
                # All of it at once; after a write that failed, only as much as shows whether it
                # would work again.
                self._write(stored, small if stored.trouble else part)
            else:
                stored.trouble = ""
        while self._bytes > self._most_bytes:
            self._drop()

    def keep(self) -> None:
        """Writes what waits in memory to the outbox: the process ends.

        Scores of numbered outputs are left: these are made again, for they were not acknowledged.
        """
        if self.stored is not None and any(entry.sequence is None for entry in self.newest):
            self._write(self.stored, self._bytes)

    @property
    def count(self) -> int:
        """Scores that wait in memory, and 1 where there are others."""
        if self.stored is None:
            return len(self.newest)
        unread = self.stored.more and not self.stored.entries
        return len(self.newest) + len(self.stored.entries) + unread

    @property
    def dropped(self) -> int:
        """Scores that were dropped, in memory and on the disk."""
        return self._dropped + (0 if self.stored is None else self.stored.lost)

    @property
    def fullness(self) -> float:
        """Share of the bound that waits: from 1 on the next scores make the oldest drop.

        What was written during an outage has the outbox's bound; what waits because the client is
        slow has that of memory, wherever it is.
        """
        waiting, most = self._bytes, self._most_bytes
        if self.stored and self._outbox is not None:
            waiting += self._outbox.bytes
            if self._outage:
                most = self._outbox.most_bytes - self._outbox.most_bytes // _SHARE
        return waiting / most

    @property
    def trouble(self) -> str:
        """Why scores of an outage are not written; empty: they are, or there is none."""
        return self.stored.trouble if self.stored is not None and self._outage else ""

    def _write(self, stored: StoredQueue, most: int) -> None:
        batch: list[Entry] = []
        size = 0
        for entry in self.newest:
            size += _size(entry.publication)
            if batch and size > most:
                size -= _size(entry.publication)
                break
            batch.append(entry)
        # All count for the first outputs of the batch: these are done when all of it has arrived,
        # and so are those behind them. A day's outage has fewer batches than outputs.
        sequence = next((e.sequence for e in batch if e.sequence is not None), None)
        self._tally.more(sequence, len(batch))
        if not stored.put([entry.publication for entry in batch], sequence):
            self._tally.done(sequence, len(batch))
            return
        for entry in batch:
            self.newest.popleft()
            self._tally.done(entry.sequence, 1)
        self._bytes -= size

    def _drop(self) -> None:
        entry = self.newest.popleft()
        self._bytes -= _size(entry.publication)
        self._dropped += 1
        self._tally.done(entry.sequence, 1)


def _size(publication: Publication) -> int:
    return len(publication.topic) + len(publication.payload) + _OVERHEAD
