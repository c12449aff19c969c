"""A snapshot of the engine, cut a part at a time while rows go on.

Scoring must not wait until all states are copied. So the streams are cut some at a time, each part
with the last record that is in it, and the rows that came meanwhile are parts too. What is known of
all streams together is cut last:

    streams/0@5/m    states of some streams, record 5 is in them
    rows/6           rows of record 6
    streams/1@6/m
    rows/7
    engine           all else, record 7 is in it

Who continues lets each stream take the rows behind its own record: then all are at record 7; see
`continuing`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from runtime.gateway.engine.group import Group
from runtime.gateway.records import Record

__all__ = ["Cut", "CutPart"]

_STREAMS, _BYTES = 64, 2**20
"""Of a part, at most; one stream at least."""
_NUMBER_BYTES = 4


class CutPart(NamedTuple):
    """A part of a snapshot."""

    name: str
    sequence: int
    """Of the last record that is in it."""
    blob: bytes


class Cut:
    """Cuts the parts of a snapshot. In the thread of the engine.

    Args:
        groups: The streams, by model; those of the engine, as they change.
        sequence: Returns that of the last record.
        rest: Returns what is known beside the streams' states.
    """

    def __init__(
        self,
        groups: Mapping[str, Group],
        *,
        sequence: Callable[[], int],
        rest: Callable[[], bytes],
    ) -> None:
        self._groups, self._sequence, self._rest = groups, sequence, rest
        self.begun = sequence()
        """The last record when it began."""
        self.is_sound = True
        """Whether it can still be used: streams were changed by nothing but their rows."""
        self.is_whole = False
        """Whether all parts are cut."""
        self._cut: set[str] = set()
        self._todo: deque[tuple[str, Sequence[str]]] = deque()
        self._rows: list[CutPart] = []
        self._number = 0

    def next(self) -> list[CutPart]:
        """Returns the next parts: rows that came, and a part of the streams, or all else."""
        parts, self._rows = self._rows, []
        while (some := self._some()) is not None:
            key, names = some
            group = self._groups[key]
            here = [name for name in names if name in group and name not in self._cut]
            if here:
                self._cut.update(here)
                name = f"streams/{self._number}@{self._sequence()}/{key}"
                self._number += 1
                parts.append(CutPart(name, self._sequence(), group.snapshot(here, watched=True)))
                return parts
        self.is_whole = True
        parts.append(CutPart("engine", self._sequence(), self._rest()))
        return parts

    def __iter__(self) -> Iterator[CutPart]:
        """Yields all parts that are left."""
        while not self.is_whole:
            yield from self.next()

    def passed(self, records: Sequence[tuple[int, Record]]) -> None:
        """Takes note of records that the engine has taken."""
        for sequence, record in records:
            if record.rows and self._cut and self.is_sound and not self.is_whole:
                blob = Record(rows=record.rows).encode()
                self._rows.append(CutPart(f"rows/{sequence}", sequence, blob))

    def changed(self, name: str) -> None:
        """Takes note that a stream came or went: its state is cut again, where it is there."""
        self._cut.discard(name)
        self._todo.clear()

    def upset(self) -> None:
        """Takes note that streams were changed by more than their rows."""
        self.is_sound = False
        self._rows.clear()

    def _some(self) -> tuple[str, Sequence[str]] | None:
        """Returns streams that may not be cut yet; None: all are."""
        if not self._todo:
            for key, group in self._groups.items():
                left = [name for name in group.names if name not in self._cut]
                size = group.detector.metadata.state_size * _NUMBER_BYTES
                most = max(1, min(_STREAMS, _BYTES // max(1, size)))
                self._todo.extend((key, left[at : at + most]) for at in range(0, len(left), most))
        return self._todo.popleft() if self._todo else None
