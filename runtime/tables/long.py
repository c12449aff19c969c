"""Long tables, a reading a row, as rows of all channels."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.durations import nanoseconds
from runtime.errors import InputError
from runtime.tables.columns import Block

__all__ = ["Readings", "long_blocks", "long_columns", "widened"]

Readings = tuple[npt.NDArray[np.int64], list[str], npt.NDArray[np.float64]]
"""Times, the channel of each reading, values."""

VALUE_NAMES = ("value", "_value", "state", "val", "reading", "measurement", "messwert", "wert", "y")
"""Names of the column of readings, in lower case."""
ID_NAMES = ("tag", "id", "_field", "entity_id", "sensor", "sensor_id", "channel", "name", "metric")
"""Names of the column of channels, in lower case."""


def long_columns(
    names: Sequence[str], table: str, *, tag: str | None = None, value: str | None = None
) -> tuple[str, str]:
    """Returns the columns of channels and of readings, by their names where they are not given.

    Raises:
        InputError: There is none of a known name.
    """
    lower = [name.lower() for name in names]
    found = []
    for what, given, known in (("id", tag, ID_NAMES), ("value", value, VALUE_NAMES)):
        place = next((lower.index(name) for name in known if name in lower), None)
        if given is None and place is None:
            raise InputError(
                f"{table} must have a column {what} as a long table. Received: "
                f"{', '.join(names)[:500]}. Name it: {what} = 'COLUMN' in [data]."
            )
        found.append(given if given is not None else names[place or 0])
    return found[0], found[1]


def widened(
    times_ns: npt.NDArray[np.int64],
    places: npt.NDArray[np.intp],
    values: npt.NDArray[np.float64],
    *,
    channels: int,
    period_ns: int,
    anchor_ns: int,
) -> Block:
    """Puts readings together that belong to one slot of the time grid.

    Args:
        times_ns: int64 (readings,).
        places: Channel of each, intp (readings,).
        values: float64 (readings,).
        channels: How many there are.
        period_ns: Width of a slot.
        anchor_ns: Time of slot 0.

    Returns:
        Rows in order of time. What a channel has more than once in a slot is a row more of the same
        time, in the order that it came.
    """
    slots = (times_ns - anchor_ns + period_ns // 2) // period_ns
    order = np.lexsort((np.arange(len(slots)), places, slots))
    slots, places, values = slots[order], places[order], values[order]
    starts = np.ones(len(slots), np.bool_)
    starts[1:] = (slots[1:] != slots[:-1]) | (places[1:] != places[:-1])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(slots)), 0))
    turn = np.arange(len(slots)) - first
    keys, row = np.unique(np.stack([slots, turn], axis=1), axis=0, return_inverse=True)
    wide = np.full((len(keys), channels), np.nan)
    wide[row.ravel(), places] = values
    return Block(anchor_ns + keys[:, 0] * period_ns, wide)


def long_blocks(
    blocks: Iterator[Readings],
    channels: Sequence[str],
    *,
    period_s: float,
    live: bool,
    column: str,
    table: str,
) -> Iterator[Block]:
    """Yields rows of all channels from the readings of a long table.

    A file is read to its end first, for its channels may come one after the other; a pipe holds
    back one slot. Readings of other channels are left out.

    Args:
        blocks: Readings as they come.
        channels: Their names, in order.
        period_s: Of the time grid.
        live: The table is a pipe.
        column: That of the channels, for messages.
        table: What to call it in messages.

    Raises:
        InputError: A channel that never comes in a file.
    """
    place_of = {name: place for place, name in enumerate(channels)}
    period_ns = nanoseconds(period_s)

    def wide(arrays: Sequence[np.ndarray], anchor_ns: int) -> Block:
        times, places, values = arrays
        return widened(
            times,
            places,
            values,
            channels=len(channels),
            period_ns=period_ns,
            anchor_ns=anchor_ns,
        )

    anchor: int | None = None
    held: list[np.ndarray] = [np.empty(0, np.int64), np.empty(0, np.intp), np.empty(0)]
    seen: set[int] = set()
    for times, ids, values in blocks:
        places = np.array([place_of.get(name.strip(), -1) for name in ids], np.intp)
        mine = places >= 0
        part = (times[mine], places[mine], values[mine])
        seen.update(np.unique(part[1]).tolist())
        held = [np.concatenate(pair) for pair in zip(held, part, strict=True)]
        if not live or not len(held[0]):
            continue
        anchor = int(held[0][0]) if anchor is None else anchor
        slots = (held[0] - anchor + period_ns // 2) // period_ns
        done = slots < slots.max()
        if done.any():
            yield wide([array[done] for array in held], anchor)
            held = [array[~done] for array in held]
    missing = [name for place, name in enumerate(channels) if place not in seen]
    if missing and not live:
        raise InputError(
            f"Column {column} of {table} must name the channels {', '.join(channels)}. "
            f"{', '.join(missing)} never came."
        )
    if len(held[0]):
        if anchor is None:
            order = np.argsort(held[0], kind="stable")
            held = [array[order] for array in held]
            anchor = int(held[0][0])
        yield wide(held, anchor)
