"""Which rows of a series count, and which steps its labels mean."""

import os
from contextlib import suppress

import numpy as np
import pandas as pd

from kad.data.frames import pandas_frame, times_ns, to_grid, to_segments
from kad.data.labels import labels_in_time
from kad.data.rows import select_rows
from kad.data.tables import read_table
from kad.detector.series import data_sha256
from kad.evaluation.subject import Subject
from kad.metrics.ranges import windows_to_ranges
from runtime.clock.grid import FILE_REMEMBER, RowGrid, TimeGrid
from runtime.clock.timestamps import TimeStyle
from runtime.counted import counted, noun
from runtime.errors import InputError
from runtime.streams.scores import Scores
from runtime.tables.reading import Reading, learnt_reading

Data = str | os.PathLike[str] | pd.DataFrame


def read(
    data: Data, subject: Subject, reading: Reading | None
) -> tuple[pd.DataFrame, TimeStyle | None, list[str]]:
    """Returns the detector's channels, how the file writes times, and what was read, in words."""
    if isinstance(data, str | os.PathLike):
        table = read_table(
            data,
            reading=reading,
            channels=subject.metadata.channels,
            period_s=subject.metadata.period_s,
            learnt=learnt_reading(subject.metadata.training).over(
                Reading(time=subject.settings.get("time"))
            ),
            numbered=subject.metadata.grid == "rows",
        )
        return table.frame, table.style, table.report.lines()
    data = pandas_frame(data)
    absent = [name for name in subject.metadata.channels if name not in data.columns]
    if absent or data.empty:
        raise InputError(
            f"The data must have rows, and the columns {', '.join(subject.metadata.channels)}. "
            f"Received: {counted(len(data), 'row')}, the columns "
            f"{', '.join(map(str, data.columns))}."
        )
    return data[list(subject.metadata.channels)], None, []


def label_ranges(
    windows: list[tuple[int, int]],
    path: str | os.PathLike[str],
    frame: pd.DataFrame,
    scores: Scores,
    subject: Subject,
) -> list[tuple[int, int]]:
    """Returns the steps of each labelled window, windows that overlap as one."""
    windows = labels_in_time(windows, frame)
    around_ns = subject.metadata.around_ns
    found = windows_to_ranges(windows, scores.times_ns, around_ns=around_ns)
    if windows and not found:
        raise InputError(
            f"No window of {path} holds a row of the data, which go from {frame.index[0]} to "
            f"{frame.index[-1]}. Write labels in the data's time, UTC where they have no zone."
        )
    return found


def training_rows(frame: pd.DataFrame, subject: Subject) -> np.ndarray | None:
    """Returns the numbers of the rows that trained the detector, if these are they exactly."""
    numbers = pd.DataFrame({"row": np.arange(len(frame))}, index=frame.index)
    candidates = []
    with suppress(InputError):  # they are rows of another, longer file
        candidates.append(select_rows(numbers, subject.settings.get("train"))["row"].to_numpy())
    times, half = times_ns(frame), subject.metadata.period_ns // 2
    trained = subject.metadata.training
    if {"start_ns", "end_ns", "data_sha256"} <= trained.keys():
        inside = (times >= trained["start_ns"] - half) & (times <= trained["end_ns"] + half)
        candidates.append(np.flatnonzero(inside))
    for rows in candidates:
        if not len(rows):
            continue
        placed, _ = to_grid(frame.iloc[rows], _grid(subject))
        if data_sha256(to_segments(placed)) == trained.get("data_sha256"):
            return np.asarray(rows)
    return None


def _grid(subject: Subject) -> TimeGrid | RowGrid:
    meta = subject.metadata
    reorder = subject.settings.get("reorder", meta.reorder)
    return meta.make_grid(reorder=reorder, remember=FILE_REMEMBER)


def rows_that_count(
    frame: pd.DataFrame,
    scores: Scores,
    subject: Subject,
    *,
    trained: np.ndarray | None,
    test: str | None,
) -> tuple[np.ndarray, list[str]]:
    """Returns a mask of the steps, and notes on it."""
    steps = len(scores)
    if test is not None:
        numbers = pd.DataFrame({"row": np.arange(len(frame))}, index=frame.index)
        rows = select_rows(numbers, test, option="--test")["row"].to_numpy()
        keep = _between(np.isin(scores.rows, rows))
        return keep, [f"{_share(keep)}: --test {test}."]
    if trained is not None:
        keep = ~_between(np.isin(scores.rows, trained))
    elif isinstance(frame.index, pd.DatetimeIndex) and "end_ns" in subject.metadata.training:
        start, end = subject.metadata.training["start_ns"], subject.metadata.training["end_ns"]
        keep = (scores.times_ns < start) | (scores.times_ns > end)
    else:
        keep = np.ones(steps, bool)
    if not keep.any():
        raise InputError(
            "Every row of the data trained the detector. Give rows that it has not seen, or say "
            "which count with --test START:END."
        )
    if keep.all():
        return keep, [f"All {steps} steps count." if steps > 1 else "The one step counts."]
    return keep, [f"{_share(keep)}: the others lie in the training rows."]


def _share(keep: np.ndarray) -> str:
    count = int(keep.sum())
    return f"{count} of {counted(len(keep), 'step')} {noun(count, 'counts', 'count')}"


def _between(mask: np.ndarray) -> np.ndarray:
    """Returns True from the first to the last True."""
    filled = np.zeros_like(mask)
    rows = np.flatnonzero(mask)
    if rows.size:
        filled[rows[0] : rows[-1] + 1] = True
    return filled
