"""What matters to whoever gets the alarms: events found, how soon, and how many in vain."""

from typing import NamedTuple

import numpy as np

from kad.metrics.ranges import Ranges, check_ranges, to_mask

__all__ = ["EventFigures", "event_figures"]

_DAY_S = 86_400.0


class EventFigures(NamedTuple):
    """Events against labelled ranges."""

    precision: float
    """Share of the events that overlap a label; NaN without events."""
    recall: float
    """Share of the labels that an event overlaps; NaN without labels."""
    delay_s: float
    """Seconds from the start of a label to the first row of it that lies in an event, mean over
    the labels found; NaN where none was."""
    false_alarms: int
    """Events that overlap no label."""
    false_alarms_per_day: float
    """The same per day of rows without label; NaN where every row has one."""
    normal_in_events: float
    """Share of the rows without label that lie in an event; NaN where every row has one."""


def event_figures(
    events: Ranges, labels: Ranges, *, rows: int, period_s: float = 1.0
) -> EventFigures:
    """Counts events and labels that overlap.

    Args:
        events: Detected ranges; an event counts once, however long it is.
        labels: Labelled ranges.
        rows: Rows of the series.
        period_s: Seconds from one row to the next.

    Raises:
        InputError: Ranges that overlap, are out of order, or lie outside the rows.
    """
    check_ranges(events, rows)
    check_ranges(labels, rows)
    label_starts, label_ends = np.asarray(labels, int).reshape(-1, 2).T
    starts, ends = np.asarray(events, int).reshape(-1, 2).T
    first = np.searchsorted(ends, label_starts, side="right")
    is_found = np.append(starts, rows)[first] < label_ends
    delay = np.maximum(np.append(starts, rows)[first] - label_starts, 0)[is_found]
    meets = np.searchsorted(label_ends, starts, side="right")
    is_false = np.append(label_starts, rows)[meets] >= ends
    normal = ~to_mask(labels, rows)
    normal_days = int(normal.sum()) * period_s / _DAY_S
    false_alarms = int(is_false.sum())
    nan = float("nan")
    return EventFigures(
        precision=1 - false_alarms / len(starts) if len(starts) else nan,
        recall=float(is_found.mean()) if len(labels) else nan,
        delay_s=float(delay.mean()) * period_s if is_found.any() else nan,
        false_alarms=false_alarms,
        false_alarms_per_day=false_alarms / normal_days if normal_days else nan,
        normal_in_events=float(to_mask(events, rows)[normal].mean()) if normal.any() else nan,
    )
