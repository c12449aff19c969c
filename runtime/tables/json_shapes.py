"""JSON of other shapes than an object a row: lists of values per channel, wrapped rows."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from runtime.clock.find import find_form
from runtime.clock.names import time_name_rank
from runtime.errors import AmbiguousTimeError

__all__ = ["named", "rows_of", "turned"]

_TIMES = ("ts", "time", "timestamp", "t")
_INDEX = "index"
_FEWEST = 3
"""Entries from which on objects in an object are a table."""
_HEADERS = ("columns", "header", "headers", "fields", "names")


def rows_of(row: Mapping[str, object]) -> Sequence[Any]:
    """Returns the rows that an object holds, which is a row itself where it holds none.

    Rows are read from `{"flow": [{"ts": 1709510400000, "value": "20.13"}, …]}`, from
    `{"time": […], "flow": […]}`, from `{"data": [{"time": …, "flow": …}, …]}` and from
    `{"columns": ["time", "flow"], "data": [[…], …]}`.

    Args:
        row: One level of names.
    """
    lists = {name: value for name, value in row.items() if isinstance(value, list) and value}
    if not lists:
        return [row]
    return _series(row, lists) or _columns(row, lists) or _wrapped(lists) or [row]


def turned(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a table of objects in an object as lists per column; another object as it is.

    A table is `{"flow": {"1709510400000": 20.1, …}, "pressure": {…}}`, by its times or the numbers
    of its rows, or `{"2024-03-04T00:00": {"flow": 20.1, "pressure": 3.0}, …}`, as data frames are
    written. A column of the times is called `index` where they have no name.

    Args:
        row: As it came.
    """
    parts = list(row.values())
    if not parts or not all(isinstance(part, dict) and part for part in parts):
        return row
    keys = list(parts[0])
    if any(list(part) != keys for part in parts[1:]):
        return row
    if any(isinstance(value, dict | list) for part in parts for value in part.values()):
        return row
    by_column = {name: list(part.values()) for name, part in row.items()}
    by_row = {name: [part[name] for part in parts] for name in keys}
    for index, columns in ((keys, by_column), (list(row), by_row)):
        if len(index) < _FEWEST:
            continue
        if index == [str(number) for number in range(len(index))]:
            if any(time_name_rank(name) is not None for name in columns):
                return columns
        elif _are_times(index):
            return {_INDEX: index, **columns}
    return row


def _are_times(keys: Sequence[str]) -> bool:
    if not all(key[:1].isdigit() for key in keys):
        return False
    try:
        return find_form(keys, header=_INDEX) is not None
    except AmbiguousTimeError:
        return True


def named(array: Sequence[Any]) -> Sequence[Any]:
    """Returns an array of arrays below their names as objects; another array as it is."""
    first = array[0] if array else None
    if (
        not isinstance(first, list)
        or not first
        or not all(isinstance(name, str) for name in first)
        or not all(isinstance(row, list) and len(row) == len(first) for row in array)
    ):
        return array
    return [dict(zip(first, row, strict=True)) for row in array[1:]]


def _series(
    row: Mapping[str, object], lists: Mapping[str, list[Any]]
) -> list[dict[str, object]] | None:
    """Returns the rows of a list of times and values per channel."""
    if len(lists) < len(row):
        return None
    rows: dict[object, dict[str, object]] = {}
    for name, points in lists.items():
        for point in points:
            if not isinstance(point, dict) or "value" not in point:
                return None
            time = next((k for k in _TIMES if k in point), None)
            if time is None or isinstance(point[time], list | dict):
                return None
            rows.setdefault(point[time], {"ts": point[time]})[name] = point["value"]
    try:
        return [rows[time] for time in sorted(rows)]  # type: ignore[type-var]
    except TypeError:
        return list(rows.values())


def _columns(
    row: Mapping[str, object], lists: Mapping[str, list[Any]]
) -> list[dict[str, object]] | None:
    """Returns the rows of a list of values per column, the times among them."""
    lengths = set(map(len, lists.values()))
    is_flat = not any(isinstance(v, list | dict) for v in chain.from_iterable(lists.values()))
    has_times = any(name == _INDEX or time_name_rank(name) is not None for name in lists)
    if len(lists) < max(len(row), 2) or len(lengths) > 1 or not is_flat or not has_times:
        return None
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _indexed(rows: Sequence[Any], index: Sequence[object]) -> Sequence[Any]:
    """Returns rows with the times that stand beside them; numbers of rows say nothing."""
    if len(index) != len(rows) or list(index) == list(range(len(rows))):
        return rows
    return [{_INDEX: time, **row} for time, row in zip(index, rows, strict=True)]


def _wrapped(lists: Mapping[str, list[Any]]) -> Sequence[Any] | None:
    """Returns rows that have times themselves, and stand in a list of the object."""
    header = next((lists[name] for name in _HEADERS if name in lists), None)
    for value in lists.values():
        if header is not None and value is not header and isinstance(value[0], list):
            rows = named([header, *value])
            if rows[0] is not header:
                return _indexed(rows, lists.get(_INDEX, []))
        if all(
            isinstance(one, dict) and any(time_name_rank(name) is not None for name in one)
            for one in value
        ):
            return value
    return None
