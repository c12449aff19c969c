"""Publications on their way to an MQTT client: kept until it takes them, counted until it has them.

A client takes a batch or refuses it; what it has taken it hands over by itself, however often the
connection breaks. Here is what it has not taken yet, because it is away or has enough, in four
queues, which go out in this order:

    first     of a new connection: status, connect messages; the newest replace what still waits
    lasting   events, states, answers: never dropped; where there is an outbox, they lie in it too
    again     retained topics that a new connection gets once more, with what they have by then
    scores    bounded in bytes: the oldest are dropped, and counted
"""

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from runtime.errors import KadError
from runtime.gateway.protocols import Client, Publication
from runtime.gateway.sinks.documents import repeated
from runtime.gateway.sinks.packing import joined, packed, split, unpacked

__all__ = ["Delivery", "Outbox"]

_BATCH = 500
_LOADED = 2_000
"""Entries of the outbox in memory; the rest is read when these have gone."""
_OVERHEAD = 300
"""Bytes of a waiting publication beside its topic and payload, about."""


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


class _Entry(NamedTuple):
    publication: Publication
    sequence: int | None
    """Of the outputs that it belongs to; None: of none."""
    number: int
    """In the outbox; 0: not in it."""


class Delivery:
    """Hands publications to a client, and says which outputs have arrived.

    `put`, `first`, `again` and `pump` are called by one thread, the properties by any.

    Args:
        client: The client; it may be shared.
        most_bytes: Of the scores that wait here; the oldest above that are dropped.
        outbox: Where what is never dropped lies until it has arrived; what it still has from an
            earlier life goes out first.
        window: Publications that the client has at a time, about; more than a tick has.
    """

    def __init__(
        self,
        client: Client,
        *,
        most_bytes: int = 32 * 2**20,
        outbox: Outbox | None = None,
        window: int = 20_000,
    ) -> None:
        self._client = client
        self._most_bytes = most_bytes
        self._window = window
        self._outbox = outbox
        self._first: deque[_Entry] = deque()
        self._first_number = 0
        self._lasting: deque[_Entry] = deque()
        self._again: deque[str] = deque()
        self._scores: deque[_Entry] = deque()
        self._score_bytes = 0
        self._retained: dict[str, Publication] = {}
        self._behind: deque[_Entry] = deque()
        """What the outbox could not take: behind all that it has, not durable."""
        self._trouble = ""
        self._loaded = 0
        """Entries of the outbox in `_lasting` or in flight."""
        self._last = 0
        """Number of the newest of these so far."""
        self._runs: deque[tuple[int, int, int | None]] = deque()
        """First and last number of what this life put there but did not load, and its sequence."""
        self._delivered = 0
        """Number of the newest that has arrived, until the outbox knows."""
        self._spilled = outbox is not None
        """Whether the outbox may have entries that are not loaded."""
        self._flight: deque[tuple[int, _Entry]] = deque()
        """What the client has taken, with its running number, in order."""
        self._open: dict[int, int] = {}
        """Publications of each sequence number that have not arrived; in order."""
        self._before: dict[int, int] = {}
        """Of each of these the sequence number before it: outputs may be those of many records."""
        self._written = 0
        self._settled = 0
        self._dropped = 0
        self._lost = 0
        self._lock = threading.RLock()

    def put(
        self,
        sequence: int | None,
        *,
        lasting: Sequence[Publication] = (),
        scores: Sequence[Publication] = (),
    ) -> None:
        """Takes what outputs became, also where that is nothing.

        Args:
            sequence: Of the outputs, not below the one before; None: of none.
            lasting: What is never dropped.
            scores: What may be.
        """
        with self._lock:
            if sequence is not None:
                count = len(lasting) + len(scores)
                if count:
                    self._before.setdefault(sequence, self._written)
                    self._open[sequence] = self._open.get(sequence, 0) + count
                self._written = max(self._written, sequence)
            self._put_lasting(sequence, lasting)
            for one in scores:
                self._scores.append(_Entry(one, sequence, 0))
                self._score_bytes += _size(one)
            self._settle()

    def first(self, publications: Sequence[Publication], *, afresh: bool = True) -> None:
        """Takes what goes before all else.

        Args:
            publications: They belong to no outputs, and are lost with the process.
            afresh: Whether they replace those that still wait.
        """
        with self._lock:
            if afresh:
                self._first.clear()
            self._first.extend(_Entry(one, None, 0) for one in publications)

    def again(self) -> None:
        """Publishes all retained topics once more, each with what it has when its turn comes."""
        with self._lock:
            self._again = deque(self._retained)

    def pump(self, *, first_only: bool = False) -> None:
        """Hands over what the client takes, and drops what is too much then; never waits.

        Args:
            first_only: Only what goes before all else, such as a goodbye.
        """
        with self._lock:
            self._settle()
            self._forget()
            # Who is away gets nothing: what waits here is bounded, and has an order of its own.
            if not self._client.trouble and self._offer(self._first) and not first_only:
                self._pass_on()
            while self._score_bytes > self._most_bytes:
                self._drop()
            self._settle()

    def pending(self) -> bytes:
        """Returns what has not arrived and is nowhere on the disk, for a snapshot."""
        with self._lock:
            self._settle()
            flying = (entry for _, entry in self._flight)
            every = (*flying, *self._lasting, *self._behind, *self._scores)
            return joined(
                entry.publication
                for entry in every
                if entry.sequence is not None and not entry.number
            )

    def resume(self, pending: bytes) -> None:
        """Takes what `pending` returned in an earlier life: it goes out first, and says so.

        Nothing counts as arrived before it has. To be called before `put`.
        """
        publications, is_whole = split(pending)
        entries = [_Entry(repeated(one), 0, 0) for one in publications]
        self._lost += not is_whole
        with self._lock:
            self._scores.extend(entries)
            self._score_bytes += sum(_size(entry.publication) for entry in entries)
            if entries:
                self._open[0], self._before[0] = len(entries), 0

    @property
    def acknowledged(self) -> int:
        """All outputs up to this sequence number have arrived or were dropped."""
        with self._lock:
            self._settle()
            return self._settled

    @property
    def held(self) -> int:
        """Publications that the client has not taken; of those in the outbox the loaded ones."""
        with self._lock:
            queues = (self._first, self._lasting, self._behind, self._again, self._scores)
            return sum(len(queue) for queue in queues) + (self._spilled and not self._lasting)

    @property
    def waiting(self) -> int:
        """Publications that have not arrived, here and in the client."""
        with self._lock:
            self._settle()
            return self.held + len(self._flight)

    @property
    def fullness(self) -> float:
        """Share of `most_bytes` that waits here: at 1 the next scores make the oldest drop."""
        return self._score_bytes / self._most_bytes

    @property
    def first_arrived(self) -> bool:
        """Whether all that `first` took has arrived."""
        with self._lock:
            return not self._first and self._client.published >= self._first_number

    @property
    def dropped(self) -> int:
        """Scores that were dropped."""
        return self._dropped

    @property
    def lost(self) -> int:
        """Entries that the outbox dropped for its bound, or that are of another version."""
        return self._lost

    @property
    def trouble(self) -> str:
        """Why things do not go out, or would not survive; empty: all is well."""
        return self._client.trouble or self._trouble

    def _put_lasting(self, sequence: int | None, publications: Sequence[Publication]) -> None:
        for one in publications:
            if one.retain and one.payload:
                self._retained[one.topic] = one
            elif one.retain:
                self._retained.pop(one.topic, None)
        if not publications:
            return
        entries = [_Entry(one, sequence, 0) for one in publications]
        if self._outbox is None:
            self._lasting.extend(entries)
        elif self._behind or not self._keep(self._outbox, entries, sequence):
            self._behind.extend(entries)

    def _keep(self, outbox: Outbox, entries: Sequence[_Entry], sequence: int | None) -> bool:
        """Puts entries into the outbox, and returns whether it has them."""
        try:
            last = outbox.put([packed(entry.publication) for entry in entries])
        except (OSError, KadError) as error:
            self._trouble = f"the outbox cannot be written: {error}"
            return False
        self._trouble = ""
        first = last - len(entries) + 1
        if self._spilled or self._loaded + len(entries) > _LOADED:
            self._spilled = True
            self._runs.append((first, last, sequence))
        else:
            for number, entry in enumerate(entries, first):
                self._take(entry._replace(number=number))
        return True

    def _take(self, entry: _Entry) -> None:
        """Takes an entry of the outbox into memory."""
        self._lasting.append(entry)
        self._last = entry.number
        self._loaded += 1

    def _load(self) -> None:
        """Reads more of the outbox, behind what is loaded."""
        if self._outbox is not None and self._spilled and self._loaded <= _LOADED // 2:
            self._forget()
            found = self._outbox.peek(_LOADED)
            for number, entry in found:
                if number > self._last:
                    self._read(number, entry)
            self._spilled = len(found) == _LOADED
            if not self._spilled:
                self._skip_to(None)
        if self._behind and not self._spilled:
            self._lasting.extend(self._behind)
            self._behind.clear()

    def _read(self, number: int, packed: bytes) -> None:
        self._skip_to(number)
        try:
            publication = unpacked(packed)
        except (ValueError, TypeError):
            self._last = number
            self._lost += not (self._runs and self._runs[0][0] == number)
            self._skip_to(number + 1)
            return
        # What an earlier life left belongs to no outputs of this one: where these were not
        # acknowledged then, they are made again.
        sequence = None
        if self._runs and self._runs[0][0] == number:
            _, last, sequence = self._runs.popleft()
            if last > number:
                self._runs.appendleft((number + 1, last, sequence))
        else:
            publication = repeated(publication)
        self._take(_Entry(publication, sequence, number))

    def _skip_to(self, number: int | None) -> None:
        """Counts what the outbox had to drop before this number, or at all, as done."""
        while self._runs and (number is None or self._runs[0][0] < number):
            first, last, sequence = self._runs.popleft()
            end = last if number is None else min(last, number - 1)
            if end < last:
                self._runs.appendleft((end + 1, last, sequence))
            self._lost += end - first + 1
            self._done(sequence, end - first + 1)

    def _forget(self) -> None:
        if self._outbox is not None and self._delivered:
            self._outbox.ack(self._delivered)
            self._delivered = 0

    def _pass_on(self) -> None:
        self._load()
        while self._lasting:
            if not self._offer(self._lasting):
                return
            self._load()
        if self._offer_again():
            self._offer(self._scores)

    def _offer(self, queue: deque[_Entry]) -> bool:
        """Offers a queue in batches, smaller ones where they are refused; False: some are left."""
        most = _BATCH
        while queue:
            if len(self._flight) >= self._window:
                return False
            batch = list(islice(queue, most))
            last = self._client.publish([entry.publication for entry in batch])
            if last < 0:
                if len(batch) == 1:
                    return False
                most = max(1, len(batch) // 8)
                continue
            for number, entry in enumerate(batch, last - len(batch) + 1):
                self._flight.append((number, entry))
                queue.popleft()
                if queue is self._scores:
                    self._score_bytes -= _size(entry.publication)
            if queue is self._first:
                self._first_number = last
        return True

    def _offer_again(self) -> bool:
        while self._again:
            topics = [self._again.popleft() for _ in range(min(_BATCH, len(self._again)))]
            now = [self._retained[topic] for topic in topics if topic in self._retained]
            queue = deque(_Entry(one, None, 0) for one in now)
            if not self._offer(queue):
                self._again.extendleft(entry.publication.topic for entry in reversed(queue))
                return False
        return True

    def _drop(self) -> None:
        entry = self._scores.popleft()
        self._score_bytes -= _size(entry.publication)
        self._dropped += 1
        self._arrived(entry)

    def _settle(self) -> None:
        published = self._client.published
        while self._flight and self._flight[0][0] <= published:
            self._arrived(self._flight.popleft()[1])
        first = next(iter(self._open), None)
        done = self._written if first is None else self._before[first]
        self._settled = max(self._settled, done)

    def _arrived(self, entry: _Entry) -> None:
        if entry.number:
            self._delivered = entry.number
            self._loaded -= 1
        self._done(entry.sequence, 1)

    def _done(self, sequence: int | None, count: int) -> None:
        if sequence is not None:
            left = self._open[sequence] - count
            if left:
                self._open[sequence] = left
            else:
                del self._open[sequence], self._before[sequence]


def _size(publication: Publication) -> int:
    return len(publication.topic) + len(publication.payload) + _OVERHEAD
