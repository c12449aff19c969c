"""The common forms of ISO 8601, in numpy: rows of equal length at once."""

import numpy as np
import numpy.typing as npt

from runtime.clock.moments import Times

__all__ = ["digits", "parse_iso"]


def parse_iso(codes: npt.NDArray[np.uint8], *, aware: bool) -> tuple[Times, npt.NDArray[np.bool_]]:
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
            hours = digits(codes, end + 1, end + 3, good)
            minutes = digits(codes, end + 3 + colon, end + 5 + colon, good)
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
    year, month, day = (digits(codes, a, b, good) for a, b in ((0, 4), (5, 7), (8, 10)))
    hour, minute = digits(codes, 11, 13, good), digits(codes, 14, 16, good)
    second = digits(codes, 17, 19, good) if end >= 19 else zeros
    good &= (month >= 1) & (month <= 12) & (year > 1822) & (year < 2117)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    next_month = (months + 1).astype("datetime64[D]").astype(np.int64)
    good &= (day >= 1) & (days < next_month)
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset
    fraction = zeros
    if end > 19:
        fraction = digits(codes, 20, end, good) * 10 ** (9 - (end - 20))
    return np.where(good, seconds * 10**9 + fraction, 0), good


def digits(
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
