"""Another model takes over: warmed up beside the old one from the journal, at one sample."""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from runtime.gateway.engine.group import Group
from runtime.gateway.outputs import EventNotice, Phase
from runtime.gateway.records import NewStream, Record, Rows

__all__ = ["History", "placed", "swap_notice", "warm_up"]

History = Callable[[int, int], Iterable[tuple[int, Record]]]
"""Returns the records of the journal behind one sequence, up to another."""

Placed = tuple[
    npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.uint16]
]


def placed(group: Group, rows: Rows, registry: Mapping[int, NewStream]) -> Placed:
    """Returns rows as a group takes them: by the places of their streams there.

    Returns:
        Places (rows,), times in ns (rows,), values (rows, columns), quality (rows,).
    """
    numbers, at = np.unique(rows.streams, return_inverse=True)
    names = [registry[int(number)].name for number in numbers.tolist()]
    places = np.array([group.place(name) for name in names], np.intp)[at]
    times_ns, quality = rows.times_ns.astype(np.int64), rows.quality.astype(np.uint16)
    values = rows.values.astype(np.float64)
    if (places[1:] < places[:-1]).any():
        order = np.argsort(places, kind="stable")
        places, times_ns = places[order], times_ns[order]
        values, quality = values[order], quality[order]
    return places, times_ns, values, quality


def warm_up(
    group: Group,
    records: Iterable[tuple[int, Record]],
    registry: Mapping[int, NewStream],
    *,
    until: Callable[[], bool] = lambda: False,
) -> int:
    """Lets a group take rows of the journal; nothing of it goes out.

    Args:
        group: The new one; streams that it does not have are added.
        records: In order.
        registry: Of the engine.
        until: Whether to stop.

    Returns:
        The sequence of the last record; −1 where there was none.

    Raises:
        ModelFileError: The new model does not work on these rows.
    """
    last = -1
    for sequence, record in records:
        if until():
            break
        for rows in record.rows:
            if rows.model != group.key:
                continue
            here = {number for number in np.unique(rows.streams).tolist() if number in registry}
            missing = [n for n in sorted(here) if registry[n].name not in group]
            if missing:
                group.add([registry[number].name for number in missing])
            known = np.isin(rows.streams, list(here))
            kept = rows if known.all() else rows.where(known)
            group.push(*placed(group, kept, registry))
        last = sequence
    return last


def swap_notice(key: str, text: str, *, time_ns: int, identity: str, phase: Phase) -> EventNotice:
    """Returns the event that says what became of a swap."""
    return EventNotice(
        id=f"swap-{key}-{time_ns // 1_000_000}",
        stream="",
        kind="swap",
        phase=phase,
        time_ns=time_ns,
        start_ns=time_ns,
        peak_ns=time_ns,
        severity=math.nan,
        text=text,
        model=identity,
    )
