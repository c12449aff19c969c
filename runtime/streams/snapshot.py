"""Snapshots of streams: what a detector and a grid know of each, as bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from runtime.clock.grid import RowGrid, TimeGrid
from runtime.errors import InputError, shown
from runtime.model.detector import Detector
from runtime.model.outputs import Array
from runtime.streams.sealed import damaged, seal, unseal

__all__ = ["identity_of", "open_streams", "seal_streams"]

VERSIONS = {"stream": 3, "batch": 3}
_LISTS = {
    "waiting_values": "f8",
    "stamps": "i8",
    "sums": "i8",
    "pending_slots": "i8",
    "pending_values": "f8",
    "pending_rows": "i8",
}
"""What a grid holds of any length, and its dtype."""
_ARRAYS = {"state": "f4", "numbers": "i8", "lengths": "i8"}


def identity_of(detector: Detector) -> str:
    """Returns what tells a detector from every other."""
    return detector.metadata.identity


def seal_streams(
    kind: str,
    detector: Detector,
    options: Mapping[str, Any],
    state: Array,
    grids: Sequence[TimeGrid | RowGrid],
) -> bytes:
    """Returns a snapshot.

    Args:
        kind: `stream` or `batch`.
        detector: The detector.
        options: What else there is to know, for JSON.
        state: float32 (streams, state_size).
        grids: Of each stream.
    """
    each = [grid.snapshot() for grid in grids]
    names = _numbers_of(detector)
    arrays = {
        "state": state,
        "numbers": _table([[int(one[name]) for name in names] for one in each], len(names)),
    }
    lists = _lists_of(detector)
    arrays["lengths"] = _table([[len(one[name]) for name in lists] for one in each], len(lists))
    for name, dtype in lists.items():
        shape = (0, len(detector.channels)) if dtype == "f8" else (0,)
        arrays[name] = np.concatenate([np.empty(shape, dtype), *(one[name] for one in each)])
    header = {"detector": _described(detector), **options}
    return seal(kind, VERSIONS[kind], header, arrays)


def open_streams(
    kind: str, detector: Detector, blob: object
) -> tuple[dict[str, Any], Array, list[dict[str, Any]]]:
    """Returns the options, the state, and what each grid is restored from.

    Raises:
        InputError: No snapshot, a damaged one, or one of another detector.
    """
    lists = _lists_of(detector)
    header, arrays = unseal(kind, VERSIONS[kind], blob, {**_ARRAYS, **lists})
    _check_detector(kind, detector, header.pop("detector", None))
    state, numbers, lengths = (arrays[name] for name in _ARRAYS)
    names = _numbers_of(detector)
    count = len(state) if state.ndim == 2 else -1
    wanted = {
        "state": (count, detector.metadata.state_size),
        "numbers": (count, len(names)),
        "lengths": (count, len(lists)),
    }
    if any(arrays[name].shape != shape for name, shape in wanted.items()):
        raise damaged(kind, blob, "other shapes")
    if not np.isfinite(state).all():
        raise damaged(kind, blob, "a state that is not finite")
    each: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in numbers.tolist()]
    for place, (name, dtype) in enumerate(lists.items()):
        ends = np.cumsum(lengths[:, place])
        columns = (len(detector.channels),) if dtype == "f8" else ()
        total = int(ends[-1]) if count else 0
        if (lengths[:, place] < 0).any() or arrays[name].shape != (total, *columns):
            raise damaged(kind, blob, "other lengths")
        for one, part in zip(each, np.split(arrays[name], ends[:-1]), strict=False):
            one[name] = part
    return header, state, each


def _described(detector: Detector) -> dict[str, Any]:
    meta = detector.metadata
    return {
        "identity": identity_of(detector),
        "inputs": [[column.name, column.role] for column in meta.inputs],
        "grid": meta.grid,
        "period_ns": meta.period_ns,
        "state_size": meta.state_size,
    }


def _check_detector(kind: str, detector: Detector, found: object) -> None:
    wanted = _described(detector)
    if found == wanted:
        return
    differs = {
        name: found.get(name) if isinstance(found, dict) else None
        for name in wanted
        if not isinstance(found, dict) or found.get(name) != wanted[name]
    }
    if "identity" in differs:
        raise InputError(
            f"A {kind} must be restored under the detector that it was scored with, "
            f"{wanted['identity'][:12]}. Received: a snapshot for "
            f"{str(differs['identity'])[:12]}. Start the {kind} anew."
        )
    named = ", ".join(f"{name} {shown(wanted[name])}" for name in differs)
    raise InputError(
        f"A {kind} must be restored under a detector with the same channels, grid and period. "
        f"Received: a snapshot for another than {named}. Start the {kind} anew."
    )


def _lists_of(detector: Detector) -> dict[str, str]:
    return _LISTS if detector.metadata.grid == "time" else {}


def _numbers_of(detector: Detector) -> list[str]:
    empty = detector.metadata.make_grid(reorder=0).snapshot()
    return [name for name in empty if name not in _LISTS]


def _table(rows: list[list[int]], columns: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(rows, np.int64).reshape(len(rows), columns)
