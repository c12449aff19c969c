"""Long tables, a reading a row, as rows of all channels."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.durations import nanoseconds
from runtime.errors import InputError
from runtime.tables.columns import Block
from runtime.tables.reader import TableReader

__all__ = ["long_blocks", "long_columns", "readings", "widened"]

VALUE_NAMES = ("value", "_value", "state", "val", "reading", "measurement", "messwert", "wert", "y")
"""Names of the column of readings, in lower case."""
ID_NAMES = ("tag", "id", "_field", "entity_id", "sensor", "sensor_id", "channel", "name", "metric")
"""Names of the column of channels, in lower case."""


def long_columns(
    names: Sequence[str], table: str, *, id: str | None = None, value: str | None = None
) -> tuple[str, str]:
    """Returns the columns of channels and of readings, by their names where they are not given.

    Raises:
        InputError: There is none of a known name.
    """
    lower = [name.lower() for name in names]
    found = []
    for what, given, known in (("id", id, ID_NAMES), ("value", value, VALUE_NAMES)):
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


def readings(
    reader: TableReader,
) -> tuple[npt.NDArray[np.int64], list[str], npt.NDArray[np.float64]]:
    """Reads all of a long table: times, the channel of each reading, values."""
    times, ids, values = [], [], []
    for block in reader:
        times.append(block.times_ns)
        ids += reader.texts
        values.append(block.values[:, 0])
    return np.concatenate(times), ids, np.concatenate(values)


def long_blocks(reader: TableReader, channels: Sequence[str], *, period_s: float) -> Iterator[Block]:
    """Yields rows of all channels from a long table.

    A file is read to its end first, for its channels may come one after the other; a pipe holds
    back one slot. Readings of other channels are left out.

    Args:
        reader: Of the readings, with `text` for the channel.
        channels: Their names, in order.
        period_s: Of the time grid.

    Raises:
        InputError: No channel, or not every channel, comes in a file.
    """
    place_of = {name: place for place, name in enumerate(channels)}
    period_ns = nanoseconds(period_s)
    anchor: int | None = None
    held = (np.empty(0, np.int64), np.empty(0, np.intp), np.empty(0))
    seen: set[int] = set()
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for block in reader:
        ids = np.array([place_of.get(name.strip(), -1) for name in reader.texts], np.intp)
        mine = ids >= 0
        part = (block.times_ns[mine], ids[mine], block.values[mine, 0])
        seen.update(np.unique(part[1]).tolist())
        if not reader.live:
            parts.append(part)
            continue
        some = tuple(np.concatenate(pair) for pair in zip(held, part, strict=True))
        if not len(some[0]):
            continue
        anchor = int(some[0][0]) if anchor is None else anchor
        slots = (some[0] - anchor + period_ns // 2) // period_ns
        done = slots < slots.max()
        held = tuple(array[~done] for array in some)  # type: ignore[assignment]
        if done.any():
            yield _wide([array[done] for array in some], len(channels), period_ns, anchor)
    if reader.live:
        if len(held[0]):
            yield _wide(held, len(channels), period_ns, anchor or 0)
        return
    missing = [name for place, name in enumerate(channels) if place not in seen]
    if missing:
        raise InputError(
            f"Column {reader.reading.id} of {reader.name} must name the channels "
            f"{', '.join(channels)}. {', '.join(missing)} never came."
        )
    some = tuple(np.concatenate(pair) for pair in zip(*parts, strict=True))
    order = np.argsort(some[0], kind="stable")
    arrays = [array[order] for array in some]
    yield _wide(arrays, len(channels), period_ns, int(arrays[0][0]))


def _wide(arrays: Sequence[np.ndarray], channels: int, period_ns: int, anchor: int) -> Block:
    times, places, values = arrays
    return widened(
        times, places, values, channels=channels, period_ns=period_ns, anchor_ns=anchor
    )
