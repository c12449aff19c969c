"""JSON: an object a line, an array of objects, or lists of times and values per channel."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from runtime.errors import InputError
from runtime.tables.lines import Lines
from runtime.tables.suspects import Suspects

__all__ = ["JsonRows", "is_json"]

_DEEPEST = 20
_MOST_NAMES = 10_000
_DOCUMENT_LIMIT = 1 << 28
_TIMES = ("ts", "time", "timestamp", "t")


def is_json(head: Sequence[str]) -> bool:
    """Whether the first lines of a file are JSON."""
    first = next((line.lstrip() for line in head if line.strip()), "")
    return (first.startswith(("{", "[")) and not first.startswith(("[]", "{}"))) or first in ("{}",)


class JsonRows:
    """The rows of JSON lines, of one array of objects, or of one object with a list per channel.

    Objects in objects are columns called `OUTER.INNER`. What a row lacks is missing.

    Args:
        lines: The file.
        head: Its first lines.
        suspects: Takes rows that are none.
        wanted: Columns that it should have, where they are known.

    Raises:
        InputError: A document that is none of these.
    """

    def __init__(
        self, lines: Lines, head: list[str], suspects: Suspects, wanted: Collection[str] = ()
    ) -> None:
        self._lines = lines
        self._suspects = suspects
        self.late_names: dict[str, int] = {}
        """Names that were not in the first rows, and where each came first."""
        self.seen: set[str] = set()
        """Names that have come at all."""
        source = self._objects(head)
        self._first: list[tuple[dict[str, object], int]] = []
        names: dict[str, None] = dict.fromkeys(wanted)
        probed = 0
        self._batches = source
        for batch in source:
            self._first += batch
            for row, _ in batch:
                names.update(dict.fromkeys(row))
            probed += len(batch)
            if probed >= len(head) - 1 or len(names) > _MOST_NAMES:
                break
        self.names: tuple[str, ...] = tuple(names)
        """Of the columns."""
        self.units: tuple[str | None, ...] = (None,) * len(self.names)
        """JSON states none."""

    def sample(self) -> list[list[str]]:
        """Returns the first cells of every column."""
        return [[text_of(row.get(name)) for row, _ in self._first] for name in self.names]

    def columns(
        self, places: Sequence[int]
    ) -> Iterator[tuple[Sequence[Sequence[object]], Sequence[int]]]:
        """Yields values of some columns, as many rows at a time as have arrived, and their rows."""
        names = [self.names[place] for place in places]
        known = set(self.names)
        for batch in self._rest():
            if not batch:
                continue
            for row, number in batch:
                if not row.keys() <= self.seen:
                    self.seen |= row.keys()
                    for name in row.keys() - known:
                        self.late_names.setdefault(name, number)
            yield [[row.get(name) for row, _ in batch] for name in names], [n for _, n in batch]

    def _rest(self) -> Iterator[list[tuple[dict[str, object], int]]]:
        first, self._first = self._first, []
        yield first
        yield from self._batches

    def _objects(self, head: list[str]) -> Iterator[list[tuple[dict[str, object], int]]]:
        opening = next(line for line in head if line.strip()).lstrip()
        if opening.startswith("[") or not _is_object(opening):
            yield from self._document(head)
            return
        for batch in self._lines.batches(head):
            rows = []
            for number, line in enumerate(batch, self._lines.row):
                if not line.strip():
                    continue
                row = self._row(line, number)
                if row is not None:
                    series = _series_of(row)
                    if series is None:
                        rows.append((row, number))
                    else:
                        rows += [(one, number) for one in series]
            self._lines.row += len(batch)
            yield rows

    def _row(self, line: str, number: int) -> dict[str, object] | None:
        problem = "no object"
        try:
            row = json.loads(line)
            if isinstance(row, dict):
                return _flat(row)
        except RecursionError:
            problem = "objects too deep in each other"
        except ValueError as error:
            problem = str(error).split(":")[0]
        self._suspects.take(
            line,
            number,
            InputError(
                f"Every line of {self._lines.name} must be a JSON object. "
                f"Received: {line.strip()[:60]!r} in row {number}, {problem}."
            ),
        )
        return None

    def _document(self, head: list[str]) -> Iterator[list[tuple[dict[str, object], int]]]:
        """Yields the objects of one array, or of one object over several lines."""
        texts: list[str] = []
        size = 0
        name = self._lines.name
        for batch in self._lines.batches(head):
            texts += batch
            size += sum(map(len, batch))
            if size > _DOCUMENT_LIMIT:
                raise InputError(
                    f"{name} must be JSON lines from {_DOCUMENT_LIMIT >> 20} MB on. Received: one "
                    "document. Write one object a line."
                )
        try:
            document = json.loads("\n".join(texts))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{name} must be a JSON object a line, or an array of objects. "
                f"Received: {' '.join(str(error).split())[:200]}."
            ) from error
        if isinstance(document, dict):
            flat = _flat(document)
            rows: Iterable[Any] | None = _series_of(flat)
            if rows is None:
                lists = [v for v in document.values() if isinstance(v, list)]
                rows = lists[0] if len(lists) == 1 else [document]
        else:
            rows = document
        found = []
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise InputError(
                    f"The array of {name} must hold objects. "
                    f"Received: {json.dumps(row)[:60]} at place {number}."
                )
            found.append((_flat(row), number))
        yield found


def text_of(value: object) -> str:
    """Returns a JSON value as the text that a CSV would have."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | list) else repr(value)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except RecursionError:
        return True
    except ValueError:
        # A line that is damaged, rather than the first of a document.
        return len(line.strip()) > 1 and not line.rstrip().endswith(("{", ",", "["))


def _flat(row: Mapping[str, Any]) -> dict[str, object]:
    """Returns one level of names: `OUTER.INNER`.

    Raises:
        RecursionError: Objects too deep in each other.
    """
    if not any(isinstance(value, dict) for value in row.values()):
        return dict(row)
    flat: dict[str, object] = {}
    stack = [("", row, 0)]
    while stack:
        prefix, node, depth = stack.pop()
        if depth > _DEEPEST:
            raise RecursionError
        for name, value in node.items():
            if isinstance(value, dict):
                stack.append((f"{prefix}{name}.", value, depth + 1))
            else:
                flat[f"{prefix}{name}"] = value
    return flat


def _series_of(row: Mapping[str, object]) -> list[dict[str, object]] | None:
    """Returns the rows of an object with a list of times and values per channel; `None`: no such.

    Such as `{"flow": [{"ts": 1709510400000, "value": "20.13"}, …]}`.
    """
    lists = {name: value for name, value in row.items() if isinstance(value, list) and value}
    if not lists or len(lists) < len(row):
        return None
    rows: dict[object, dict[str, object]] = {}
    for name, points in lists.items():
        for point in points:
            time = (
                next((k for k in _TIMES if k in point), None) if isinstance(point, dict) else None
            )
            if time is None or "value" not in point:
                return None
            rows.setdefault(point[time], {"ts": point[time]})[name] = point["value"]
    try:
        return [rows[time] for time in sorted(rows)]  # type: ignore[type-var]
    except TypeError:
        return list(rows.values())
