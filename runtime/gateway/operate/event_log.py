"""Events that go on, and those that ended lately, for the page."""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable

from runtime.gateway.outputs import EventNotice

__all__ = ["EventLog"]


class EventLog:
    """The newest notice of each open event, and the last that ended. Thread-safe.

    Args:
        most_open: How many open events are kept; beyond it the oldest is forgotten, and counted.
        most_ended: How many ended events are kept, of all streams.
    """

    def __init__(self, *, most_open: int = 20_000, most_ended: int = 500) -> None:
        self._lock = threading.Lock()
        self._most_open = most_open
        self._open: OrderedDict[str, EventNotice] = OrderedDict()
        self._ended: deque[EventNotice] = deque(maxlen=most_ended)
        self.forgotten = 0
        """Open events that there was no room for."""

    def add(self, notices: Iterable[EventNotice]) -> None:
        """Takes notices in their order; one that came before changes nothing."""
        with self._lock:
            for notice in notices:
                if notice.phase != "end":
                    self._open[notice.id] = notice
                    if len(self._open) > self._most_open:
                        self._open.popitem(last=False)
                        self.forgotten += 1
                    continue
                self._open.pop(notice.id, None)
                if all(notice.id != ended.id for ended in self._ended):
                    self._ended.append(notice)

    def forget(self, stream: str) -> None:
        """Forgets the open events of a stream that is gone for good."""
        with self._lock:
            for key in [key for key, notice in self._open.items() if notice.stream == stream]:
                del self._open[key]

    def open(self) -> list[EventNotice]:
        """Returns the events that go on, the one that began first at the front."""
        with self._lock:
            return sorted(self._open.values(), key=lambda notice: (notice.start_ns, notice.id))

    def ended(self, stream: str | None = None) -> list[EventNotice]:
        """Returns events that ended, the last at the front; of one stream, or of all."""
        with self._lock:
            return [n for n in reversed(self._ended) if stream is None or n.stream == stream]
