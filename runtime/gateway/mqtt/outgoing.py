"""Publications on their way to the broker: what waits, what flies, what has arrived."""

from collections import deque
from collections.abc import Callable, Sequence

from runtime.gateway.protocols import Publication

__all__ = ["Flight", "Outgoing", "Repeated"]

Repeated = Callable[[Publication], Publication]
"""Makes of a publication one that says of itself that it may have gone out before."""

_MOST_IDS = 65_535


class Flight:
    """A publication without its PUBACK."""

    __slots__ = ("done", "packet_id", "publication")

    def __init__(self, packet_id: int, publication: Publication) -> None:
        self.packet_id = packet_id
        self.publication = publication
        self.done = False


class Outgoing:
    """Publications in order, with running numbers from 1. Not thread-safe.

    Args:
        most: Publications that may be without acknowledgement.
        most_bytes: The same in bytes of topics and payloads.
        repeated: What becomes of publications whose connection is gone; None: they stay.
    """

    def __init__(self, most: int, most_bytes: int, repeated: Repeated | None = None) -> None:
        self._most = most
        self._repeated = repeated
        self._most_bytes = most_bytes
        self._bytes = 0
        self._last = 0
        self._queue: deque[Publication] = deque()
        self._flights: deque[Flight] = deque()
        self._by_id: dict[int, Flight] = {}
        self._again: deque[Flight] = deque()
        self._reserved: set[int] = set()
        self._next_id = 0

    @property
    def published(self) -> int:
        """All up to this number are acknowledged."""
        return self._last - len(self._queue) - len(self._flights)

    @property
    def waiting(self) -> int:
        """How many are not acknowledged."""
        return len(self._queue) + len(self._by_id)

    @property
    def flying(self) -> int:
        """How many went out on this connection and are not acknowledged."""
        return len(self._by_id) - len(self._again)

    @property
    def queued(self) -> bool:
        """Whether some never went out."""
        return bool(self._queue)

    def put(self, publications: Sequence[Publication]) -> int:
        """Takes publications behind all others.

        Returns:
            The running number of the last; -1 where too many wait: none was taken. Where nothing
            waits, any number is taken: it would be too many for ever.
        """
        size = sum([_size(publication) for publication in publications])
        count = len(publications)
        full = self.waiting + count > self._most or self._bytes + size > self._most_bytes
        if full and count and self.waiting:
            return -1
        self._queue.extend(publications)
        self._bytes += size
        self._last += count
        return self._last

    def take(self) -> Publication:
        """Returns the next that never went out, for `sent` or `passed`."""
        return self._queue.popleft()

    def sent(self, publication: Publication, packet_id: int) -> None:
        """Says that what was taken is on its way and will be acknowledged."""
        flight = Flight(packet_id, publication)
        self._flights.append(flight)
        self._by_id[packet_id] = flight

    def passed(self, publication: Publication) -> None:
        """Says that what was taken needs no acknowledgement: QoS 0, or it cannot be sent."""
        self._bytes -= _size(publication)
        if self._flights:  # its number is done, and those before it are not
            flight = Flight(0, publication)
            flight.done = True
            self._flights.append(flight)

    def arrived(self, packet_id: int) -> Publication | None:
        """Takes an acknowledgement; None where nothing waits for it."""
        flight = self._by_id.pop(packet_id, None)
        if flight is None:
            return None
        flight.done = True
        self._bytes -= _size(flight.publication)
        flights = self._flights
        while flights and flights[0].done:
            flights.popleft()
        return flight.publication

    def lost(self) -> None:
        """Says that the connection is gone: what flew must go out again, before all others."""
        self._again = deque(flight for flight in self._flights if not flight.done)
        if self._repeated is not None:
            for flight in self._again:
                was, flight.publication = flight.publication, self._repeated(flight.publication)
                self._bytes += _size(flight.publication) - _size(was)
        self._reserved.clear()

    def again(self) -> Flight | None:
        """Returns the next that must go out again, in order; None where there is none."""
        return self._again.popleft() if self._again else None

    def back(self) -> None:
        """Puts all from the first without acknowledgement before what waits, as if never sent."""
        for flight in reversed(self._flights):
            self._queue.appendleft(flight.publication)
            if flight.done:
                self._bytes += _size(flight.publication)
        self._flights.clear()
        self._by_id.clear()
        self._again.clear()

    def new_id(self) -> int:
        """Returns a packet id, 1 to 65535, that nothing has which waits for its answer."""
        while True:
            self._next_id = self._next_id % _MOST_IDS + 1
            if self._next_id not in self._by_id and self._next_id not in self._reserved:
                return self._next_id

    def reserve(self) -> int:
        """Returns a packet id that stays taken until `release`, or until the connection is lost."""
        packet_id = self.new_id()
        self._reserved.add(packet_id)
        return packet_id

    def release(self, packet_id: int) -> None:
        """Gives a packet id back."""
        self._reserved.discard(packet_id)


def _size(publication: Publication) -> int:
    return len(publication.topic) + len(publication.payload)
