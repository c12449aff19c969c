"""Which column of a table holds its times, and how they are written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from runtime.clock.find import find_form, is_date_only, is_time_of_day
from runtime.clock.find_numbers import could_be_times
from runtime.clock.forms import TimeForm
from runtime.clock.names import is_date_name, time_name_rank
from runtime.clock.timestamps import NO_TIME, TimestampParser
from runtime.errors import AmbiguousTimeError, InputError
from runtime.tables.numbers import is_number, is_stated
from runtime.tables.reading import Reading

__all__ = ["TimeColumn", "find_time"]

JOINED = " + "
"""Between the names of a date and its time of day."""
_PROBED = 2000


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YEARS = _set("year yr yy yyyy jahr année annee an año ano anno jaar år rok")
_PARTS = _set(
    "month mo mm mon monat mois mes mese maand måned doy dayofyear day_of_year julian day dd tag "
    "jour día dia giorno dag hour hr hh hhmm stunde heure hora ora uur time minute mi second sec "
    "sekunde minuto segundo"
)
_MOST_TEXTS = 100
"""Columns of text that are tried as times under other names."""
_CERTAIN = 10
"""Ranks of names that nothing but times have."""


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """Where the times are."""

    name: str
    """Of the column; `DATE + TIME` where it is two."""
    places: tuple[int, ...]
    """Of the column among all."""
    form: TimeForm | None
    """How it is written; `None`: more rows must tell."""
    how: str
    """How it was found, in words."""
    digits: int = 0
    """Digits of the time of day in its own column, where it has nothing else: 4 or 6."""

    def cells(self, columns: Sequence[Sequence[object]]) -> list[str]:
        """Returns the times as text, of these columns."""
        if len(columns) == 1:
            if set(map(type, columns[0])) <= {str}:
                return list(columns[0])  # type: ignore[arg-type]
            return list(map(_text, columns[0]))
        dates, times = ([*map(_text, column)] for column in columns)
        if self.digits:
            times = [_with_colons(time, self.digits) for time in times]
        return [f"{date} {time}" for date, time in zip(dates, times, strict=True)]


def find_time(
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    *,
    table: str,
    channels: Collection[str] = (),
    asked: str | None = None,
    why: str = "as it was said",
    reading: Reading,
    numbered: bool = False,
) -> TimeColumn | None:
    """Finds the time column by its name, else by what its cells are; `None`: there is none.

    Args:
        names: Of all columns.
        sample: First cells of every column.
        table: What to call it in messages.
        channels: Columns that are read as channels.
        asked: The column that the user, or the detector, names.
        why: Why it is that one, in words.
        reading: How it is written, where that was said or the detector knows.
        numbered: A table without times is meant: what looks like times is no error.

    Raises:
        InputError: The column that was asked for is not there, or a column that is called a time
            or looks like one cannot be read as times.
    """
    finder = _Finder(names, sample, table, channels, reading)
    if asked is not None:
        return finder.asked(asked, why)
    return finder.pair() or finder.by_name() or finder.by_content(numbered=numbered)


class _Finder:
    def __init__(
        self,
        names: Sequence[str],
        sample: Sequence[Sequence[str]],
        table: str,
        channels: Collection[str],
        reading: Reading,
    ) -> None:
        self.names = names
        self.sample = [[cell for cell in cells[:_PROBED] if is_stated(cell)] for cells in sample]
        self.table = table
        self.channels = channels
        self.reading = reading
        self.free = [i for i, name in enumerate(names) if name not in channels]

    def asked(self, name: str, why: str) -> TimeColumn:
        parts = name.split(JOINED) if name not in self.names else [name]
        if not all(part in self.names for part in parts):
            raise InputError(
                f"{self.table} must have the time column {name}. Received: "
                f"{', '.join(self.names)[:500]}. Name it with --time, or rename the column."
            )
        places = [self.names.index(part) for part in parts]
        if len(places) == 1 and is_date_only(self.sample[places[0]]):
            pair = self.pair(date=places[0])
            if pair is not None:
                return pair
        return self._column(tuple(places), why)

    def pair(self, date: int | None = None) -> TimeColumn | None:
        """Finds a date and, in another column, its time of day."""
        dates = [
            i
            for i in ([date] if date is not None else self.free)
            if date is not None or time_name_rank(self.names[i]) is not None
            if self.sample[i] and is_date_only(self.sample[i])
        ]
        if not dates:
            return None
        first = next((i for i in dates if is_date_name(self.names[i])), dates[0])
        others = [i for i in self.free if i != first and self.sample[i]]
        named = [i for i in others if time_name_rank(self.names[i]) is not None]
        clocks = [i for i in named if self._is_clock(i)]
        clocks += [i for i in others if i not in named and self._is_clock(i)]
        if clocks:
            return self._column((first, clocks[0]), "a date and its time")
        for place in named if date is None else []:
            cells = self.sample[place]
            if all(map(str.isdigit, cells)) and is_time_of_day([cell.zfill(6) for cell in cells]):
                raise InputError(
                    f"Column {self.names[place]!r} of {self.table} must hold times of day beside "
                    f"the dates of {self.names[first]!r}. Received: {cells[0][:60]!r}. Write all "
                    "six digits, or name the time column with --time."
                )
        return None

    def _is_clock(self, place: int) -> bool:
        """Whether a column has times of day; numbers are some where the name says so."""
        cells, name = self.sample[place], self.names[place]
        if time_name_rank(name) is None:
            return not any(map(is_number, cells)) and (
                is_time_of_day(cells) and not is_date_only(cells)
            )
        if width := _clock_digits(cells):
            cells = [_with_colons(cell, width) for cell in cells]
        return is_time_of_day(cells)

    def by_name(self) -> TimeColumn | None:
        ranks = {i: time_name_rank(self.names[i]) for i in self.free}
        ranked = sorted((rank, i) for i, rank in ranks.items() if rank is not None)
        for rank, place in ranked:
            cells = self.sample[place]
            if not cells:
                continue
            if rank > _CERTAIN and all(map(is_number, cells)) and not _rises(cells):
                continue
            return self._column((place,), "by its name")
        return None

    def by_content(self, *, numbered: bool) -> TimeColumn | None:
        texts, numbers, probed = [], [], 0
        for place in self.free:
            cells = self.sample[place]
            if not cells:
                continue
            if sum(map(is_number, cells)) > len(cells) / 2:
                if could_be_times(_floats(cells)) and _rises(cells):
                    numbers.append(place)
            elif probed < _MOST_TEXTS and _has_digits(cells):
                probed += 1
                if self._is_times(cells, self.names[place]):
                    texts.append(place)
        if found := texts or numbers:
            if len(found) > 1 and not numbered:
                named = ", ".join(repr(self.names[i]) for i in found)
                raise InputError(
                    f"{self.table} must have one time column. Received: {named}. "
                    "Name one of them with --time."
                )
            return self._column((found[0],), "by its cells")
        if not numbered and (parts := self._parts()):
            raise InputError(
                f"{self.table} must have its times in one column, or in two with the date and the "
                f"time of day. Received: {', '.join(parts)}. Join them, as in 2024-03-04 00:05, or "
                "leave times out with grid = 'rows' in [data]."
            )
        for place in self.free:
            cells = self.sample[place]
            if not numbered and _looks_dated(cells):
                raise InputError(
                    f"{self.table} has no times that can be read, but column {self.names[place]!r} "
                    f"looks like times. Received: {cells[0][:60]!r}. Say how it is written with "
                    "--time-format, or leave times out with grid = 'rows' in [data]."
                )
        return None

    def _parts(self) -> list[str]:
        """Returns the columns of a year and of other parts of a time."""
        years = [i for i in self.free if self._is_part(i, _YEARS) and _are_years(self.sample[i])]
        others = [i for i in self.free if self._is_part(i, _PARTS)]
        return [self.names[i] for i in (*years[:1], *others)] if years and others else []

    def _is_part(self, place: int, words: Collection[str]) -> bool:
        name = self.names[place].strip().lower().strip("_#[]().")
        return name in words and all(map(str.isdigit, self.sample[place]))

    def _is_times(self, cells: Sequence[str], name: str) -> bool:
        try:
            return find_form(cells, header=name) is not None
        except AmbiguousTimeError:
            return True
        except InputError:
            return False

    def _column(self, places: tuple[int, ...], how: str) -> TimeColumn:
        name = JOINED.join(self.names[i] for i in places)
        header = self.names[places[0]]
        digits = _clock_digits(self.sample[places[1]]) if len(places) == 2 else 0
        column = TimeColumn(name, places, None, how, digits)
        samples = [self.sample[place] for place in places]
        least = min(map(len, samples))
        cells = column.cells([sample[:least] for sample in samples])
        form = None
        if cells:
            form = form_of(
                cells, header=header, reading=self.reading, table=self.table, final=False
            )
        return replace(column, form=form)


def form_of(
    cells: Sequence[str], *, header: str, reading: Reading, table: str, final: bool
) -> TimeForm | None:
    """Returns how times are written; what is known decides where cells leave it open.

    Args:
        cells: All that there are, or the first of them.
        header: Their column.
        reading: How they were written in training, or were said to be.
        table: What to call it in messages.
        final: No more cells will come: what they leave open is an error.

    Raises:
        InputError: They are no times, or more than one reading fits.
    """
    known = reading.form
    said = reading.time_format is not None or reading.time_unit is not None
    if (
        known is not None
        and not said
        and known.kind not in ("iso", "epoch")
        and _fits(known, cells)
    ):
        return known
    try:
        form = find_form(
            cells, header=header, time_format=reading.time_format, time_unit=reading.time_unit
        )
    except AmbiguousTimeError as error:
        if known is not None and _fits(known, cells):
            return known
        if final:
            raise InputError(f"Column {header} of {table}: {error}") from error
        return None
    form = form or _form_of_most(cells, header)
    if form is None:
        raise InputError(
            f"Column {header!r} of {table} must hold times. Received: {cells[0][:60]!r}. Say how "
            "it is written with --time-format, or name the time column with --time."
        )
    return form


def _form_of_most(cells: Sequence[str], header: str) -> TimeForm | None:
    """Returns the form of the first cells where most have it: the parser names the others."""
    for cell in cells[:3]:
        try:
            form = find_form([cell], header=header)
        except AmbiguousTimeError:
            continue
        if form is not None:
            times = TimestampParser(form).parse(cells, strict=False)
            if 2 * int((times != NO_TIME).sum()) > len(cells):
                return form
    return None


def _fits(form: TimeForm, cells: Sequence[str]) -> bool:
    return bool((TimestampParser(form).parse(cells, strict=False) != NO_TIME).all())


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _clock_digits(cells: Sequence[str]) -> int:
    """Returns the digits of times of day that are nothing else: 5 and 2355 have 4."""
    if not cells or not all(cell.strip().isdigit() for cell in cells):
        return 0
    widths = {len(cell.strip()) for cell in cells}
    return 4 if max(widths) <= 4 else 6 if widths == {6} else 0


def _with_colons(cell: str, digits: int) -> str:
    text = cell.strip().zfill(digits)
    return ":".join(text[place : place + 2] for place in range(0, len(text), 2))


def _floats(cells: Sequence[str]) -> np.ndarray:
    values = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        try:
            values[i] = float(cell)
        except ValueError:
            continue
    return values


def _rises(cells: Sequence[str]) -> bool:
    """Whether numbers hardly ever fall."""
    values = _floats(cells)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return True
    steps = np.diff(values)
    return bool((steps >= 0).mean() > 0.9 and values[-1] > values[0])


def _has_digits(cells: Sequence[str]) -> bool:
    """Whether text has as many digits as the shortest times, such as 0:05."""
    return all(sum(map(str.isdigit, cell[:100])) >= 3 for cell in cells[:3])


def _are_years(cells: Sequence[str]) -> bool:
    return bool(cells) and all(len(cell) == 2 or 1900 <= int(cell) <= 2100 for cell in cells)


def _looks_dated(cells: Sequence[str]) -> bool:
    """Whether text has digits as dates have, and differs from row to row."""
    if len(cells) < 3 or len(set(cells)) < 0.9 * len(cells) or any(map(is_number, cells)):
        return False
    return all(
        sum(map(str.isdigit, cell)) >= 4 and any(mark in cell for mark in ":/.-") and len(cell) < 60
        for cell in cells
    )
