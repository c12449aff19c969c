"""Writes scores and events as CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from runtime.alarms.events import Event
from runtime.clock.timestamps import TimeStyle, format_times
from runtime.model.outputs import score_columns
from runtime.streams.scores import Scores
from runtime.tables.formulas import as_text
from runtime.tables.name_lists import join_names

__all__ = ["EventWriter", "Format", "ScoreWriter", "csv_line", "number_texts"]

Format = Literal["csv", "jsonl"]

_EVENT_COLUMNS = ("start", "end", "peak_time", "peak_severity", "channels")


@dataclass(frozen=True, slots=True)
class ScoreWriter:
    """Writes scored steps: the time and `score_columns`.

    Missing values are empty cells in CSV and null in JSON. In CSV, names that a spreadsheet would
    run are written as text, see `runtime.tables.formulas`.
    """

    file: BinaryIO
    """Open binary file."""
    channels: Sequence[str]
    """Names of the channels."""
    style: TimeStyle
    """How to write times."""
    form: Format = "csv"
    """CSV, or one JSON object per line."""

    def header(self) -> None:
        """Writes the header line, in CSV."""
        if self.form == "csv":
            self.file.write(csv_line([as_text(name) for name in self._columns()]))

    def write(self, scores: Scores) -> None:
        """Writes steps and flushes them."""
        if len(scores):
            cells = [format_times(scores.times_ns, self.style)]
            yes, no = ("1", "0") if self.form == "csv" else ("true", "false")
            for output in score_columns(self.channels):
                for column in np.atleast_2d(getattr(scores, output).T):
                    if column.dtype == np.bool_:
                        cells.append([yes if alarm else no for alarm in column.tolist()])
                    else:
                        cells.append(number_texts(column, self.form))
            self.file.write(self._lines(cells))
        self.file.flush()

    def _columns(self) -> list[str]:
        names = score_columns(self.channels).values()
        return ["time", *(name for some in names for name in some)]

    def _lines(self, cells: list[list[str]]) -> bytes:
        rows = zip(*cells, strict=True)
        if self.form == "csv":
            lines: Iterator[str] = map(",".join, rows)
        else:
            mark = "%s" if self.style.kind == "number" else '"%s"'
            keys = [
                json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in self._columns()
            ]
            marks = [mark, *["%s"] * (len(keys) - 1)]
            pairs = ", ".join(f"{k}: {m}" for k, m in zip(keys, marks, strict=True))
            lines = map(f"{{{pairs}}}".__mod__, rows)
        return ("\n".join(lines) + "\n").encode()


@dataclass(frozen=True, slots=True)
class EventWriter:
    """Writes events: start, end, peak_time, peak_severity, channels.

    In CSV, channels are one cell, joined by `;`, see `runtime.tables.name_lists`.
    """

    file: BinaryIO
    """Open binary file."""
    style: TimeStyle
    """How to write times."""
    form: Format = "csv"
    """CSV, or one JSON object per line."""

    def header(self) -> None:
        """Writes the header line, in CSV."""
        if self.form == "csv":
            self.file.write(csv_line(_EVENT_COLUMNS))

    def write(self, events: Sequence[Event]) -> None:
        """Writes events and flushes them."""
        for event in events:
            moments = np.array([event.start_ns, event.end_ns, event.peak_ns])
            times = format_times(moments, self.style)
            severity = number_texts(np.array([event.peak_severity], np.float32), self.form)[0]
            if self.form == "csv":
                self.file.write(csv_line([*times, severity, join_names(event.channels)]))
            else:
                number = self.style.kind == "number"
                row = [json.loads(t) if number else t for t in times]
                row += [json.loads(severity), list(event.channels)]
                pairs = dict(zip(_EVENT_COLUMNS, row, strict=True))
                text = json.dumps(pairs, allow_nan=False, ensure_ascii=False)
                self.file.write(f"{text}\n".encode())
        self.file.flush()


def number_texts(numbers: npt.NDArray[np.floating[Any]], form: Format = "csv") -> list[str]:
    """Writes numbers with as few digits as give the same number back, in its own precision.

    Args:
        numbers: float32 or float64 (rows,).
        form: `csv`: NaN is empty; `jsonl`: NaN and infinity are null.
    """
    exact = _short_doubles(numbers) if numbers.dtype == np.float32 else numbers
    texts = list(map(repr, exact.tolist()))
    for row in np.flatnonzero(~np.isfinite(exact)):
        if form == "jsonl":
            texts[row] = "null"
        elif np.isnan(exact[row]):
            texts[row] = ""
    return texts


def _short_doubles(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Returns the doubles whose shortest text is the shortest text of these float32."""
    doubles = numbers.astype(np.float64)
    size = np.abs(doubles)
    # Powers of ten up to 1e22 are exact doubles: n / 10^k is then the double nearest its decimal.
    easy = (size > 1e-12) & (size < 1e12)
    for row in np.flatnonzero(~easy & np.isfinite(doubles) & (size > 0)):
        doubles[row] = float(str(numbers[row]))
    todo = np.flatnonzero(easy)
    exponent = np.floor(np.log10(size[todo])).astype(np.int64)
    # Every float32 is given by 9 significant digits, most by 8.
    for digits in (6, 7, 8, 9):
        shift = digits - 1 - exponent
        up, down = _TENS[np.maximum(shift, 0)], _TENS[np.maximum(-shift, 0)]
        wanted = numbers[todo]
        short = np.rint(wanted.astype(np.float64) * up / down) / up * down
        same = short.astype(np.float32) == wanted
        doubles[todo[same]] = short[same]
        todo, exponent = todo[~same], exponent[~same]
    return doubles


_TENS = np.array([float(10**k) for k in range(23)])


def csv_line(cells: Sequence[str]) -> bytes:
    """Returns cells as one line, quoted where they must be; see `runtime.tables.formulas`."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()
