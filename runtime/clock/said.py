"""What happened to the rows, in sentences, and whether it is too much."""

import numpy as np

from runtime.clock.counts import GridCounts
from runtime.clock.incidents import Incidents
from runtime.counted import counted

__all__ = ["describe", "judge"]

_FEW, _SHARE, _MOST = 10, 0.05, 0.9
_FASTER = 1.5
"""From so many rows in a slot on, data are faster than the period; below, they jitter."""


def describe(counts: GridCounts, incidents: Incidents | None = None) -> list[str]:
    """Returns a sentence on each thing that happened to rows, the gravest first; none if nothing.

    Args:
        counts: What happened.
        incidents: When; sentences without times where not given.
    """
    seen = incidents or Incidents()
    gaps = counts.restarts - counts.backward
    exactly = f"; {counts.shared} of them at exactly its time" if counts.shared else ""
    said = {
        f"The clock was set back {_times(counts.backward)}{_jumps(seen, counts.backward)}, as "
        "after a power cut, at the end of summer time, or where files were joined that overlap "
        "with other values or stand in another order: the rows from there on are scored after a "
        "restart of the warm-up.": counts.backward,
        f"{_rows(counts.conflicts)} came again with other values{_when(seen, 'conflicts')}, as "
        "where a later export corrects an earlier one: the first values stay.": counts.conflicts,
        f"{_rows(counts.stray)} dropped, with a time far from those before and after"
        f"{_when(seen, 'stray')}.": counts.stray,
        f"{_rows(counts.late)} dropped that came too late to be put in order"
        f"{_when(seen, 'late')}.": counts.late,
        f"{_rows(counts.duplicates)} dropped for a period that had one already"
        f"{_when(seen, 'duplicates')}{exactly}.": counts.duplicates,
        f"{_rows(counts.repeated)} left out that came again with the same values, as where exports "
        "overlap: nothing is lost.": counts.repeated,
        f"{_rows(counts.filled)} put together with another of the same period.": counts.filled,
        f"{counted(gaps, 'gap')} too long to bridge: a restart of the warm-up each.": gaps,
        f"{counted(counts.missing, 'period')} without a row.": counts.missing,
    }
    return [sentence for sentence, count in said.items() if count]


def judge(counts: GridCounts, *, period_s: float, name: str = "the data") -> str | None:
    """Returns why so many rows were dropped that the rest means little; None if they were few.

    Too many are over 10 and over 5 % of the rows: duplicates, corrections, late and stray rows,
    and clocks set back. The sentence names the likely cause and what to do.

    Args:
        counts: What happened to the rows.
        period_s: Sampling period of the detector in seconds.
        name: What the rows came from.
    """
    lost = counts.dropped + counts.backward
    if lost <= max(_FEW, _SHARE * counts.received):
        return None
    said = f"Received: {_rows(counts.received)}, {lost} of them"
    if counts.unsorted >= counts.duplicates + counts.conflicts:
        return f"The rows of {name} must be in order of time. {said} {_disorder(counts)}"
    if counts.conflicts > counts.duplicates:
        return (
            f"The rows of {name} must have one value for each time. {said} again with other "
            "values: two exports that do not agree. Give one of them."
        )
    if counts.shared > counts.duplicates / 2:
        return f"The rows of {name} must have different times. {said} {_shared(counts, period_s)}"
    return (
        f"The rows of {name} must come once in the period of {period_s:g} s. {said} "
        f"{_crowded(counts, period_s)}"
    )


def _disorder(counts: GridCounts) -> str:
    if counts.late + counts.stray > _MOST * counts.received:
        return (
            "earlier than the one before: the newest row seems to come first, so they are not "
            "sorted. Sort them by time."
        )
    return (
        "too late or with a time far off: they are not sorted, or come from several devices with "
        "different clocks. Sort them by time, give one device, or wait longer for late rows "
        "(reorder)."
    )


def _shared(counts: GridCounts, period_s: float) -> str:
    steps = _steps(counts)
    each = (steps + counts.duplicates + counts.repeated) / steps
    apart = period_s * (steps + counts.missing) / steps
    sensors = (
        "rows of several sensors in one file (give one, or one column per sensor: --long), joined "
        "exports that do not agree (give one of them)"
    )
    cut = (
        f"times cut to whole seconds (about {each:.0f} rows share one, so the period is "
        f"{_about(apart / each)} s: export fractions of a second, or give that period)"
    )
    causes = (cut, sensors) if abs(apart - 1) < 0.05 else (sensors, "times cut when exported")
    return (
        f"dropped, most at exactly the same time as the one before, with other values: "
        f"{causes[0]}, or {causes[1]}."
    )


def _crowded(counts: GridCounts, period_s: float) -> str:
    steps, rows = _steps(counts), _steps(counts) + counts.duplicates
    if rows / steps < _FASTER:
        return (
            "dropped for a period that had one already: their times jitter, or their period is a "
            "little shorter. Take the mean of each period (--resample mean), or give another one."
        )
    own = period_s * max(1, steps + counts.missing - 1) / (rows - 1)
    return (
        f"dropped: the data are faster than that, with a row about every {_about(own)} s. Take "
        "the mean of each period (--resample mean), or train for their own period."
    )


def _steps(counts: GridCounts) -> int:
    """Returns the slots that had a row."""
    return max(1, counts.received - counts.dropped - counts.repeated - counts.filled)


def _about(number: float) -> str:
    return f"{float(f'{number:.2g}'):g}"


def _rows(count: int) -> str:
    return counted(count, "row")


def _times(count: int) -> str:
    return "once" if count == 1 else counted(count, "time")


def _when(seen: Incidents, name: str) -> str:
    if name not in seen.spans:
        return ""
    first, last = seen.spans[name]
    return f" ({_time(first)})" if first == last else f" ({_time(first)} to {_time(last)})"


def _jumps(seen: Incidents, count: int) -> str:
    if not seen.jumps:
        return ""
    jumps = ", ".join(f"from {_time(before)} to {_time(after)}" for before, after in seen.jumps)
    return f" ({jumps}{', …' if count > len(seen.jumps) else ''})"


def _time(time_ns: int) -> str:
    unit = "ms" if time_ns % 10**9 else "s"
    return str(np.datetime64(time_ns, "ns").astype(f"M8[{unit}]")).replace("T", " ")
