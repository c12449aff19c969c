"""The common forms of ISO 8601, in numpy: rows of equal length at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.forms import TimeForm
from runtime.clock.layouts import LayoutReader
from runtime.clock.moments import LIMIT, NO_TIME, Times, datetime_of, ns_of

__all__ = ["IsoReader"]


class IsoReader:
    """Reads ISO dates: the common ones fast, others by their layout, rare ones one by one.

    Args:
        form: Of the kind `iso`.
    """

    def __init__(self, form: TimeForm) -> None:
        self.form = form
        self._layouts = LayoutReader(form)

    def read(self, cells: Sequence[str]) -> Times:
        """Returns nanoseconds, int64 (cells,); `NO_TIME` for what is no ISO date.

        What is outside 1823 to 2116 is at the limit.
        """
        times = np.full(len(cells), NO_TIME, np.int64)
        try:
            # Bytes with their zero padding: one column per character position.
            text = np.array(cells, dtype=np.bytes_)
        except UnicodeEncodeError:
            text = np.zeros(len(cells), "S1")
        lengths = np.char.str_len(text)
        for length in np.unique(lengths):
            at = np.flatnonzero(lengths == length)
            part = np.ascontiguousarray(text if len(at) == len(cells) else text[at])
            codes = part.view(np.uint8).reshape(len(at), -1)
            parsed, good = _parse_codes(codes[:, :length], aware=self.form.aware)
            times[at] = np.where(good, parsed, NO_TIME)
        left = np.flatnonzero(times == NO_TIME)
        if len(left):
            times[left] = self._layouts.read([cells[row] for row in left.tolist()])
            for row in left[times[left] == NO_TIME].tolist():
                times[row] = self._one(cells[row])
        return times

    def is_other_zone(self, cell: str) -> bool:
        """Whether a cell would be a time, but has a zone where the form has none, or none."""
        moment = datetime_of(cell)
        if moment is None:
            return self._layouts.is_other_zone(cell)
        return (moment.tzinfo is not None) != self.form.aware

    def _one(self, cell: str) -> int:
        moment = datetime_of(cell)
        if moment is None or (moment.tzinfo is not None) != self.form.aware:
            return NO_TIME
        return max(-LIMIT, min(LIMIT, ns_of(moment)))


def _parse_codes(
    codes: npt.NDArray[np.uint8], *, aware: bool
) -> tuple[Times, npt.NDArray[np.bool_]]:
    """Parses rows of equal length: YYYY-MM-DD[ T]hh:mm[:ss[.f…]][Z|±hh[:]mm].

    Returns:
        Nanoseconds, and which rows have this form and the wanted zone; the caller looks closer
        at the others.
    """
    count, length = codes.shape
    zeros = np.zeros(count, np.int64)
    good = np.ones(count, np.bool_)
    if length < 16 or count == 0:
        return zeros, np.zeros(count, np.bool_)
    end = length
    offset = zeros
    if aware:
        if codes[0, -1] == ord("Z"):
            good &= codes[:, -1] == ord("Z")
            end -= 1
        else:
            colon = int(codes[0, -3] == ord(":"))
            end -= 5 + colon
            if end < 16:
                return zeros, np.zeros(count, np.bool_)
            sign = codes[:, end]
            good &= (sign == ord("+")) | (sign == ord("-"))
            if colon:
                good &= codes[:, end + 3] == ord(":")
            hours = _digits(codes, end + 1, end + 3, good)
            minutes = _digits(codes, end + 3 + colon, end + 5 + colon, good)
            good &= (hours < 24) & (minutes < 60)
            offset = np.where(sign == ord("-"), -1, 1) * (hours * 60 + minutes) * 60
    separators = [(4, "-"), (7, "-"), (13, ":")]
    if end > 16:
        separators.append((16, ":"))
    if end > 19:
        separators.append((19, "."))
    for position, character in separators:
        if position >= end:
            return zeros, np.zeros(count, np.bool_)
        good &= codes[:, position] == ord(character)
    if end not in (16, 19) and not 21 <= end <= 29:
        return zeros, np.zeros(count, np.bool_)
    good &= (codes[:, 10] == ord(" ")) | (codes[:, 10] == ord("T"))
    year, month, day = (_digits(codes, a, b, good) for a, b in ((0, 4), (5, 7), (8, 10)))
    hour, minute = _digits(codes, 11, 13, good), _digits(codes, 14, 16, good)
    second = _digits(codes, 17, 19, good) if end >= 19 else zeros
    good &= (month >= 1) & (month <= 12) & (year > 1822) & (year < 2117)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    next_month = (months + 1).astype("datetime64[D]").astype(np.int64)
    good &= (day >= 1) & (days < next_month)
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
    fraction = zeros
    if end > 19:
        fraction = _digits(codes, 20, end, good) * 10 ** (9 - (end - 20))
    return np.where(good, seconds * 10**9 + fraction, 0), good


def _digits(
    codes: npt.NDArray[np.uint8], start: int, end: int, good: npt.NDArray[np.bool_]
) -> Times:
    """Reads decimal digits; clears `good` where there are others."""
    number = np.zeros(len(codes), np.int64)
    for position in range(start, end):
        # Wraps below "0" to large numbers: one comparison finds every non-digit.
        digit = codes[:, position] - np.uint8(ord("0"))
        good &= digit < 10
        number = number * 10 + digit
    return number
