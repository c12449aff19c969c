"""Reading a user's table into a frame, by the reader that the gateway uses."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from kad.data.long_tables import is_annotated, read_long, refuse_long, telling_column
from kad.data.parquet import is_parquet, parquet_as_csv
from kad.data.report import ReadReport, report_of
from kad.data.survey import Column, survey
from runtime.clock.durations import nanoseconds
from runtime.clock.forms import TimeStyle
from runtime.clock.resample import Resampler
from runtime.counted import counted
from runtime.errors import InputError
from runtime.tables.columns import Block
from runtime.tables.opened import open_table
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading

ROWS = "row"
"""Name of the index of a table without times."""


class Table(NamedTuple):
    """A file's rows."""

    frame: pd.DataFrame
    """One float64 column per channel, in file order. Index `time`: timestamps, or seconds where
    the file has numbers; `row`: row numbers, or the seconds of a given period, where it has no time
    column."""
    style: TimeStyle
    """How the file writes times."""
    reading: Reading
    """How it was read: what a detector file keeps."""
    report: ReadReport
    """What was read, and what was not."""


@dataclass(frozen=True)
class Wanted:
    """What to read of a table."""

    channels: tuple[str, ...] | None = None
    period_s: float | None = None
    reading: Reading = field(default_factory=Reading)
    learnt: Reading = field(default_factory=Reading)
    long: bool = False
    numbered: bool = False


def read_table(
    path: str | os.PathLike[str],
    *,
    time: str | None = None,
    channels: Sequence[str] | None = None,
    period_s: float | None = None,
    reading: Reading | None = None,
    learnt: Reading | None = None,
    long: bool = False,
    numbered: bool = False,
) -> Table:
    """Reads a table: CSV, JSON, Parquet or Arrow.

    Args:
        path: The file.
        time: The time column; found where not given.
        channels: Columns to read. Where not given, all that are measurements: what is text, a
            label, a row number or quality codes is left out, and said in the report.
        period_s: Seconds between the rows of a file without a time column; 1 where not given.
        reading: How it is read, as far as the user says.
        learnt: How the rows of the training were read: it decides what the file leaves open.
        long: A row is one reading of one channel.
        numbered: A table without times is meant: what looks like times is no error.

    Raises:
        InputError: A file, header, column, cell or timestamp that cannot be read; the message
            names the row and the column.
    """
    path = Path(path)
    said = reading or Reading()
    if time is not None:
        said = replace(said, time=time)
    wanted = Wanted(
        channels=None if channels is None else tuple(channels),
        period_s=period_s,
        reading=said,
        learnt=learnt or Reading(),
        long=long,
        numbered=numbered,
    )
    with _rereadable(path) as file:
        if long or (reading_of(wanted).is_long and not _has_channels(file, path, wanted)):
            return _long(path, wanted, file)
        return _wide(path, wanted, file)


def reading_of(wanted: Wanted) -> Reading:
    """Returns how a table is read, as far as that is said or known."""
    return wanted.reading.over(wanted.learnt)


def _wide(path: Path, wanted: Wanted, file: BinaryIO) -> Table:
    reader = TableReader(
        file,
        wanted.channels,
        period_s=wanted.period_s or 1.0,
        reading=wanted.reading,
        learnt=wanted.learnt,
        name=str(path),
        numbered=wanted.numbered,
    )
    reader.open()
    if wanted.channels is None and is_annotated(reader.names):
        file.seek(0)
        return _long(path, wanted, file)
    times, values = Block.joined(list(reader))
    columns = survey(reader.cells, values, reader.units, chosen=wanted.channels is not None)
    if wanted.channels is None:
        if (text := telling_column(times, reader)) is not None:
            file.seek(0)
            refuse_long(file, path, text, wanted.reading)
        for column, cells in zip(columns, reader.cells, strict=True):
            if column.why is None and (error := cells.error()) is not None:
                raise error
    return _finished(path, wanted, reader, times, values, columns)


