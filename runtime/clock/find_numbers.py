"""What numbers in a time column count: seconds, Excel's days, dates written as digits."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.forms import TimeForm, Unit
from runtime.clock.layouts import LayoutReader
from runtime.clock.moments import NO_TIME, UNITS_NS
from runtime.clock.names import is_date_name, time_name_rank, unit_named, unit_of
from runtime.clock.numbers import as_floats, decimals, read_numbers
from runtime.errors import AmbiguousTimeError, InputError, shown

__all__ = ["could_be_times", "find_numbers"]

Numbers = npt.NDArray[np.float64]

_FIRST_S, _LAST_S = 631_152_000, 4_102_444_800
"""1990 and 2100: what is outside is no date that a sensor writes."""
_EXCEL = (32_874, 73_051)
_TELLING = 8
_WEAK = 60  # the rank of names such as T, which may be a temperature
_SHORT_YEARS = {7: "%Y%j", 10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}
_2038_S = 2_145_916_800
_SINCE = frozenset({"elapsed", "since", "rel", "relative"})


def find_numbers(
    cells: Sequence[str], header: str | None, time_unit: str | None
) -> TimeForm | None:
    """Returns the form of a column of numbers; `None` where these are no times.

    Args:
        cells: Without empty ones.
        header: The column's name, where there is one.
        time_unit: What a person said.

    Raises:
        AmbiguousTimeError: The numbers have two readings.
        InputError: An unknown unit.
    """
    numbers = as_floats(cells)
    known = numbers[np.isfinite(numbers)]
    if not len(known) or len(known) < 0.9 * len(cells):
        return None
    digits = max(map(decimals, cells))
    if time_unit is not None:
        return _with_unit(known, _said(time_unit), digits)
    rank = 0 if header is None else time_name_rank(header)
    named = rank is not None and (rank < _WEAK or _goes_on(known))
    if not named and not _goes_on(known):
        return None
    form = _from_data(cells, known, header or "", digits, named=named)
    if form is not None or not named:
        return form
    return TimeForm("elapsed")


def could_be_times(numbers: Numbers) -> str | None:
    """Returns what times a column of numbers could be, in words; `None` where it is none.

    Args:
        numbers: float64 (rows,), NaN where missing: mostly going on, between 1990 and 2100 as
            seconds, ms, us or ns since 1970, Excel's days or dates written as digits.
    """
    known = numbers[np.isfinite(numbers)]
    if len(known) < 2 or not _goes_on(known):
        return None
    first = known[0]
    whole = bool((known == np.rint(known)).all())
    texts = [f"{number:.0f}" for number in known[:1000]] if whole and first < 1e18 else []
    if texts and _is_compact(texts, known[:1000]):
        return f"dates written as digits (the first is {texts[0]})"
    unit = _epoch_unit(known)
    if unit is not None:
        stamp = read_numbers([repr(float(first))], TimeForm("epoch", unit=unit))
        return f"{unit} since 1970 (the first is {_written(stamp)})"
    if _in_excel(known) and _even_days(known):
        stamp = read_numbers([repr(float(first))], TimeForm("excel", digits=6))
        return f"Excel's days (the first is {_written(stamp)})"
    return None


def _from_data(
    cells: Sequence[str], known: Numbers, header: str, digits: int, *, named: bool
) -> TimeForm | None:
    unit = unit_of(header)
    form: TimeForm | None = None
    doubt: str | None = None
    if unit is not None and not (unit == "d" and _in_excel(known)):
        form = _with_unit(known, unit, digits)
    elif digits == 0 and _is_compact(cells, known):
        form, doubt = TimeForm("digits"), "digits"
        doubt = None if _compact_is_certain(cells, known, header) else doubt
    elif digits == 0 and (short := _short_years(cells, known, named=named)) is not None:
        form, is_certain = short
        doubt = None if is_certain else "short"
    elif (epoch := _epoch_unit(known)) is not None:
        form = TimeForm("epoch", unit=epoch)
    elif _in_excel(known) and _SINCE.isdisjoint(header.lower().split()):
        form, doubt = TimeForm("excel", digits=digits), "excel"
        certain = is_date_name(header) or unit == "d" or _tells_days(known, digits)
        doubt = None if certain else doubt
    elif named and np.median(np.abs(known)) >= 1e11:
        form = TimeForm("epoch", unit=_by_size(known))
    if doubt and named:
        raise _two_readings(cells[0], doubt, known)
    return None if doubt else form


def _said(time_unit: str) -> Unit | str:
    unit = "excel" if time_unit.strip().lower() == "excel" else unit_named(time_unit)
    if unit is None:
        raise InputError(
            "time_unit must be one of s, ms, us, ns, min, h, d or excel. "
            f"Received: {shown(time_unit)}."
        )
    return unit


def _with_unit(known: Numbers, unit: Unit | str, digits: int) -> TimeForm:
    if unit == "excel":
        return TimeForm("excel", digits=digits)
    epoch = _epoch_unit(known)
    if unit in UNITS_NS and epoch is not None and (epoch == unit or np.median(known) >= 1e11):
        return TimeForm("epoch", unit=epoch)
    coarse = unit in ("min", "h", "d")
    return TimeForm("elapsed", unit=unit, digits=digits if coarse else 0)  # type: ignore[arg-type]


def _goes_on(known: Numbers) -> bool:
    """Whether numbers mostly rise, or mostly fall: newest first."""
    steps = np.diff(known)
    if not len(steps):
        return False
    moving = float((steps != 0).mean()) > 0.02
    return moving and max(float((steps >= 0).mean()), float((steps <= 0).mean())) >= 0.9


def _epoch_unit(known: Numbers) -> Unit | None:
    """Returns the unit in which most numbers lie between 1990 and 2100."""
    units: dict[Unit, float] = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
    for unit, scale in units.items():
        inside = (known >= _FIRST_S * scale) & (known < _LAST_S * scale)
        if inside.mean() > 0.5:
            return unit
    return None


def _by_size(known: Numbers) -> Unit:
    size = float(np.median(np.abs(known)))
    return "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"


def _in_excel(known: Numbers) -> bool:
    return bool(((known >= _EXCEL[0]) & (known < _EXCEL[1])).all())


def _even_days(known: Numbers) -> bool:
    """Whether steps are all about as long, and none of more than a week."""
    steps = np.abs(np.diff(known))
    steps = steps[steps > 0]
    if not len(steps):
        return False
    median = float(np.median(steps))
    return median <= 7 and float((np.abs(steps - median) <= 2e-5 + median * 1e-3).mean()) >= 0.8


def _tells_days(known: Numbers, digits: int) -> bool:
    """Whether steps are whole seconds as days, and no round number as they stand."""
    steps = np.abs(np.diff(known))
    steps = steps[steps > 0]
    if digits < 4 or not len(steps):
        return False
    step = float(np.median(steps))
    tolerance = 10.0**-digits * 86_400
    whole = max(1.0, round(step * 86_400))
    return abs(step * 86_400 - whole) <= tolerance and float(f"{step:.2g}") != round(step, digits)


def _is_compact(cells: Sequence[str], known: Numbers) -> bool:
    """Whether numbers are dates as digits, between 1990 and 2100."""
    texts = [cell.strip() for cell in cells]
    widths = {len(text) for text in texts}
    if not widths <= {8, 10, 12, 14, 17} or len(widths) > 1 or known.min() < 0:
        return False
    times = LayoutReader(TimeForm("digits")).read(texts)
    good = (times >= _FIRST_S * 10**9) & (times < _LAST_S * 10**9)
    return float(good.mean()) >= 0.9


def _compact_is_certain(cells: Sequence[str], known: Numbers, header: str) -> bool:
    width = len(cells[0].strip())
    if width >= 12 or is_date_name(header):
        return True
    distinct = np.unique(known)
    if width == 10:
        return len(distinct) >= _TELLING or _epoch_unit(known) is None
    # Days go on by one where the numbers jump from the end of a month to the next.
    times = LayoutReader(TimeForm("digits")).read([f"{number:.0f}" for number in distinct])
    days, jumps = np.diff(times[times != NO_TIME]) // (86_400 * 10**9), np.diff(distinct)
    return bool(len(days) and jumps.max() > 31 and days.max() <= 31)


def _short_years(
    cells: Sequence[str], known: Numbers, *, named: bool
) -> tuple[TimeForm, bool] | None:
    """Returns the form of digits that are short of a date, and whether it is certain.

    They begin with a year of two digits, 2405060800, or end with the day of the year, 2024127. The
    steps tell: they are even as dates, or as seconds.
    """
    texts = [cell.strip() for cell in cells]
    widths = {len(text) for text in texts}
    if len(widths) > 1 or not widths <= _SHORT_YEARS.keys() or len(texts) < 2:
        return None
    if widths == {7} and not named:
        return None
    form = TimeForm("strptime", format=_SHORT_YEARS[widths.pop()])
    times = LayoutReader(form).read(texts)
    if not ((times >= _FIRST_S * 10**9) & (times < _LAST_S * 10**9)).all():
        return None
    as_dates, as_numbers = _uneven(times.astype(np.float64)), _uneven(known)
    is_epoch = _epoch_unit(known) is not None and known[0] < _2038_S
    if as_dates > as_numbers or (as_dates == as_numbers and is_epoch):
        return None
    return form, as_dates < as_numbers or _epoch_unit(known) is None


def _uneven(numbers: Numbers) -> int:
    steps = np.diff(numbers)
    return int((steps != np.median(steps)).sum())


def _two_readings(cell: str, kind: str, known: Numbers) -> AmbiguousTimeError:
    form = TimeForm("excel", digits=6) if kind == "excel" else TimeForm("digits")
    if kind == "short":
        form = TimeForm("strptime", format=_SHORT_YEARS[len(cell.strip())])
    stamp = read_numbers([cell], form) if kind == "excel" else LayoutReader(form).read([cell])
    unit = _by_size(known)
    said = 'time_unit = "excel"' if kind == "excel" else 'time_format = "digits"'
    said = f'time_format = "{form.format}"' if kind == "short" else said
    words = "in Excel's days" if kind == "excel" else "as a date of digits"
    text = cell[:60]
    return AmbiguousTimeError(
        f"Times must have one reading. Received: {text!r}, which is {_written(stamp)} {words}, "
        f"and {text} {unit} since the start or 1970. Say {said} or "
        f'time_unit = "{unit}" in [data], or --time-format.'
    )


def _written(times: npt.NDArray[np.int64]) -> str:
    return str(times[:1].view("M8[ns]").astype("M8[s]")[0]).replace("T", " ")
