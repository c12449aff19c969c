"""Publications on their way to an MQTT client: kept until it takes them, counted until it has them.

A client takes a batch or refuses it; what it has taken it hands over by itself, however often the
connection breaks. Here is what it has not taken yet, because it is away or has enough, in four
queues, which go out in this order:

    first     of a new connection: status, connect messages; the newest replace what still waits
    lasting   events, states, answers: never dropped; where there is an outbox, they lie in it too
    again     retained topics that a new connection gets once more, with what they have by then
    scores    bounded in bytes: the oldest are dropped, and counted; see `Backlog`
"""

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice

from runtime.gateway.protocols import Client, Publication
from runtime.gateway.sinks.backlog import Backlog
from runtime.gateway.sinks.stored import Entry, Outbox, StoredQueue, packed_together, unpacked
from runtime.gateway.sinks.tally import Tally

__all__ = ["Delivery", "Outbox"]

_BATCH = 500
_LOADED = 2_000
"""Entries of an outbox in memory; the rest is read when these have gone."""


class Delivery:
    """Hands publications to a client, and says which outputs have arrived.

    `put`, `first`, `again`, `pump` and `keep` are called by one thread, the properties by any.

    Args:
        client: The client; it may be shared.
        most_bytes: Of the scores that wait in memory; the oldest above that are dropped.
        outbox: Where what is never dropped lies until it has arrived; what it still has from an
            earlier life goes out first.
        score_outbox: Where scores lie that the client does not take, because it is away.
        window: Publications that the client has at a time, about; more than a tick has.
    """

    def __init__(
        self,
        client: Client,
        *,
        most_bytes: int = 32 * 2**20,
        outbox: Outbox | None = None,
        score_outbox: Outbox | None = None,
        window: int = 20_000,
    ) -> None:
        self._client = client
        self._window = window
        self._tally = Tally()
        self._stored = None
        self._lasting: deque[Entry] = deque()
        if outbox is not None:
            self._stored = StoredQueue(outbox, self._tally, loaded=_LOADED)
            self._lasting = self._stored.entries
        self._first: deque[Entry] = deque()
        self._first_number = 0
        self._again: deque[str] = deque()
        self._scores = Backlog(
            self._tally, most_bytes=most_bytes, outbox=score_outbox, loaded=_LOADED
        )
        self._retained: dict[str, Publication] = {}
        self._behind: deque[Entry] = deque()
        """What the outbox could not take: behind all that it has, not durable."""
        self._flight: deque[tuple[int, Entry]] = deque()
        """What the client has taken, with its running number, in order."""
        self._unread = 0
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
                self._tally.wrote(sequence, len(lasting) + len(scores))
            self._put_lasting(sequence, lasting)
            self._scores.put(scores, sequence)
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
            self._first.extend(Entry(one, None) for one in publications)

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
            for stored in (self._stored, self._scores.stored):
                if stored is not None:
                    stored.forget()
            # Who is away gets nothing: what waits here is bounded, and has an order of its own.
            if not self._client.trouble and self._offer(self._first) and not first_only:
                self._pass_on()
            self._scores.bound(away=bool(self._client.trouble))
            self._settle()

    def pending(self) -> bytes:
        """Returns what has not arrived and is nowhere on the disk, for a snapshot."""
        with self._lock:
            self._settle()
            flying = (entry for _, entry in self._flight)
            every = (*flying, *self._lasting, *self._behind, *self._scores.newest)
            return packed_together(
                entry.publication
                for entry in every
                if entry.sequence is not None and entry.queue is None
            )

    def resume(self, pending: bytes) -> None:
        """Takes what `pending` returned in an earlier life: it goes out first, and says so.

        Nothing counts as arrived before it has. To be called before `put`.
        """
        found: list[Publication] = []
        try:
            found.extend(unpacked(pending))  # those before what cannot be read stay
        except ValueError:
            self._unread += 1
        with self._lock:
            self._tally.wrote(0, len(found))
            self._scores.put(found, 0)

    def keep(self) -> None:
        """Lets the next life have the scores that nobody would make again; before the end."""
        with self._lock:
            self._scores.keep()

    @property
    def acknowledged(self) -> int:
        """All outputs up to this sequence number have arrived or were dropped."""
        with self._lock:
            self._settle()
            return self._tally.settled

    @property
    def held(self) -> int:
        """Publications that the client has not taken; of those in the outbox the loaded ones."""
        with self._lock:
            queues = (self._first, self._lasting, self._behind, self._again)
            unread = self._stored is not None and self._stored.more and not self._lasting
            return sum(len(queue) for queue in queues) + unread + self._scores.count

    @property
    def waiting(self) -> int:
        """Publications that have not arrived, here and in the client."""
        with self._lock:
            self._settle()
            return self.held + len(self._flight)

    @property
    def fullness(self) -> float:
        """Share of the bound of scores that waits: at 1 the next ones make the oldest drop."""
        with self._lock:
            return self._scores.fullness

    @property
    def first_arrived(self) -> bool:
        """Whether all that `first` took has arrived."""
        with self._lock:
            return not self._first and self._client.published >= self._first_number

    @property
    def dropped(self) -> int:
        """Scores that were dropped."""
        return self._scores.dropped

    @property
    def lost(self) -> int:
        """Entries that the outbox dropped for its bound, or that are of another version."""
        return self._unread + (0 if self._stored is None else self._stored.lost)

    @property
    def trouble(self) -> str:
        """Why things do not go out, or would not survive; empty: all is well."""
        stored = "" if self._stored is None else self._stored.trouble
        troubles = (self._client.trouble, stored, self._scores.trouble)
        return "; ".join(dict.fromkeys(one for one in troubles if one))

    def _put_lasting(self, sequence: int | None, publications: Sequence[Publication]) -> None:
        for one in publications:
            if one.retain and one.payload:
                self._retained[one.topic] = one
            elif one.retain:
                self._retained.pop(one.topic, None)
        if not publications:
            return
        if self._stored is None:
            self._lasting.extend(Entry(one, sequence) for one in publications)
        elif self._behind or not self._stored.put(publications, sequence):
            self._behind.extend(Entry(one, sequence) for one in publications)

    def _load(self) -> None:
        if self._stored is None:
            return
        self._stored.load()
        if self._behind and not self._stored.more:
            self._lasting.extend(self._behind)
            self._behind.clear()

    def _pass_on(self) -> None:
        self._load()
        while self._lasting:
            if not self._offer(self._lasting):
                return
            self._load()
        if self._offer_again() and self._offer_stored():
            self._offer(self._scores.newest)

    def _offer_stored(self) -> bool:
        """Offers scores of an outage, as many as are read at once; False: there are more."""
        stored = self._scores.stored
        if stored is None:
            return True
        stored.load()
        return self._offer(stored.entries) and not stored.more

    def _offer(self, queue: deque[Entry]) -> bool:
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
                if queue is self._scores.newest:
                    self._scores.passed(entry)
            if queue is self._first:
                self._first_number = last
        return True

    def _offer_again(self) -> bool:
        while self._again:
            topics = [self._again.popleft() for _ in range(min(_BATCH, len(self._again)))]
            now = [self._retained[topic] for topic in topics if topic in self._retained]
            queue = deque(Entry(one, None) for one in now)
            if not self._offer(queue):
                self._again.extendleft(entry.publication.topic for entry in reversed(queue))
                return False
        return True

    def _settle(self) -> None:
        published = self._client.published
        while self._flight and self._flight[0][0] <= published:
            self._arrived(self._flight.popleft()[1])

    def _arrived(self, entry: Entry) -> None:
        if entry.queue is not None:
            entry.queue.arrived(entry)
        self._tally.done(entry.sequence, 1)