def _long(path: Path, wanted: Wanted, file: BinaryIO) -> Table:
    reader, times, values, columns = read_long(
        file,
        str(path),
        reading=wanted.reading,
        learnt=wanted.learnt,
        channels=wanted.channels,
        period_s=wanted.period_s,
    )
    return _finished(path, wanted, reader, times, values, columns)


def _finished(
    path: Path,
    wanted: Wanted,
    reader: TableReader,
    times: np.ndarray,
    values: np.ndarray,
    columns: list[Column],
) -> Table:
    taken = [place for place, column in enumerate(columns) if column.why is None]
    report = report_of(str(path), times, reader.style, reader, columns)
    if is_parquet(path):
        report.dialect = "Parquet or Arrow"
    if not taken:
        said = "; ".join(f"{name} ({why})" for name, why in report.left_out.items())[:500]
        raise InputError(
            f"{path} must have at least one numeric column besides the time. Received: {said}."
        )
    names = [columns[place].name for place in taken]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(
            f"{path} must have each column once. Received: {twice[0]} {names.count(twice[0])} "
            "times. Rename one of them."
        )
    style = reader.style
    if reading_of(wanted).resample is not None and reader.has_times:
        times, values = _resampled(path, wanted, times, values)
        report.notes.append(
            f"{counted(report.rows, 'row')} became the means of {counted(len(times), 'period')}"
        )
    index: pd.Index
    if not reader.has_times and wanted.period_s in (None, 1.0):
        index = pd.RangeIndex(len(times), name=ROWS)
    elif style.kind == "number":
        index = pd.Index(times / 1e9, name="time" if reader.has_times else ROWS)
    else:
        index = pd.DatetimeIndex(times.view("M8[ns]"), name="time")
        index = index.tz_localize("UTC") if style.kind == "aware" else index
    frame = pd.DataFrame(values[:, taken], index=index, columns=names)
    return Table(frame, style, _reading(reader, columns), report)


def _resampled(
    path: Path, wanted: Wanted, times: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if wanted.period_s is None:
        raise InputError(
            f"The rows of {path} become means of a period that must be known. Received: resample "
            "without period. Say period = SECONDS in [data] (--period)."
        )
    resampler = Resampler(nanoseconds(wanted.period_s), values.shape[1])
    parts = [resampler.place(times, values), resampler.flush()]
    joined = tuple(np.concatenate(pair) for pair in zip(*parts, strict=True))
    return joined[0], joined[1]


def _reading(reader: TableReader, columns: list[Column]) -> Reading:
    """Returns how a table was read, for those that come after it."""
    marks = {cells.style.decimal for cells in reader.cells}
    stated = {cells.name: cells.style.unit for cells in reader.cells}
    return replace(
        reader.reading,
        time=None if reader.time is None else reader.time.name,
        form=None if reader.parser is None else reader.parser.form,
        time_format=None,
        time_unit=None,
        decimal="," if "," in marks else reader.reading.decimal,
        units={c.name: c.unit for c in columns if c.why is None and c.unit and stated.get(c.name)},
        registers={c.name: c.registers for c in columns if c.why is None and c.registers},
        switches=tuple(c.name for c in columns if c.why is None and c.is_switch),
    )


def _has_channels(file: BinaryIO, path: Path, wanted: Wanted) -> bool:
    """Whether a table has a column per channel, though that of the training was long."""
    reader = TableReader(file, None, period_s=1.0, name=str(path), numbered=True)
    reader.open()
    file.seek(0)
    return wanted.channels is not None and set(wanted.channels) <= set(reader.names)


@contextmanager
def _rereadable(path: Path) -> Iterator[BinaryIO]:
    """Opens a table that may be read twice: what cannot go back is copied first."""
    if is_parquet(path):
        yield parquet_as_csv(path)
        return
    with open_table(path) as file:
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy
