"""How far a run of rows goes on without a row that needs a decision of its own."""

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import Times

__all__ = ["in_order", "new_slots", "steps_from"]


def steps_from(high: int, slots: Times) -> Times:
    """Returns by how many slots each row is after the one before it.

    Args:
        high: The latest slot before the first row.
        slots: Slot of each row, int64 (rows,).
    """
    steps = np.empty(len(slots), np.int64)
    steps[0] = slots[0] - high
    np.subtract(slots[1:], slots[:-1], out=steps[1:])
    return steps


def in_order(slots: Times, *, high: int, furthest: int) -> int:
    """Returns how many rows lie at or after the row before them, and not too far.

    Args:
        slots: Slot of each row, int64 (rows,), at least one.
        high: The latest slot before the first row.
        furthest: Most slots from one row to the next.
    """
    steps = steps_from(high, slots)
    return _until((steps < 0) | (steps > furthest))


def new_slots(
    slots: Times, held: Times, *, first: int, high: int, reorder: int, furthest: int
) -> int:
    """Returns how many rows, in any order, have each a slot that is open and had no row.

    Args:
        slots: Slot of each row, int64 (rows,), at least one.
        held: Slots that hold a row, int64 (slots,).
        first: The first slot that is open.
        high: The latest slot before the first row.
        reorder: A slot is closed once a row for one that is this many slots later came.
        furthest: Most slots from the latest row to one that is later.
    """
    latest = np.maximum.accumulate(np.concatenate([[high], slots[:-1]]))
    odd = (slots > latest + furthest) | (slots < np.maximum(first, latest + (1 - reorder)))
    count = _until(odd)
    both = np.concatenate([held, slots[:count]])
    order = np.argsort(both, kind="stable")
    ordered = both[order]
    again = order[1:][ordered[1:] == ordered[:-1]] - len(held)
    return int(again.min()) if len(again) else count


def _until(odd: npt.NDArray[np.bool_]) -> int:
    first = int(odd.argmax())
    return first if odd[first] else len(odd)
