"""Long tables, a reading a row: read where asked for, refused by name where not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kad.data.period import infer_period
from kad.data.survey import Column, survey
from runtime.clock.durations import nanoseconds
from runtime.errors import InputError
from runtime.tables.cells import ColumnCells
from runtime.tables.columns import Block
from runtime.tables.long import long_columns, widened
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading

__all__ = ["is_annotated", "read_long", "refuse_long", "telling_column"]

_MOST_IDS = 5000
_SHOWN = 8


def is_annotated(names: Sequence[str]) -> bool:
    """Whether a table is InfluxDB's, with a reading a row and its field beside it."""
    return {"_value", "_field"} <= set(names)


def read_long(
    file: BinaryIO,
    name: str,
    *,
    reading: Reading,
    learnt: Reading,
    channels: Sequence[str] | None,
    period_s: float | None,
) -> tuple[TableReader, np.ndarray, np.ndarray, list[Column]]:
    """Reads a long table into rows of all channels.

    Returns:
        The reader, times int64 (rows,), values float64 (rows, channels), and the columns.
    """
    known = reading.over(learnt)
    probe = TableReader(file, None, period_s=1.0, name=name, reading=reading, learnt=learnt)
    probe.open()
    file.seek(0)
    if probe.time is None:
        raise InputError(f"{name} must have a time column as a long table. Name it with --time.")
    pair = long_columns(probe.names, name, tag=known.id, value=known.value)
    reader = TableReader(
        file,
        [pair[1]],
        period_s=1.0,
        reading=replace(reading, id=pair[0], value=pair[1]),
        learnt=learnt,
        text=pair[0],
        name=name,
        lenient=True,
    )
    parts, ids = [], []
    for part in reader:
        parts.append(part)
        ids += reader.texts
    times, columns_read = Block.joined(parts)
    values = columns_read[:, 0]
    stated = np.array([text.strip() for text in ids], dtype=object)
    names = list(channels) if channels is not None else _ids(stated, values)
    missing = sorted(set(names) - set(stated.tolist()))
    if missing:
        raise InputError(
            f"Column {pair[0]} of {name} must name the channels {', '.join(names)}. "
            f"{', '.join(missing)} never came."
        )
    place_of = {one: place for place, one in enumerate(names)}
    places = np.array([place_of.get(one, -1) for one in stated.tolist()], np.intp)
    mine = (places >= 0) & np.isfinite(values)
    times, places, kept = times[mine], places[mine], values[mine]
    order = np.argsort(times, kind="stable")
    times, places, kept = times[order], places[order], kept[order]
    if not len(times):
        raise InputError(f"Column {pair[1]} of {name} must hold numbers. Received: none.")
    several = [t for i in range(len(names)) if len(np.unique(t := times[places == i])) > 1]
    if period_s is None and not several:
        raise InputError(
            f"{name} must have a channel with two times for its period to be found. Received: one "
            "time each. Say period = SECONDS in [data]."
        )
    period = period_s or min(infer_period(one, mixed=True) for one in several)
    block = widened(
        times,
        places,
        kept,
        channels=len(names),
        period_ns=nanoseconds(period),
        anchor_ns=int(times[0]),
    )
    cells = [ColumnCells(one, name) for one in names]
    for place, one in enumerate(cells):
        one.take(block.values[:, place].copy())
    columns = survey(cells, block.values, [None] * len(names), chosen=channels is not None)
    others = [one for one in dict.fromkeys(stated.tolist()) if one not in place_of]
    columns += [Column(one, why="text" if channels is None else "no channel") for one in others]
    wide = np.concatenate([block.values, np.full((len(block.values), len(others)), np.nan)], axis=1)
    return reader, block.times_ns, wide, columns


def _ids(stated: np.ndarray, values: np.ndarray) -> list[str]:
    """Returns the ids that have numbers, in the order of the file."""
    found = dict.fromkeys(stated[np.isfinite(values)].tolist())
    if len(found) > _MOST_IDS:
        raise InputError(
            f"A long table may have {_MOST_IDS} channels. Received: {len(found)}. Choose some with "
            "--channels."
        )
    return list(found)


def telling_column(times_ns: np.ndarray, reader: TableReader) -> str | None:
    """Returns the text column that seems to tell several series apart; `None`: there is one series.

    There are several where times come again and again, or go back, and a column of few words goes
    with that.
    """
    if len(times_ns) < 4 or not reader.has_times:
        return None
    again = len(times_ns) - len(np.unique(times_ns))
    back = int((np.diff(times_ns) < 0).sum())
    if again <= 0.2 * len(times_ns) and not back and not _is_interleaved(times_ns):
        return None
    for cells in reader.cells:
        counts = cells.counts
        words = len(counts.words) if not cells.bad_cells else None
        is_text = counts.numbers < 0.05 * counts.cells
        if is_text and (words is None or 2 <= words <= 50):
            return cells.name
    return None


def _is_interleaved(times_ns: np.ndarray) -> bool:
    """Whether steps alternate between short and long, as of sensors that report in turn."""
    steps = np.diff(times_ns)
    short = steps < 0.25 * np.median(np.maximum(steps[:-1], steps[1:])) if len(steps) > 2 else steps
    return bool(len(steps) > 8 and 0.3 < np.mean(short) < 0.95)


def refuse_long(file: BinaryIO, path: Path, text: str, reading: Reading) -> None:
    """Raises InputError where a text column does tell series apart: each alone is in order.

    Args:
        file: The table, at its beginning.
        path: For messages.
        text: The column.
        reading: How it is read.
    """
    reader = TableReader(file, [], period_s=1.0, reading=reading, text=text, name=str(path))
    parts, ids = [], []
    for block in reader:
        parts.append(block.times_ns)
        ids += reader.texts
    times = np.concatenate(parts)
    names, places = np.unique(np.array(ids, dtype=str), return_inverse=True)
    if not 2 <= len(names) <= len(times) / 4:
        return
    for place in range(len(names)):
        own = times[places == place]
        if len(own) > 1 and (np.diff(own) <= 0).mean() > 0.05:
            return
    shown = ", ".join(names[:_SHOWN].tolist()) + (", …" if len(names) > _SHOWN else "")
    raise InputError(
        f"{path} has several series, told apart by column {text!r}: {shown}. Say --long to read "
        "each as a channel, or give a file with one of them."
    )
