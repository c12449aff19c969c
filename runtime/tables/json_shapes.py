"""JSON of other shapes than an object a row: lists of values per channel, wrapped rows."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from runtime.clock.names import time_name_rank

__all__ = ["named", "rows_of"]

_TIMES = ("ts", "time", "timestamp", "t")
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
    has_times = any(time_name_rank(name) is not None for name in lists)
    if len(lists) < max(len(row), 2) or len(lengths) > 1 or not is_flat or not has_times:
        return None
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _wrapped(lists: Mapping[str, list[Any]]) -> Sequence[Any] | None:
    """Returns rows that have times themselves, and stand in a list of the object."""
    header = next((lists[name] for name in _HEADERS if name in lists), None)
    for value in lists.values():
        if header is not None and value is not header and isinstance(value[0], list):
            rows = named([header, *value])
            if rows[0] is not header:
                return rows
        if all(
            isinstance(one, dict) and any(time_name_rank(name) is not None for name in one)
            for one in value
        ):
            return value
    return None
