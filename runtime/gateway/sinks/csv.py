"""Scores as one CSV of all streams, and events as another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runtime.clock.timestamps import TimeStyle, format_times
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.documents import MODEL_DIGITS
from runtime.gateway.sinks.line_file import LineFile, LineFileOptions
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.selection import Selection
from runtime.gateway.sinks.sentences import sentence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CSVOptions:
    """What becomes rows, and where they go."""

    file: LineFileOptions = field(default_factory=LineFileOptions)
    """Of scores."""
    events: LineFileOptions | None = None
    """Of events; without it they are not written, but counted."""
    publishing: Publishing = field(default_factory=Publishing)
    """Which scores; `array` is as `every`."""


class CSVSink:
    """Writes outputs; see `Sink`. Names that a spreadsheet would run are written as text.

    Scores have one row a step, missing numbers are empty; quality has its reasons, joined by `;`.

    Args:
        name: As in the configuration.
        options: What to write.

    Raises:
        InputError: A file cannot be opened.
    """

    def __init__(self, name: str, options: CSVOptions) -> None:
        self.name = name
        self._selection = Selection(options.publishing)
        self._file = LineFile(options.file, header=lambda: _header(_SCORE_COLUMNS))
        self._events = (
            None
            if options.events is None
            else LineFile(options.events, header=lambda: _header(_EVENT_COLUMNS))
        )
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

    def tick(self) -> None:
        """Tries again to write what is kept."""
        for file in self._files:
            file.tick()

    @property
    def acknowledged(self) -> int:
        """All outputs up to this sequence number were written, or dropped."""
        return min(one.acknowledged for one in self._files)

    @property
    def waiting(self) -> int:
        """Rows that are kept."""
        return sum(one.waiting for one in self._files)

    @property
    def fullness(self) -> float:
        """Share of `kept_bytes` in use; who would rather wait than drop stops below 1."""
        return max(one.fullness for one in self._files)

    @property
    def dropped(self) -> int:
        """Rows that were dropped."""
        return sum(one.dropped for one in self._files)

    @property
    def skipped(self) -> int:
        """Events that have no file."""
        return self._skipped

    @property
    def trouble(self) -> str:
        """Why nothing is written; empty: all is well."""
        return "; ".join(filter(None, (one.trouble for one in self._files)))

    def close(self, timeout_s: float) -> None:  # noqa: ARG002 - of the protocol
        """Writes what is kept, where it can, and closes the files."""
        for one in self._files:
            one.close()

    @property
    def _files(self) -> list[LineFile]:
        return [self._file] if self._events is None else [self._file, self._events]

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
        _text(notice.text or sentence(notice)),
        _YES[repeat],
        _text(notice.model[:MODEL_DIGITS]),
    ]
    return csv_line(cells)
