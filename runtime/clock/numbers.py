"""Times that are written as numbers: text to nanoseconds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.moments import LIMIT, Times, ns_of_float, unparsable

__all__ = ["number_of", "parse_numbers"]


def parse_numbers(cells: Sequence[str], unit: int, first_row: int) -> Times:
    # int() and float() read "1_000", which is no number elsewhere.
    if not any("_" in cell for cell in cells):
        limit = LIMIT // unit + 1
        try:
            return np.clip(np.array(list(map(int, cells)), np.int64), -limit, limit) * unit
        except (ValueError, OverflowError):
            pass
        try:
            numbers = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            numbers = np.full(1, np.nan)
        # Beyond, whole numbers among the fractions would lose digits, and NaN is for the loop.
        if (np.abs(numbers) < min(2**53, limit)).all():
            return _ns_of_floats(numbers, unit)
    times = np.empty(len(cells), np.int64)
    for index, cell in enumerate(cells):
        number = number_of(cell)
        if number is None:
            raise unparsable(cell, first_row + index)
        ns: int = number * unit if isinstance(number, int) else ns_of_float(number, unit)
        times[index] = max(-LIMIT, min(LIMIT, ns))
    return times


def number_of(cell: str) -> int | float | None:
    if "_" in cell:
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _ns_of_floats(numbers: npt.NDArray[np.float64], unit: int) -> Times:
    # A double of seconds since 1970 resolves 0.2 us: more digits would be noise.
    digits = min(unit, 10**6)
    whole = np.floor(numbers)
    part = np.rint((numbers - whole) * digits).astype(np.int64)
    times: Times = whole.astype(np.int64) * unit + part * (unit // digits)
    return times
