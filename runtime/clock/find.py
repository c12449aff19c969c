"""From the cells of a column to the form of its times."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.find_numbers import could_be_times, find_numbers
from runtime.clock.forms import KINDS, Kind, TimeForm
from runtime.clock.iso import IsoReader
from runtime.clock.layouts import LayoutReader
from runtime.clock.moments import LIMIT, NO_TIME, Times
from runtime.clock.names import clock_unit, is_time_name
from runtime.clock.numbers import is_number
from runtime.errors import AmbiguousTimeError, InputError, shown

__all__ = ["could_be_times", "find_form", "is_date_only", "is_time_of_day", "read_text"]

_ORDERS: dict[Kind, str] = {
    "day-first": "the day",
    "month-first": "the month",
    "year-first": "the year",
}
_TEXTS: tuple[Kind, ...] = ("iso", *_ORDERS, "month-name", "digits")
_END = re.compile(r"[0-9]:[0-9]{2}-([0-9]{1,2}:[0-9]{2})$")
_SECONDS = re.compile(r"-?[0-9]+:[0-9]{2}[.,][0-9]+")
_DAY = 86_400 * 10**9
_MONTH = 27 * _DAY
_PROBED = 64
_TELLING = 8  # steps that a column needs before their size tells day from month


def find_form(
    cells: Sequence[str],
    *,
    header: str | None = None,
    time_format: str | None = None,
    time_unit: str | None = None,
) -> TimeForm | None:
    """Returns the form of a column's times; `None` where these are no times.

    All cells decide: that a day comes before the month may be seen in the last one only. Empty
    cells are passed over, and one cell in ten may be something else (a footer, a torn last line).

    Args:
        cells: The column, or what is at hand of it.
        header: Its name, which may state a unit. Numbers under a name that says nothing of time
            are times only where they cannot be anything else.
        time_format: A kind of `KINDS`, or a format of `strptime`, where a person said so.
        time_unit: What numbers count, where a person said so: `s`, `ms`, `us`, `ns`, `min`, `h`,
            `d` or `excel`; of clocks with two parts, `h:mm` or `mm:ss`.

    Raises:
        AmbiguousTimeError: The cells have two readings.
        InputError: The cells are not what the person said, or times of day pass midnight.
    """
    stated = [text for cell in cells if (text := cell.strip())]
    if not stated:
        return None
    probe = stated[:: max(1, len(stated) // _PROBED)]
    if time_format is not None:
        return _given(stated, header, time_format, time_unit)
    if _enough(sum(map(is_number, probe)), len(probe)):
        return find_numbers(stated, header, time_unit)
    return _clear(_readings(stated, probe, _TEXTS), stated) or _clock(
        stated, probe, header, time_unit
    )


def _enough(good: int, count: int) -> bool:
    """Whether so many cells of all make a column one of times."""
    return good >= count * 0.9 and good > 0


def is_date_only(cells: Sequence[str]) -> bool:
    """Whether a column has dates without a time of day: 2024-03-04, 13.03.2024, 20240304."""
    return _dated([text for cell in cells if (text := cell.strip())], with_time=False)


def is_time_of_day(cells: Sequence[str]) -> bool:
    """Whether a column has times of day without a date: 00:05:00, 1:05 PM, 000500."""
    stated = [text for cell in cells if (text := cell.strip())]
    if any(len(cell) > 40 for cell in stated):
        return False
    digits = all(cell.isdigit() and len(cell) in (4, 6) for cell in stated)
    date = "20240101" if digits else "2024-01-01"
    return _dated([f"{date} {cell}" for cell in stated], with_time=True)


def _dated(cells: list[str], *, with_time: bool) -> bool:
    if not cells:
        return False
    for kind in _TEXTS:
        for aware in (False, True) if with_time else (False,):
            reader = LayoutReader(TimeForm(kind, aware=aware))
            good = reader.read(cells) != NO_TIME
            if _enough(int(good.sum()), len(cells)):
                shown_hours = [reader.has_hour(cell) for cell in cells[:_PROBED]]
                return all(shown_hours) if with_time else not any(shown_hours)
    return False


def _readings(stated: list[str], probe: list[str], kinds: Sequence[Kind]) -> dict[TimeForm, Times]:
    """Returns the forms that read most cells, with their times."""
    for interval in (False, True):
        found: dict[TimeForm, Times] = {}
        for kind in kinds:
            forms = (TimeForm(kind, aware=aware, interval=interval) for aware in (False, True))
            for form in forms:
                if _share(_by_layout(probe, form)) < 0.5 or _has_ends(probe, form):
                    continue
                times = _by_layout(stated, form)
                if _enough(int(_good(times).sum()), len(stated)):
                    found[form] = times
                    if kind == "iso":  # looks like no other
                        return found
        if found:
            most = max(int(_good(times).sum()) for times in found.values())
            return {form: times for form, times in found.items() if _good(times).sum() == most}
    rare = {form: read_text(stated, form) for form in (TimeForm(), TimeForm(aware=True))}
    return {
        form: times for form, times in rare.items() if _enough(int(_good(times).sum()), len(stated))
    }


def _by_layout(cells: Sequence[str], form: TimeForm) -> Times:
    return LayoutReader(form).read(cells)


def _has_ends(probe: list[str], form: TimeForm) -> bool:
    """Whether what looks like offsets, 00:15-00:30, are ends of intervals: there are too many."""
    if not form.aware or form.interval:
        return False
    ends = [match[1] for cell in probe if (match := _END.search(cell))]
    return len(ends) > 0.9 * len(probe) and len(set(ends)) > 2


def read_text(cells: Sequence[str], form: TimeForm) -> Times:
    """Returns the times of text cells, int64 nanoseconds; `NO_TIME` for what is none."""
    iso = form.kind == "iso" and not form.interval
    return (IsoReader(form) if iso else LayoutReader(form)).read(cells)


def _good(times: Times) -> npt.NDArray[np.bool_]:
    good: npt.NDArray[np.bool_] = (times > -LIMIT) & (times < LIMIT)
    return good


def _share(times: Times) -> float:
    return float(_good(times).mean())


def _clear(readings: dict[TimeForm, Times], stated: list[str]) -> TimeForm | None:
    """Returns the one reading that holds."""
    if not readings:
        return None
    forms = list(readings)
    if len(forms) > 1:
        jumps = {form: _jumps(readings[form]) for form in forms}
        calm = min(forms, key=lambda form: jumps[form])
        others = [form for form in forms if form is not calm]
        if len(stated) > _TELLING and all(jumps[calm] * 4 < jumps[form] for form in others):
            forms = [calm]
        elif forms[0].kind == "day-first" and all("." in cell[:6] for cell in stated[:_PROBED]):
            forms = forms[:1]
    if len(forms) > 1:
        raise _two_readings(readings, stated)
    return _with_separator(forms[0], stated[0])


def _jumps(times: Times) -> int:
    return int((np.abs(np.diff(times[_good(times)])) >= _MONTH).sum())


def _with_separator(form: TimeForm, cell: str) -> TimeForm:
    parts = cell.upper().split("T")
    if form.kind == "iso" and len(parts) > 1 and parts[0][-1:].isdigit() and parts[1][:1].isdigit():
        return TimeForm(form.kind, form.aware, interval=form.interval, separator="T")
    return form


def _two_readings(readings: dict[TimeForm, Times], stated: list[str]) -> AmbiguousTimeError:
    forms = list(readings)
    first, second = (readings[form] for form in forms[:2])
    differ = np.flatnonzero((first != second) & _good(first) & _good(second))
    row = int(differ[0]) if len(differ) else 0
    texts = [
        f"{str(times[row].view('M8[ns]').astype('M8[s]')).replace('T', ' ')} "
        f"with {_ORDERS[form.kind]} first"
        for form, times in readings.items()
    ]
    said = " or ".join(f'"{form.kind}"' for form in forms)
    return AmbiguousTimeError(
        f"Times must have one reading. Received: {stated[row][:60]!r}, which is "
        f"{' and '.join(texts)}; no other row tells. Say time_format = {said} in [data], or "
        "--time-format."
    )


def _clock(
    stated: list[str], probe: list[str], header: str | None, time_unit: str | None
) -> TimeForm | None:
    """Returns the form of times since the start, such as 34:55:00."""
    form = TimeForm("clock")
    if not _enough(int(_good(read_text(probe, form)).sum()), len(probe)):
        return None
    minutes = TimeForm("clock", unit="min")
    times = read_text(stated, form)
    as_minutes = read_text(stated, minutes)
    good = _good(times)
    if not _enough(int(good.sum()), len(stated)):
        return None
    known = times[good]
    forward = bool((np.diff(known) >= 0).mean() >= 0.9) if len(known) > 1 else False
    if header is not None and not (is_time_name(header) or forward):
        return None
    unit = "h" if time_unit == "h:mm" else "min" if time_unit == "mm:ss" else None
    unit = unit or clock_unit(header or "")
    if unit is None and any(_SECONDS.fullmatch(cell) for cell in stated):
        unit = "min"
    two = (times != as_minutes) & (as_minutes != NO_TIME)
    if unit is None and two.any():
        cell = stated[int(two.argmax())]
        raise AmbiguousTimeError(
            f"Times must have one reading. Received: {cell[:60]!r}, which is hours and minutes, or "
            'minutes and seconds. Say time_unit = "h:mm" or "mm:ss" in [data], or join it with a '
            "column of dates."
        )
    steps = np.diff(as_minutes if unit == "min" else times)
    if (steps <= -_DAY // 2).any() and known.max() < _DAY:
        row = int((steps <= -_DAY // 2).argmax()) + 1
        raise InputError(
            "Times must have a date where they pass midnight. Received: "
            f"{stated[row - 1][:60]!r}, then {stated[row][:60]!r}. Put the date into the column, "
            "or into one beside it."
        )
    return minutes if unit == "min" else form


def _given(
    stated: list[str], header: str | None, time_format: str, time_unit: str | None
) -> TimeForm:
    """Returns the form that a person named."""
    probe = stated[:: max(1, len(stated) // _PROBED)]
    form: TimeForm | None
    if time_format in ("epoch", "excel", "elapsed"):
        unit = "excel" if time_format == "excel" else time_unit
        form = find_numbers(stated, None if time_format == "elapsed" else header, unit)
    elif time_format == "clock":
        form = _clock(stated, probe, None, time_unit)
    else:
        named = time_format in KINDS and time_format != "strptime"
        form = None
        for tried in _meant(time_format, named=named):
            if _enough(int(_good(read_text(stated, tried)).sum()), len(stated)):
                form = _with_separator(tried, stated[0])
                break
    if form is None:
        tried = TimeForm("strptime", format=time_format)
        bad = _first_bad(stated, time_format)
        raise InputError(
            f"Times must be as time_format {shown(time_format)} says. Received: {bad[:60]!r}. "
            f"It takes a format of strptime, or one of {', '.join(k for k in KINDS)}."
        )
    return form


def _meant(time_format: str, *, named: bool) -> list[TimeForm]:
    if named:
        kind: Kind = time_format  # type: ignore[assignment]
        return [
            TimeForm(kind, aware=aware, interval=interval)
            for interval in (False, True)
            for aware in (False, True)
        ]
    return [
        TimeForm("strptime", aware=aware, interval=interval, format=time_format)
        for interval in (False, True)
        for aware in (False, True)
    ]


def _first_bad(stated: list[str], time_format: str) -> str:
    if time_format in KINDS:
        return stated[0]
    times = [read_text(stated, form) for form in _meant(time_format, named=False)[:2]]
    bad = np.flatnonzero(~np.any([_good(one) for one in times], axis=0))
    return stated[int(bad[0])] if len(bad) else stated[0]
