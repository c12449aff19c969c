"""How a CSV file is laid out: delimiter, header, units and what stands above them."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from runtime.clock.names import time_name_rank
from runtime.errors import InputError
from runtime.tables.formulas import from_text
from runtime.tables.numbers import is_number, is_stated
from runtime.tables.records import SPACES, split_line

__all__ = ["Layout", "find_layout", "units_of"]

_DELIMITERS = (",", ";", "\t", "|", SPACES)
_PROBED = 200
_TIMELIKE = re.compile(r"\d{1,4}([-./:])\d{1,2}|\d{1,2}[- ][A-Za-z]{3}|[A-Za-z]{3},? \d|\d+T\d")
_PLAIN_NUMBER = re.compile(r"[+-]?\d[\d.,]*")
_LONGEST_UNIT = 20
_COMMENTS = ("#", "//")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a CSV file lie."""

    delimiter: str
    """Between cells; a space stands for runs of spaces."""
    names: tuple[str, ...]
    """Of the columns, in order; made up where the file has no header."""
    units: tuple[str | None, ...]
    """From a row below the header."""
    first: int
    """Lines above the first row of data."""
    has_header: bool
    """Whether the names are the file's."""
    joins_time: bool = False
    """Whether the first two cells of a row are the date and the time of one column."""
    above: tuple[str, ...] = ()
    """Titles, and comments, above the rows."""
    below: tuple[str, ...] = ()
    """What stands between the header and the rows beside units: notes."""

    @property
    def width(self) -> int:
        """Cells of a row."""
        return len(self.names) + self.joins_time


def find_layout(lines: Sequence[str], name: str, wanted: Collection[str] = ()) -> Layout:
    """Finds the layout from the first lines of a file: from all of them, not from the header.

    Args:
        lines: Whole lines.
        name: What to call the file in messages.
        wanted: Columns that the header should have, where they are known.

    Raises:
        InputError: There are no rows below the header.
    """
    probed = list(lines[:_PROBED])
    forced = None
    stated = next((i for i, line in enumerate(probed) if line.strip()), 0)
    if match := re.fullmatch(r'"?sep=(.)"?[,;]*', probed[stated].strip(" \r\n"), re.IGNORECASE):
        forced = match[1] if match[1] != " " else SPACES
        probed[stated] = ""
    candidates = [forced] if forced else _DELIMITERS
    splits = [_Split(probed, delimiter) for delimiter in candidates]
    best = max(splits, key=lambda split: split.quality(wanted))
    return best.layout(name, wanted)


