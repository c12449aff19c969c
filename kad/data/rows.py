"""Rows of a table, as users write them: `START:END`."""

import re

import numpy as np
import pandas as pd

from kad.data.frames import times_ns
from runtime.clock.timestamps import TimestampParser
from runtime.counted import counted
from runtime.errors import InputError

_ROWS = re.compile(r"(-?\d*):(-?\d*)")


def select_rows(frame: pd.DataFrame, rows: str | None, *, option: str = "--train") -> pd.DataFrame:
    """Returns the rows `START:END`, half-open, as row numbers or as timestamps.

    Args:
        frame: Rows indexed by time.
        rows: Such as `0:5000`, `2014-07-01:2014-10-01`, `:2014-10-01 12:00:00`; `None` for all.
        option: What the user wrote them after, for messages.

    Raises:
        InputError: Neither, or no row lies inside.
    """
    if rows is None:
        return frame
    if match := _ROWS.fullmatch(rows.strip()):
        start, end = (int(text) if text else None for text in match.groups())
        chosen = frame.iloc[start:end]
        numbers = [number for number in (start, end) if number is not None]
        if chosen.empty and numbers and min(numbers) >= len(frame) and _is_seconds(frame.index):
            low, high = (start if start is not None else -np.inf), (end or np.inf)
            chosen = frame[(frame.index >= low) & (frame.index < high)]
    else:
        start_ns, end_ns = _time_range(rows, option)
        times = times_ns(frame)
        inside = np.ones(len(times), bool)
        if start_ns is not None:
            inside &= times >= start_ns
        if end_ns is not None:
            inside &= times < end_ns
        chosen = frame[inside]
    if chosen.empty:
        first, last = frame.index[0], frame.index[-1]
        raise InputError(
            f"{option} {rows} holds no row. The series has {counted(len(frame), 'row')}, "
            f"{first} to {last}."
        )
    return chosen


def _is_seconds(index: pd.Index) -> bool:
    return pd.api.types.is_numeric_dtype(index)


def _time_range(text: str, option: str) -> tuple[int | None, int | None]:
    for match in re.finditer(":", text):
        sides = text[: match.start()].strip(), text[match.end() :].strip()
        try:
            start, end = (
                int(TimestampParser().parse([side])[0]) if side else None for side in sides
            )
        except InputError:
            continue
        if any(not re.search(r"\d-\d|\d{5}", side) for side in sides if side):
            continue
        return start, end
    raise InputError(
        f"{option} takes START:END as row numbers or timestamps, such as 0:5000 or "
        f"2014-07-01:2014-10-01. Received: {text!r}."
    )
