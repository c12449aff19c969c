"""Timestamps: text, numbers and datetimes to int64 nanoseconds since 1970-01-01 UTC, and back."""

from collections.abc import Sequence

import numpy as np

from runtime.clock.find import find_form
from runtime.clock.forms import KINDS, TimeForm, TimeStyle
from runtime.clock.iso import IsoReader
from runtime.clock.layouts import LayoutReader
from runtime.clock.moments import LIMIT, NO_TIME, UNITS_NS, Times
from runtime.clock.numbers import read_numbers
from runtime.clock.repeats import Repeats
from runtime.clock.zones import LocalClock
from runtime.errors import InputError

__all__ = ["NO_TIME", "TimeForm", "TimeStyle", "TimestampParser", "format_times"]

_LONGEST = 100


class TimestampParser:
    """Parses the time column of one file, in as many parts as it comes.

    Args:
        form: How the times are written, or the style of a file that kad wrote; found from the first
            cells where not given.
        timezone: Of the clock that wrote times without a zone, such as `Europe/Berlin`; UTC where
            not given. Times with a zone keep theirs.

    Attributes:
        repeats: Where the clock shows about an hour twice: times without a zone that go back by 30
            to 65 minutes, as a local clock does in autumn. Empty where a time zone is given.

    Raises:
        InputError: An unknown time zone, or a format that cannot be used.
    """

    def __init__(
        self, form: TimeForm | TimeStyle | None = None, *, timezone: str | None = None
    ) -> None:
        self._form: TimeForm | None = None
        self._reader: IsoReader | LayoutReader | None = None
        self._clock = None if timezone is None else LocalClock(timezone)
        self.repeats = Repeats()
        if form is not None:
            self._take(_of_style(form) if isinstance(form, TimeStyle) else form)

    @property
    def form(self) -> TimeForm | None:
        """How the times are written; `None` before the first cell."""
        return self._form

    @property
    def style(self) -> TimeStyle | None:
        """How times are written out; `None` before the first cell."""
        if self._form is None:
            return None
        style = self._form.style
        local = self._clock is not None and style.kind == "naive"
        return TimeStyle("aware", style.separator) if local else style

    def parse(self, cells: Sequence[str], first_row: int = 1, *, strict: bool = True) -> Times:
        """Returns nanoseconds since 1970-01-01 UTC, or since the start; int64 (cells,).

        Args:
            cells: Timestamps as text.
            first_row: Row number of the first cell, for messages.
            strict: Refuse what is no time; else it is `NO_TIME`, numpy's NaT.

        Raises:
            InputError: An empty or unparsable time, times with a time zone among such without, a
                time outside 1823 to 2116, or one that a local clock never showed; the message
                names the row and the text.
            AmbiguousTimeError: The first cells can be read in two ways.
        """
        if not cells:
            return np.empty(0, np.int64)
        if max(map(len, cells)) > _LONGEST:
            cells = [cell if len(cell) <= _LONGEST else cell[: _LONGEST + 1] for cell in cells]
        if self._form is None:
            form = find_form(cells)
            if form is None and not strict:
                return np.full(len(cells), NO_TIME, np.int64)
            self._take(form or _first_form(cells, first_row))
        times = self._read(cells)
        if times.min() <= -LIMIT or times.max() >= LIMIT:
            if strict:
                self._check(cells, times, first_row)
            times[(times <= -LIMIT) | (times >= LIMIT)] = NO_TIME
        if self._shown_by_clock and self._clock is None:
            self.repeats.look(times, cells, first_row)
        elif self._shown_by_clock and self._clock is not None:
            times, never = self._clock.to_utc(times)
            if strict and never.any():
                row = int(never.argmax())
                raise InputError(
                    f"Times must be such as clocks in {self._clock.name} show. Received: "
                    f"{cells[row]!r} in row {first_row + row}, in the hour that they skip in "
                    "spring. Correct the row, or leave timezone out where times are in UTC or in "
                    "winter time all the year."
                )
        return times

    @property
    def _shown_by_clock(self) -> bool:
        form = self._form or TimeForm()
        return not (form.aware or form.is_elapsed or form.kind == "epoch")

    def _take(self, form: TimeForm) -> None:
        self._form = form
        if form.kind == "iso" and not form.interval:
            self._reader = IsoReader(form)
        elif not form.is_number:
            self._reader = LayoutReader(form)

    def _read(self, cells: Sequence[str]) -> Times:
        if self._reader is not None:
            return self._reader.read(cells)
        return read_numbers(cells, self._form or TimeForm("epoch"))

    def _check(self, cells: Sequence[str], times: Times, first_row: int) -> None:
        form = self._form or TimeForm()
        bad = times == NO_TIME
        if not bad.any():
            index = int(((times <= -LIMIT) | (times >= LIMIT)).argmax())
            wanted = "a time between 1823 and 2116"
            raise _unparsable(cells[index], first_row + index, wanted)
        index = int(bad.argmax())
        cell, row = cells[index], first_row + index
        if self._reader is not None and self._reader.is_other_zone(cell):
            first = "with" if form.aware else "without"
            raise InputError(
                f"Times must either all have a time zone or all have none; the first is {first} "
                f"one. Received: {cell!r} in row {row}. Write all times in UTC with Z."
            )
        raise _unparsable(cell, row, form.describe())


def format_times(times_ns: Times, style: TimeStyle) -> list[str]:
    """Writes times in a file's style; fractions of a second only where there are any.

    Args:
        times_ns: Nanoseconds since 1970-01-01 UTC, int64 (rows,).
        style: Style of the file that the times came from.
    """
    if style.kind == "number":
        unit = UNITS_NS[style.unit]
        whole, rest = np.divmod(times_ns, unit)
        text = list(map(str, whole.tolist()))
        for row in np.flatnonzero(rest):
            # Through decimal digits: a float would lose nanoseconds.
            sign = "-" if times_ns[row] < 0 else ""
            units, part = divmod(abs(int(times_ns[row])), unit)
            digits = str(part).zfill(len(str(unit)) - 1).rstrip("0")
            text[row] = f"{sign}{units}.{digits}"
        return text
    moments = times_ns.view("datetime64[ns]")
    iso = np.datetime_as_string(moments, unit="s")
    if len(iso) and style.separator != "T":
        # One character of each fixed-width row: far faster than a replace per cell.
        iso = iso.astype("U19")
        iso.view("U1").reshape(len(iso), -1)[:, 10] = style.separator
    text = iso.tolist()
    for row in np.flatnonzero(times_ns % 10**9):
        digits = f"{times_ns[row] % 10**9:09d}"
        text[row] += "." + digits.rstrip("0")
    return [t + "Z" for t in text] if style.kind == "aware" else text


def _of_style(style: TimeStyle) -> TimeForm:
    if style.kind == "number":
        return TimeForm("epoch", unit=style.unit)
    return TimeForm("iso", aware=style.kind == "aware", separator=style.separator)


def _first_form(cells: Sequence[str], first_row: int) -> TimeForm:
    """Returns the form of the first cell alone, which the others must have.

    Raises:
        InputError: It is no time; the message has what is.
    """
    form = find_form(cells[:1]) if cells[0].strip() else None
    if form is None:
        raise _unparsable(cells[0], first_row, "; ".join(list(KINDS.values())[:6]) + "; or numbers")
    return form


def _unparsable(cell: str, row: int, wanted: str) -> InputError:
    shown = cell if len(cell) <= 60 else cell[:60] + "…"
    return InputError(f"Times must be {wanted}. Received: {shown!r} in row {row}.")
