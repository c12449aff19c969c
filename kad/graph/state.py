"""Packing named parts into one row: a stream's state, and what belongs to one machine."""

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops

Shape = tuple[int, ...]
_LARGE = 1000
"""Numbers of a part from which on copying it costs more than an operator."""


class Part(NamedTuple):
    """A named slice of a row."""

    name: str
    shape: Shape
    """Without the axis of the streams."""
    offset: int
    """Its first number in the row."""

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


class Layout:
    """Maps named parts to slices of rows `(streams, size)`.

    Args:
        parts: Shape of each part without the axis of the streams, in order. A part of one step,
            `(1, numbers)`, costs nothing to take out and to put back.
    """

    def __init__(self, parts: Mapping[str, Shape]) -> None:
        self.parts = dict(parts)
        ends = np.cumsum([math.prod(shape) for shape in parts.values()]).tolist()
        self.size = int(ends[-1]) if ends else 0
        self.slices = [
            Part(name, shape, end - math.prod(shape))
            for (name, shape), end in zip(parts.items(), ends, strict=True)
        ]

    def unpack(self, row: Any) -> dict[str, Any]:
        """Returns the parts of rows `(streams, 1, size)`, each `(streams, *shape)`."""
        pieces = _split(row, [part.size for part in self.slices])
        parts = zip(self.slices, pieces, strict=True)
        return {part.name: _as(piece, part.shape) for part, piece in parts}

    def pieces(self, parts: Mapping[str, Any]) -> list[Any]:
        """Returns the parts in order, each `(streams, 1, numbers)`."""
        return [_as(parts[part.name], (1, part.size)) for part in self.slices]

    def read(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the parts of rows that are at hand, `(streams, size)`."""
        return {
            part.name: rows[:, part.offset : part.offset + part.size].reshape(-1, *part.shape)
            for part in self.slices
        }


class StateLayout(Layout):
    """The parts of a stream's state.

    The first number, `count`, is 0 where a stream is new or restarts. A new stream is zeros
    everywhere; at a restart the parts in `keeps` go on, and all others are read as zeros.

    Args:
        short: What begins anew at a restart.
        long: What goes on.
        statistics: What goes on, and starts with a value of its own: it is unpacked as one part,
            `statistics`.
    """

    def __init__(
        self,
        short: Mapping[str, Shape],
        *,
        long: Mapping[str, Shape] | None = None,
        statistics: Mapping[str, Shape] | None = None,
    ) -> None:
        self.short, self.long = Layout(short), Layout(long or {})
        self.statistics = Layout(statistics or {})
        super().__init__({"count": (1, 1), **short, **self.long.parts, **self.statistics.parts})
        self.keeps: Collection[str] = {*self.long.parts, *self.statistics.parts}

    def unpack(self, row: Any) -> dict[str, Any]:
        """Returns the parts of `row`, each `(streams, *shape)`, as a step finds them.

        Args:
            row: `(streams, size)`.
        """
        blocks = [part.size for part in self.long.slices]
        blocks += [self.statistics.size] if self.statistics.size else []
        count, short, *rest = _split(
            ops.reshape(row, (-1, 1, self.size)), [1, self.short.size, *blocks]
        )
        goes_on = ops.minimum(count, 1.0)
        parts = {"count": count, **self.short.unpack(short * goes_on)}
        for part, piece in zip(self.long.slices, rest, strict=False):
            parts[part.name] = _as(piece, part.shape)
        if self.statistics.size:
            parts["statistics"] = rest[-1]
        return parts

    def pack(self, parts: Mapping[str, Any]) -> Any:
        """Returns rows `(streams, size)` of what `unpack` returned."""
        pieces = [_as(parts["count"], (1, 1)), *self.short.pieces(parts), *self.long.pieces(parts)]
        if self.statistics.size:
            pieces.append(_as(parts["statistics"], (1, self.statistics.size)))
        if pieces[0].shape[0] is None:
            return _rows_of_many(pieces)
        return ops.reshape(ops.concatenate(pieces, axis=-1), (-1, self.size))

    def warm(self, row: np.ndarray) -> np.ndarray:
        """Returns a state in which a stream starts with what goes on in another one.

        Args:
            row: float32 `(1, size)`: the other stream's state.
        """
        kept = np.zeros_like(row)
        for part in self.slices:
            if part.name in self.keeps:
                where = slice(part.offset, part.offset + part.size)
                kept[:, where] = row[:, where]
        return kept


def _split(row: Any, sizes: list[int]) -> list[Any]:
    if len(sizes) < 2:
        return [row] if sizes else []
    pieces: list[Any] = ops.split(row, np.cumsum(sizes)[:-1].tolist(), axis=-1)
    return pieces


def _rows_of_many(pieces: list[Any]) -> Any:
    """Returns rows of pieces `(streams, 1, numbers)`, of which no large one is copied twice.

    A Reshape behind the last Concat copies all of it: it is what leaves the graph.
    """
    rows, small = [], []
    for piece in pieces:
        if piece.shape[-1] < _LARGE:
            small.append(piece)
            continue
        rows += [*_joined(small), piece]
        small = []
    rows += _joined(small)
    return ops.concatenate([_as(row, (row.shape[-1],)) for row in rows], axis=-1)


def _joined(pieces: list[Any]) -> list[Any]:
    return [ops.concatenate(pieces, axis=-1)] if pieces else []


def _as(x: Any, shape: Shape) -> Any:
    """Returns `x` as `(streams, *shape)`."""
    return x if tuple(x.shape[1:]) == shape else ops.reshape(x, (-1, *shape))