class _Split:
    """The first lines, split by one delimiter."""

    def __init__(self, lines: Sequence[str], delimiter: str) -> None:
        self.delimiter = delimiter
        self.lines = lines
        self.rows: list[tuple[int, list[str]]] = []
        """Number of the line after each record, and its cells, without blank lines and comments."""
        held: list[str] = []
        for number, line in enumerate(lines):
            if not held and (not line.strip() or line.lstrip().startswith(_COMMENTS)):
                continue
            text = "\n".join([*held, line])
            cells, is_open = split_line(text, delimiter)
            if is_open and len(held) < 9 and number + 1 < len(lines) and self._goes_on(number):
                held.append(line)
                continue
            if is_open and held:
                for back, one in enumerate([*held, line]):
                    at = number - len(held) + back + 1
                    self.rows.append((at, _stripped(split_line(one, delimiter)[0])))
            else:
                self.rows.append((number + 1, _stripped(cells)))
            held = []
        half = self.rows[len(self.rows) // 2 :] or self.rows
        full = Counter(len(cells) for _, cells in half)
        every = Counter(len(cells) for _, cells in self.rows)
        self.width = max(full, key=lambda n: (full[n], every[n], n), default=0)
        self.body = [cells for _, cells in half if len(cells) == self.width]
        self.filled = max((len(_trimmed(cells)) for cells in self.body), default=0)
        self.share = len(self.body) / max(len(half), 1)

    def _goes_on(self, number: int) -> bool:
        """Whether a quote that a line leaves open closes later: the next line is no row itself."""
        if len(self.rows) < 9:
            return True
        after = split_line(self.lines[number + 1], self.delimiter)[0]
        return len(after) != len(self.rows[-1][1])

    def quality(self, wanted: Collection[str]) -> float:
        """Returns how well the delimiter fits the lines."""
        if not self.rows or not self.body:
            return -1.0
        cells = [cell for row in self.body for cell in row]
        cleanness = _cleanness if self.delimiter != SPACES else _cleanness_by_spaces
        clean = sum(map(cleanness, cells)) / max(len(cells), 1)
        has_wanted = bool(wanted) and any(
            set(wanted) <= set(map(from_text, cells)) for _, cells in self.rows[:50]
        )
        is_split = 1.0 if self.width > 1 else 0.3
        if self.delimiter == SPACES:
            is_split *= 0.9
        return 10.0 * has_wanted + self.share * clean * is_split + 1e-4 * min(self.width, 20)

    def layout(self, name: str, wanted: Collection[str]) -> Layout:
        """Returns the layout.

        Raises:
            InputError: There are no rows below the header.
        """
        if not self.rows:
            raise InputError(f"{name} must have rows below its header. Received: comments alone.")
        first = self._first_data(wanted)
        joins = False
        above = [row for row in self.rows[:first] if row[1]]
        width = self.width
        if self.delimiter == SPACES and above and len(above[-1][1]) == width - 1:
            joins, width = True, width - 1
        header = self._header(above, width, wanted)
        units: tuple[str | None, ...] = ()
        notes: list[str] = []
        start = self.rows[first - 1][0] if first else 0
        if header is None:
            comment = self._commented(start, first, width)
            if comment is not None:
                names, has_header = comment, True
                if not any("\n" in cell for cell in self.rows[first][1]):
                    start = self.rows[first][0] - 1
            else:
                if first >= len(self.rows):
                    raise InputError(
                        f"{name} must have rows below its header. Received: a header alone."
                    )
                names, has_header = [f"column_{i}" for i in range(1, width + 1)], False
            titles = [cells for _, cells in above]
        else:
            place, names, units, notes = header
            has_header = True
            titles = [cells for _, cells in above[:place]]
        if first >= len(self.rows) and header is None:
            raise InputError(f"{name} must have rows below its header. Received: a header alone.")
        return Layout(
            delimiter=self.delimiter,
            names=tuple(map(from_text, names)),
            units=(*units, *[None] * len(names))[: len(names)],
            first=start,
            has_header=has_header,
            joins_time=joins,
            above=(*map(_text, titles), *self._comments(start, names)),
            below=tuple(notes),
        )

    def _first_data(self, wanted: Collection[str]) -> int:
        """Returns the place of the first row of data."""
        for place, (_, cells) in enumerate(self.rows[:50]):
            if wanted and set(wanted) <= set(map(from_text, cells)):
                return self._after_header(place + 1)
        columns = range(self.width)
        times = [c for c in columns if _most(self.body, c, _is_timelike)]
        numbers = [c for c in columns if c not in times and _most(self.body, c, is_number)]
        if not times and not numbers:
            return self._after_header(self._widest(0) + 1)
        always = next((c for c in numbers if all(is_number(row[c]) for row in self.body)), None)

        def is_begun(cells: Sequence[str]) -> bool:
            # What counts the rows, or the time, has a number from the first row on.
            return always is None or (always < len(cells) and is_number(cells[always]))

        for place, (_, cells) in enumerate(self.rows):
            if len(cells) < self.width - 1 or _is_count(cells):
                continue
            if any(c < len(cells) and _is_timelike(cells[c]) for c in times):
                return place
            if not times and _is_data(cells, numbers) and is_begun(cells):
                return place
        return self._after_header(self._widest(0) + 1)

    def _after_header(self, place: int) -> int:
        """Returns the first row that is no row of units."""
        while place < len(self.rows) and units_of(self.rows[place][1], self.width):
            place += 1
        return place

    def _widest(self, place: int) -> int:
        return next(
            (p for p, (_, cells) in enumerate(self.rows) if len(cells) >= self.filled), place
        )

    def _header(
        self, above: Sequence[tuple[int, list[str]]], width: int, wanted: Collection[str]
    ) -> tuple[int, list[str], tuple[str | None, ...], list[str]] | None:
        """Returns the header's place, the names, the row of units, and notes below the header."""
        fits = [
            place
            for place, (_, cells) in enumerate(above)
            if len(_trimmed(cells)) > 1 or width == 1
            if self.filled <= len(cells) <= width or len(cells) == width
        ]
        named = [p for p in fits if wanted and set(wanted) <= set(map(from_text, above[p][1]))]
        if named:
            fits = fits[fits.index(named[0]) :]
        if not fits:
            return None
        # Those directly above the data.
        block = [p for p in fits if all(q in fits for q in range(p, fits[-1] + 1))]
        place = block[0] if named else min(block, key=lambda p: _no_header(above[p][1]))
        names = above[place][1]
        groups = [p for p in block if p < place]
        below = [p for p in block if p > place]
        last = place
        if groups and len(set(names)) < len(names):
            names = _joined(above[groups[-1]][1], names)
        elif below and _are_groups(names, above[below[0]][1]):
            names, last = _joined(names, above[below[0]][1]), below[0]
        under = [cells for _, cells in above[last + 1 :]]
        found = units_of(under[0], width) if under and len(under[0]) >= self.filled else None
        if found is None:
            return place, names, (), [*map(_text, under)]
        units, note = found
        return place, names, units, [*filter(None, [note]), *map(_text, under[1:])]

    def _comments(self, start: int, names: Sequence[str]) -> list[str]:
        """Returns the comments above the rows, without the header in one of them."""
        comments = [line.strip() for line in self.lines[:start]]
        comments = [text for text in comments if text.startswith(_COMMENTS)]
        return [text for text in comments if self._bare(text) != list(names)]

    def _bare(self, comment: str) -> list[str]:
        return _stripped(split_line(comment.lstrip("#/").strip(), self.delimiter)[0])

    def _commented(self, start: int, first: int, width: int) -> list[str] | None:
        """Returns names from the last comment above the data that has as many."""
        end = self.rows[first][0] - 1 if first < len(self.rows) else len(self.lines)
        for line in reversed(self.lines[start:end]):
            text = line.strip()
            if text.startswith(_COMMENTS):
                cells = self._bare(text)
                if len(cells) == width and width > 1:
                    return cells
        return None


def _no_header(cells: Sequence[str]) -> tuple[bool, bool, bool]:
    """Sorts rows above the data: those with a time's name, without numbers, come first."""
    has_times = any(map(_is_timelike, cells))
    has_name = any(time_name_rank(cell) is not None for cell in cells if cell)
    return has_times, not has_name, any(map(_PLAIN_NUMBER.fullmatch, cells))


def _are_groups(names: Sequence[str], below: Sequence[str]) -> bool:
    """Whether names are those of groups, as of merged cells; the row below tells them apart."""
    pairs = list(zip(names, below, strict=False))
    blanks = any(not name and second for name, second in pairs)
    is_double = len(set(names)) < len(names)
    return (blanks or is_double) and len(set(_joined(names, below))) == len(names) == len(pairs)


def _joined(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    """Returns `GROUP NAME` per column; a group goes on over the blank cells beside it."""
    joined, last = [], ""
    for group, name in zip(groups, names, strict=False):
        last = group if group or not name else last
        joined.append(" ".join(filter(None, (last if name else group, name))))
        if not name:
            last = ""
    return joined


def _unit(cell: str) -> str | None:
    """Returns the unit of a cell; `None`: it has none, as `-` and the dashes of a ruled line."""
    text = cell[1:-1].strip() if re.fullmatch(r"\([^()]*\)|\[[^\[\]]*\]", cell) else cell
    return text if re.search(r"\w|[%‰°€$£¥\"']", text) else None


def _text(cells: Sequence[str]) -> str:
    return " ".join(filter(None, cells))


def _stripped(cells: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _trimmed(cells: Sequence[str]) -> Sequence[str]:
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _most(rows: Sequence[Sequence[str]], column: int, test: Callable[[str], bool]) -> bool:
    stated = [row[column] for row in rows if is_stated(row[column])]
    return bool(stated) and sum(map(test, stated)) > len(stated) / 2


def _is_timelike(cell: str) -> bool:
    return _TIMELIKE.match(cell) is not None and not is_number(cell)


def _is_data(cells: Sequence[str], numbers: Sequence[int]) -> bool:
    stated = [cells[c] for c in numbers if c < len(cells) and is_stated(cells[c])]
    return sum(map(is_number, stated)) > len(stated) / 2


def _is_count(cells: Sequence[str]) -> bool:
    """Whether names are the numbers of the columns, as some programs write."""
    texts = list(filter(None, cells))
    return len(texts) > 1 and texts in (
        [str(i) for i in range(len(texts))],
        [str(i) for i in range(1, len(texts) + 1)],
    )


def units_of(cells: Sequence[str], width: int) -> tuple[tuple[str | None, ...], str] | None:
    """Returns the units of a row of units and the note beside them; `None`: it is no such row.

    One cell of it, or one behind the columns, may be a note: it is no unit.
    """
    stated = [(place, cell) for place, cell in enumerate(cells) if cell]
    notes = [cell for place, cell in stated if place >= width or not _is_unit(cell)]
    if len(notes) >= min(2, len(stated)) or any(map(_is_measured, notes)):
        return None
    units = [None if cell in notes else _unit(cell) for cell in cells[:width]]
    return (*units, *[None] * (width - len(units))), _text(notes)


def _is_unit(cell: str) -> bool:
    return len(cell) <= _LONGEST_UNIT and not _is_measured(cell)


def _is_measured(cell: str) -> bool:
    return is_number(cell) or _is_timelike(cell)


def _cleanness_by_spaces(cell: str) -> float:
    """As `_cleanness`; `08:00:00,20.5` is two cells, while a time may have a decimal comma."""
    is_torn = "," in cell and ":" in cell and not re.fullmatch(r"[\d:]+,\d{1,9}", cell)
    return 0.0 if is_torn else _cleanness(cell)


def _cleanness(cell: str) -> float:
    if not is_stated(cell) or is_number(cell) or _is_timelike(cell):
        return 0.0 if re.search(r"[;\t|]", cell) or (cell.count(",") > 1 and ":" in cell) else 1.0
    return 0.0 if re.search(r"[,;\t|]", cell) else 0.6
