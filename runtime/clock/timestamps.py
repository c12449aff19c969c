"""Timestamps: text, numbers and datetimes to int64 nanoseconds since 1970-01-01 UTC, and back."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from runtime.clock.forms import TimeStyle
from runtime.clock.iso import parse_iso
from runtime.clock.moments import LIMIT, UNITS_NS, Times, datetime_of, ns_of, to_ns, unparsable
from runtime.clock.numbers import number_of, parse_numbers
from runtime.errors import InputError

__all__ = ["TimeStyle", "TimestampParser", "format_times", "to_ns"]


class TimestampParser:
    """Parses the time column of one file; the first cell decides the style.

    Numbers below 1e11 are seconds, below 1e14 milliseconds, below 1e17 microseconds, else
    nanoseconds, decided once for the file.

    Args:
        style: The style, where it is known.
    """

    def __init__(self, style: TimeStyle | None = None) -> None:
        self.style = style

    def parse(self, cells: Sequence[str], first_row: int = 1) -> Times:
        """Returns nanoseconds since 1970-01-01 UTC, int64 (cells,).

        Args:
            cells: Timestamps as text.
            first_row: Row number of the first cell, for messages.

        Raises:
            InputError: An unparsable time, times with a time zone among such without, or a time
                outside 1823 to 2116; the message names the row and the text.
        """
        if not cells:
            return np.empty(0, np.int64)
        if self.style is None:
            self.style = _style_of(cells[0], first_row)
        if self.style.kind == "number":
            times = parse_numbers(cells, UNITS_NS[self.style.unit], first_row)
        else:
            times = self._parse_iso(cells, first_row)
        outside = (times <= -LIMIT) | (times >= LIMIT)
        if outside.any():
            row = int(outside.argmax())
            raise unparsable(cells[row], first_row + row, "a time between 1823 and 2116")
        return times

    def _parse_iso(self, cells: Sequence[str], first_row: int) -> Times:
        aware = self.style is not None and self.style.kind == "aware"
        times = np.empty(len(cells), np.int64)
        try:
            # Bytes with their zero padding: one column per character position.
            text = np.array(cells, dtype=np.bytes_)
        except UnicodeEncodeError:
            text = np.zeros(len(cells), "S1")
        lengths = np.char.str_len(text)
        for length in np.unique(lengths):
            at = np.flatnonzero(lengths == length)
            if len(at) == len(cells):
                at = np.arange(len(cells))
            codes = np.ascontiguousarray(text[at]).view(np.uint8).reshape(len(at), -1)
            parsed, good = parse_iso(codes[:, :length], aware=aware)
            times[at] = parsed
            for row in at[~good]:
                times[row] = self._parse_one(cells[row], first_row + int(row))
        return times

    def _parse_one(self, cell: str, row: int) -> int:
        moment = datetime_of(cell)
        if moment is None:
            raise unparsable(cell, row)
        style = self.style or TimeStyle()
        if (moment.tzinfo is not None) != (style.kind == "aware"):
            first = "with" if style.kind == "aware" else "without"
            raise InputError(
                f"Times must either all have a time zone or all have none; the first is {first} "
                f"one. Received: {cell!r} in row {row}. Write all times in UTC with Z."
            )
        return max(-LIMIT, min(LIMIT, ns_of(moment)))


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


def _style_of(cell: str, row: int) -> TimeStyle:
    number = number_of(cell)
    if number is not None:
        size = abs(number)
        unit: Literal["s", "ms", "us", "ns"]
        unit = "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"
        return TimeStyle("number", unit=unit)
    moment = datetime_of(cell)
    if moment is None:
        raise unparsable(cell, row)
    kind: Literal["naive", "aware"] = "naive" if moment.tzinfo is None else "aware"
    return TimeStyle(kind, separator="T" if "T" in cell else " ")
