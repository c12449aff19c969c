"""Times that are written as numbers: seconds since 1970, Excel's days, minutes since the start."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.forms import TimeForm
from runtime.clock.moments import LIMIT, NO_TIME, UNITS_NS, Times, ns_of_float

__all__ = ["EXCEL_1970", "as_floats", "decimals", "is_number", "number_of", "read_numbers"]

EXCEL_1970 = 25_569
"""Excel's day 0 is 1899-12-30: this is its 1970-01-01."""

_NUMBER = re.compile(r"\s*[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?\s*")
_GRIDS_S = (1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 60.0)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a decimal point or comma."""
    return _NUMBER.fullmatch(cell) is not None


def decimals(cell: str) -> int:
    """Returns how many decimals a number has; 15 where it has an exponent."""
    text = cell.strip()
    if "e" in text or "E" in text:
        return 15
    return min(
        15, len(text) - 1 - max(text.find("."), text.find(",")) if "." in text or "," in text else 0
    )


def number_of(cell: str) -> int | float | None:
    """Returns a cell's number, whole ones as int; `None` where it is none, or not finite."""
    if "_" in cell or "n" in cell or "N" in cell:
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        number = float(cell.replace(",", ".", 1))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def as_floats(cells: Sequence[str]) -> npt.NDArray[np.float64]:
    """Returns the numbers of cells, float64 (cells,); NaN for what is none."""
    try:
        if not any("_" in cell for cell in cells):
            numbers = np.fromiter(map(float, cells), np.float64, len(cells))
            numbers[np.isinf(numbers)] = np.nan
            return numbers
    except ValueError:
        pass
    numbers = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        number = number_of(cell)
        if number is not None:
            numbers[index] = _float(number)
    return numbers


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number of more than 308 digits
        return np.nan


def read_numbers(cells: Sequence[str], form: TimeForm) -> Times:
    """Returns nanoseconds, int64 (cells,); `NO_TIME` for what is no number.

    Args:
        cells: As text.
        form: `epoch`, `elapsed` or `excel`. Parts of a day, an hour or a minute are rounded to the
            decimal fraction of a second, the second or the minute that their digits tell apart.
            What is outside 1823 to 2116 is at the limit.
    """
    if form.kind == "excel" or form.unit in ("min", "h", "d"):
        return _read_parts(cells, form)
    return _read_units(cells, UNITS_NS[form.unit])


def _read_units(cells: Sequence[str], unit: int) -> Times:
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
    times = np.full(len(cells), NO_TIME, np.int64)
    for index, cell in enumerate(cells):
        number = number_of(cell)
        if number is not None:
            ns: int = number * unit if isinstance(number, int) else ns_of_float(number, unit)
            times[index] = max(-LIMIT, min(LIMIT, ns))
    return times


def _ns_of_floats(numbers: npt.NDArray[np.float64], unit: int) -> Times:
    # A double of seconds since 1970 resolves 0.2 us: more digits would be noise.
    digits = min(unit, 10**6)
    whole = np.floor(numbers)
    part = np.rint((numbers - whole) * digits).astype(np.int64)
    times: Times = whole.astype(np.int64) * unit + part * (unit // digits)
    return times


def _read_parts(cells: Sequence[str], form: TimeForm) -> Times:
    unit_s = 86_400 if form.kind == "excel" else {"min": 60, "h": 3600, "d": 86_400}[form.unit]
    numbers = as_floats(cells)
    good = np.isfinite(numbers)
    zero = EXCEL_1970 if form.kind == "excel" else 0
    seconds = np.where(good, numbers - zero, 0.0) * unit_s
    # More digits than the form has are those of a longer cell; fewer, of zeros left out.
    digits = np.full(len(cells), form.digits)
    if max(map(len, cells)) > form.digits + 2:
        digits = np.fromiter(map(decimals, cells), np.int64, len(cells)).clip(form.digits)
    limit = LIMIT / 1e9
    seconds = np.clip(seconds, -limit, limit)
    grids = np.array(_GRIDS_S)
    at = np.searchsorted(grids, unit_s * 10.0**-digits * 0.999).clip(max=len(grids) - 1)
    exact = (numbers == np.rint(numbers)) & good
    steps = np.rint(seconds / grids[at])
    grid_ns = np.rint(grids * 1e9).astype(np.int64)[at]
    times = np.where(
        exact, np.rint(seconds).astype(np.int64) * 10**9, steps.astype(np.int64) * grid_ns
    )
    result: Times = np.where(good, np.clip(times, -LIMIT, LIMIT), NO_TIME)
    return result
