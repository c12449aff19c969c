"""JSON: an object a line, an array of objects, or lists of times and values per channel."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from runtime.errors import InputError
from runtime.tables.json_shapes import named, rows_of, turned
from runtime.tables.lines import Lines
from runtime.tables.suspects import Suspects

__all__ = ["JsonRows", "is_json"]

_DEEPEST = 20
_PROBED = 20
_MOST_NAMES = 10_000
_DOCUMENT_LIMIT = 1 << 28


def is_json(head: Sequence[str]) -> bool:
    """Whether the first lines of a file are JSON, perhaps after lines that are none."""
    stated = [line.strip() for line in head[:_PROBED] if line.strip()]
    first = next(iter(stated), "")
    if first.startswith(("{", "[")):
        return not first.startswith(("[]", "{}")) or first == "{}"
    objects = sum(_object_of(line) is not None for line in stated)
    return objects > 0 and 2 * objects >= len(stated)


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
        self.titles: list[str] = []
        """Lines before the first object."""
        self.others = 0
        """Objects without any of the columns that are read, such as a boot message."""
        self.other_names: dict[str, None] = {}
        """Their names."""
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
            rows = self._with_columns(batch, names)
            for row, number in rows:
                if not row.keys() <= self.seen:
                    self.seen |= row.keys()
                    for name in row.keys() - known:
                        self.late_names.setdefault(name, number)
            if rows:
                yield [[row.get(name) for row, _ in rows] for name in names], [n for _, n in rows]

    def beside(self, names: Sequence[str]) -> set[str]:
        """Returns the names of the first rows that have any of these."""
        return {name for row, _ in self._first if not row.keys().isdisjoint(names) for name in row}

    def _with_columns(
        self, batch: list[tuple[dict[str, object], int]], names: Sequence[str]
    ) -> list[tuple[dict[str, object], int]]:
        """Leaves out objects without any of the columns."""
        wanted = set(names)
        kept = [(row, number) for row, number in batch if not wanted.isdisjoint(row)]
        if len(kept) < len(batch):
            self.others += len(batch) - len(kept)
            for row, _ in batch:
                if wanted.isdisjoint(row) and len(self.other_names) < _PROBED:
                    self.other_names.update(dict.fromkeys(row))
        return kept

    def _rest(self) -> Iterator[list[tuple[dict[str, object], int]]]:
        first, self._first = self._first, []
        yield first
        yield from self._batches

    def _objects(self, head: list[str]) -> Iterator[list[tuple[dict[str, object], int]]]:
        if not _are_lines(head):
            yield from self._document(head)
            return
        begun = False
        for batch in self._lines.batches(head):
            rows = []
            for number, line in enumerate(batch, self._lines.row):
                text = line.strip()
                if text in ("", "[", "]", ","):
                    continue
                if not begun and not text.startswith(("{", "[")) and len(self.titles) < _PROBED:
                    self.titles.append(text)
                    continue
                row = self._row(text, number)
                if row is not None:
                    begun = True
                    rows += [(_flat(one), number) for one in rows_of(row)]
            self._lines.row += len(batch)
            yield rows

    def _row(self, line: str, number: int) -> dict[str, object] | None:
        problem = "no object"
        try:
            row = _object_of(line)
            if row is not None:
                return row
            json.loads(line)
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
        rows = rows_of(_flat(document)) if isinstance(document, dict) else named(document)
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


def _are_lines(head: Sequence[str]) -> bool:
    """Whether lines hold an object each, perhaps as the lines of an array."""
    stated = [line.strip() for line in head if line.strip() not in ("", "[")]
    if not stated:
        return False
    opening = stated[0]
    if opening.startswith("{"):
        try:
            # A line that is damaged, rather than the first of a document.
            return _object_of(opening) is not None or (
                len(opening) > 1 and not opening.endswith(("{", ",", "["))
            )
        except RecursionError:
            return True
    return not opening.startswith("[") or _object_of(opening) is not None


def _object_of(line: str) -> dict[str, object] | None:
    """Returns the object of a line, perhaps one of an array's; `None`: there is none.

    Raises:
        RecursionError: Objects too deep in each other.
    """
    for text in (line, line.removesuffix(","), line.removeprefix("[").rstrip(",] ")):
        try:
            row = json.loads(text)
        except ValueError:
            continue
        if isinstance(row, dict):
            return _flat(row)
    return None


def _flat(row: Mapping[str, Any]) -> dict[str, object]:
    """Returns one level of names: `OUTER.INNER`.

    Raises:
        RecursionError: Objects too deep in each other.
    """
    row = turned(row)
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
