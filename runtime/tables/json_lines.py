"""JSON lines: an object a line."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError
from runtime.tables.columns import Block, Columns
from runtime.tables.lines import Lines


def json_blocks(lines: Lines, columns: Columns, head: bytes) -> Iterator[Block]:
    """Yields the rows of a JSON-lines file, see `TableReader`."""
    time: str | None = None
    first = True
    for text in lines.texts(head, quotes=False):
        texts = text.split("\n")
        numbers = [lines.row + i for i, line in enumerate(texts) if line.strip()]
        rows = [_object(texts[number - lines.row], number, lines) for number in numbers]
        lines.row += text.count("\n")
        if not rows:
            continue
        if first:
            first = False
            time = _time_key(list(rows[0]), columns)
        values = [_floats(rows, name, numbers, columns) for name in columns.channels]
        cells = None
        if time is not None:
            cells = ["" if (t := row.get(time)) is None else str(t) for row in rows]
        yield Block(columns.times(cells, numbers), np.stack(values, axis=1))


def _object(line: str, number: int, lines: Lines) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise InputError(
            f"Every line of {lines.name} must be a JSON object. "
            f"Received: {line.strip()[:60]!r} in row {number}."
        )
    return row


def _time_key(names: list[str], columns: Columns) -> str | None:
    if not set(columns.channels) & set(names) or columns.time not in (None, *names):
        wanted = ", ".join(columns.channels if columns.time is None else (columns.time,))
        raise InputError(
            f"The objects of {columns.name} must have the keys {wanted}. "
            f"Received: {', '.join(names)[:500]}. "
            "Rename the keys, or use a detector made for these."
        )
    at = columns.time_at(names)
    return None if at is None else names[at]


def _floats(
    rows: list[dict[str, object]], name: str, numbers: Sequence[int], columns: Columns
) -> npt.NDArray[np.float64]:
    cells = [row.get(name) for row in rows]
    if set(map(type, cells)) - {float, int, type(None)}:
        for cell, number in zip(cells, numbers, strict=True):
            if isinstance(cell, bool) or not isinstance(cell, float | int | None):
                raise columns.no_number(cell, name, number)
    try:
        return np.array(cells, np.float64)
    except OverflowError:
        # An integer of more than 308 digits.
        return np.array([np.inf if isinstance(c, int) else c for c in cells], np.float64)
