"""Numbers that a rule keeps of each stream, as arrays over all of them."""

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown

__all__ = ["Roster", "Rostered", "Sound", "is_number", "rounds_of", "unsound"]

Sound = Callable[[Mapping[str, npt.NDArray[Any]]], bool]
"""Whether arrays (streams, width) may be what they are named."""

Numbers = npt.NDArray[np.intp]
_FIRST = 64


class Roster:
    """Arrays with a row for each stream; rows of new streams hold the columns' first values.

    Args:
        columns: Of each array its dtype and first value.
        width: Numbers in a row of each, such as one per channel.
    """

    def __init__(self, columns: Mapping[str, tuple[str, float]], width: int) -> None:
        self._columns, self._width = dict(columns), width
        self._index: dict[str, int] = {}
        self._free: list[int] = []
        self._arrays = {name: self._new(name, _FIRST) for name in columns}

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        """Returns an array (rows, width), to be read and written."""
        return self._arrays[column]

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, stream: object) -> bool:
        return stream in self._index

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that have a row."""
        return tuple(self._index)

    def numbers(self, streams: Sequence[str]) -> Numbers:
        """Returns the row of each stream; those that have none get one."""
        found = [self._index.get(name, -1) for name in streams]
        if -1 in found:
            found = [self._row_of(name) for name in streams]
        return np.array(found, np.intp)

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of streams; those without a row are no error."""
        for name in streams:
            row = self._index.pop(name, None)
            if row is not None:
                self._free.append(row)
                for column, (_, first) in self._columns.items():
                    self._arrays[column][row] = first

    def state(self, streams: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns what is kept, of all streams or of some, for JSON; see `restore`."""
        names = [name for name in (self._index if streams is None else streams) if name in self]
        rows = self.numbers(names)
        arrays = {}
        for name, array in self._arrays.items():
            data = array[rows]
            arrays[name] = base64.b64encode(
                data.astype(data.dtype.newbyteorder("<")).tobytes()
            ).decode()
        return {"streams": names, **arrays}

    def restore(self, state: object, sound: Sound) -> None:
        """Takes in what `state` returned; streams that have a row already get another.

        Args:
            state: What `state` returned.
            sound: Whether arrays (streams, width) may be what they are named.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        if not isinstance(state, dict) or set(state) != {"streams", *self._columns}:
            raise unsound(state)
        names = state["streams"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise unsound(names)
        if len(set(names)) < len(names):
            raise unsound(names)
        arrays = {}
        for column, (dtype, _) in self._columns.items():
            try:
                data = base64.b64decode(state[column], validate=True)
                array = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
                arrays[column] = array.reshape(len(names), self._width)
            except (ValueError, TypeError) as error:
                raise unsound(state[column]) from error
        if not sound(arrays):
            raise unsound("numbers out of their ranges")
        rows = self.numbers(names)
        for column, array in arrays.items():
            self._arrays[column][rows] = array

    def _new(self, column: str, rows: int) -> npt.NDArray[Any]:
        dtype, first = self._columns[column]
        return np.full((rows, self._width), first, dtype)

    def _row_of(self, name: str) -> int:
        row = self._index.get(name)
        if row is not None:
            return row
        row = self._free.pop() if self._free else len(self._index)
        for column, array in self._arrays.items():
            if row == len(array):
                self._arrays[column] = np.concatenate([array, self._new(column, row)])
        self._index[name] = row
        return row


class Rostered:
    """A rule whose numbers of streams are in a `Roster`.

    Args:
        roster: The numbers.
        sound: See `Roster.restore`.
    """

    def __init__(self, roster: Roster, sound: Sound) -> None:
        self._roster, self._sound = roster, sound

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of streams."""
        self._roster.forget(streams)

    def state(self, streams: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns what is known, of all streams or of some, for JSON; without the rules."""
        return self._roster.state(streams)

    def restore(self, state: object) -> None:
        """Takes in what `state` returned.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        self._roster.restore(state, self._sound)


def rounds_of(numbers: Numbers) -> Iterator[Numbers | slice]:
    """Yields the places of rows in groups in which no stream has two, in order of the rows.

    Args:
        numbers: Of each row's stream (rows,).
    """
    if len(np.unique(numbers)) == len(numbers):
        if len(numbers):
            yield slice(None)
        return
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    place = np.empty(len(numbers), np.intp)
    place[order] = np.arange(len(numbers)) - np.repeat(begins, np.diff(begins, append=len(numbers)))
    for turn in range(int(place.max()) + 1):
        yield np.flatnonzero(place == turn)


def is_number(value: object) -> bool:
    """Whether an option is a finite number, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def unsound(received: object) -> InputError:
    """Returns the error for a state that `state` did not return."""
    return InputError(
        "A rule must continue from what its `state` returned, with the same channels. "
        f"Received: {shown(received)}. Start it anew."
    )
