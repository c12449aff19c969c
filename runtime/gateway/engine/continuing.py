"""Brings streams from the parts of a snapshot to one record, the last that is in any of them."""

from collections.abc import Iterable, Mapping

import numpy as np

from runtime.errors import ModelFileError
from runtime.gateway.engine.group import Group
from runtime.gateway.engine.members import Members, Trouble
from runtime.gateway.engine.swap import placed
from runtime.gateway.records import Record

__all__ = ["UNSOUND", "Continuing"]

UNSOUND = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What comes of reading data of another version."""


class Continuing:
    """Brings streams to where the last part of a snapshot is; what cannot be used is said.

    Args:
        members: Who they are, by the part `engine`; their groups are empty.
        trouble: Takes what must be said.
    """

    def __init__(self, members: Members, trouble: Trouble) -> None:
        self._members, self._trouble = members, trouble
        self._rows: list[tuple[int, Record]] = []
        self._reached: dict[str, int] = {}

    def take_in(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Takes in streams, each as it was when its part was cut.

        Args:
            parts: All but the part `engine`.
        """
        for name, blob in parts:
            kind, _, rest = name.partition("/")
            place, _, key = rest.partition("/")
            _, _, last = place.partition("@")
            try:
                if kind == "rows":
                    self._rows.append((int(place), Record.decode(blob)))
                else:
                    taken = _take_in(self._members, key or place, blob)
                    self._reached.update(dict.fromkeys(taken, int(last)) if last else {})
            except UNSOUND as error:
                self._trouble("state", f"The part {name} of a snapshot cannot be used: {error}")

    def catch_up(self) -> None:
        """Lets each of them take the rows that came behind its part; nothing of it goes out."""
        for sequence, record in sorted(self._rows, key=lambda one: one[0]):
            _catch_up(self._members, sequence, record, self._reached, self._trouble)


def _take_in(members: Members, key: str, blob: bytes) -> tuple[str, ...]:
    """Takes streams in, and lets go of those that are put aside or another model's by now."""
    group = members.groups[key]
    before = [name for name in Group.names_in(blob) if name in group]
    for name in before:  # an earlier cut of a stream that came and went
        group.remove(name)
    taken = group.take_in(blob)
    gone = [
        name
        for name in taken
        if name in members.put_aside
        or name not in members.streams
        or members.streams[name].model != key
    ]
    for name in gone:
        group.remove(name)
    return tuple(name for name in taken if name not in gone)


def _catch_up(
    members: Members, sequence: int, record: Record, reached: Mapping[str, int], trouble: Trouble
) -> None:
    """Lets streams take the rows of a record that their states have not seen; nothing goes out."""
    for some in record.rows:
        group = members.groups.get(some.model)
        if group is None:
            continue
        behind = [
            number
            for number in np.unique(some.streams).tolist()
            if (stream := members.registry.get(number)) is not None
            and stream.name in group
            and reached.get(stream.name, sequence) < sequence
        ]
        if not behind:
            continue
        rows = some.where(np.isin(some.streams, behind))
        try:
            group.push(*placed(group, rows, members.registry))
        except ModelFileError as error:
            trouble("state", f"Rows of {some.model} are missing in the state: {error}")
