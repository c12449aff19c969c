"""Scores as one CSV of all streams, and events as another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.clock.timestamps import TimeStyle, format_times
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.documents import MODEL_DIGITS
from runtime.gateway.sinks.line_file import LineFile, LineFileOptions
from runtime.gateway.sinks.line_sink import LineSink
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.selection import Selection
from runtime.gateway.sinks.sentences import seen, sentence
from runtime.tables.formulas import as_text
from runtime.tables.writers import csv_line, number_texts

__all__ = ["CSVOptions", "CSVSink"]

_SCORE_COLUMNS = (
    ("time", "stream", "score", "severity", "alarm"),
    ("quality", "warm", "repeat", "model"),
)
_EVENT_COLUMNS = (
    ("id", "stream", "kind", "phase", "time", "start", "peak_time", "peak_severity"),
    ("duration_s", "channels", "text", "repeat", "model"),
)
_STYLE = TimeStyle("aware", "T")
_YES = ("0", "1")
_REPEAT = re.compile(rb",0,([^,\"\n]*)$", re.MULTILINE)
"""The end of a row that says that it was not written before, and its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CSVOptions:
    """What becomes rows, and where they go."""

    file: LineFileOptions = field(default_factory=LineFileOptions)
    """Of scores."""
    events: LineFileOptions | None = None
    """Of events; without it they are not written, but counted."""
    publishing: Publishing = field(default_factory=Publishing)
    """Which scores; `array` is as `every`."""


class CSVSink(LineSink):
    """Writes outputs; see `LineSink`. Names that a spreadsheet would run are written as text.

    Scores have one row a step, missing numbers are empty; quality has its reasons, joined by `;`.

    Args:
        name: As in the configuration.
        options: What to write.

    Raises:
        InputError: A file cannot be opened.
    """

    def __init__(self, name: str, options: CSVOptions) -> None:
        self._selection = Selection(options.publishing)
        self._file = LineFile(options.file, header=lambda: _header(_SCORE_COLUMNS))
        self._events = (
            None
            if options.events is None
            else LineFile(options.events, header=lambda: _header(_EVENT_COLUMNS))
        )
        files = [self._file] if self._events is None else [self._file, self._events]
        super().__init__(name, files, marked=_marked)
        self._skipped = 0

    def write(self, outputs: Outputs) -> None:
        """Writes outputs and flushes them, or keeps them."""
        rows = [self._rows(scored, repeat=outputs.repeat) for scored in outputs.scored]
        self._file.write(outputs.sequence, b"".join(rows))
        if self._events is None:
            self._skipped += len(outputs.events)
        else:
            events = [_event_row(notice, repeat=outputs.repeat) for notice in outputs.events]
            self._events.write(outputs.sequence, b"".join(events))
        for stream in outputs.gone:
            self._selection.forget(stream)

    @property
    def skipped(self) -> int:
        """Events that have no file."""
        return self._skipped

    def _rows(self, scored: ScoredRows, *, repeat: bool) -> bytes:
        at = self._selection.chosen(scored)
        if not len(at):
            return b""
        scores, names = scored.scores, scored.names
        quoted = {name: _cell(name) for name in set(names)}
        model = _cell(scored.identity[:MODEL_DIGITS])
        rows = zip(
            format_times(scores.times_ns[at], _STYLE),
            [quoted[names[step]] for step in at.tolist()],
            number_texts(scores.score[at]),
            number_texts(scores.severity[at]),
            map(_YES.__getitem__, scores.alarm[at].tolist()),
            [";".join(Quality(one).reasons()) for one in scored.quality[at].tolist()],
            map(_YES.__getitem__, scored.warm[at].tolist()),
            strict=True,
        )
        end = f",{_YES[repeat]},{model}\n"
        return "".join(",".join(row) + end for row in rows).encode()


def _marked(rows: bytes) -> bytes:
    """Returns rows that say that they may have been written before."""
    return _REPEAT.sub(rb",1,\1", rows)


def _header(columns: Sequence[Sequence[str]]) -> bytes:
    return csv_line([name for some in columns for name in some])


def _cell(value: str) -> str:
    """Returns text as a cell: no formula, quoted where it must be."""
    return csv_line([_text(value), ""]).decode()[:-2]


def _text(value: str) -> str:
    return as_text(value.encode(errors="backslashreplace").decode())


def _event_row(notice: EventNotice, *, repeat: bool) -> bytes:
    moments = np.array([notice.time_ns, notice.start_ns, notice.peak_ns], np.int64)
    time, start, peak = format_times(moments, _STYLE)
    severity, duration = number_texts(np.array([notice.severity, notice.duration_s], np.float32))
    cells: list[Any] = [
        _text(notice.id),
        _text(notice.stream),
        notice.kind,
        notice.phase,
        time,
        start,
        peak,
        severity,
        duration,
        ";".join(_text(one.name) for one in notice.channels),
        _text(" ".join(filter(None, (notice.text or sentence(notice), seen(notice.ack))))),
        _YES[repeat],
        _text(notice.model[:MODEL_DIGITS]),
    ]
    return csv_line(cells)
