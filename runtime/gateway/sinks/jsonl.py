"""Scores, events and states as JSON lines, each with its `type`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.gateway.outputs import Outputs
from runtime.gateway.sinks.documents import (
    answer_document,
    compact,
    event_document,
    milliseconds,
    repeated_text,
    score_documents,
)
from runtime.gateway.sinks.line_file import LineFile, LineFileOptions
from runtime.gateway.sinks.line_sink import LineSink
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.selection import Selection
from runtime.gateway.sinks.sentences import sentence

__all__ = ["JSONLinesOptions", "JSONLinesSink"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JSONLinesOptions:
    """What becomes lines, and where they go."""

    file: LineFileOptions = field(default_factory=LineFileOptions)
    publishing: Publishing = field(default_factory=Publishing)
    """Which scores; `array` is one line with an array a tick and model."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Of channels, for sentences."""


class JSONLinesSink(LineSink):
    """Writes outputs; see `LineSink`.

    Types of lines are `score`, `event`, `state`, `online` and `answer`.

    Args:
        name: As in the configuration.
        options: What to write.

    Raises:
        InputError: The file cannot be opened.
    """

    def __init__(self, name: str, options: JSONLinesOptions) -> None:
        self._file = LineFile(options.file)
        super().__init__(name, [self._file], marked=repeated_text)
        self._options = options
        self._selection = Selection(options.publishing)

    def write(self, outputs: Outputs) -> None:
        """Writes outputs and flushes them, or keeps them."""
        lines: list[bytes] = []
        for scored in outputs.scored:
            at = self._selection.chosen(scored)
            lead = "" if self._options.publishing.scores == "array" else '"type":"score",'
            documents = score_documents(
                scored, at, repeat=outputs.repeat, name_key="stream", lead=lead
            )
            if not lead and documents:
                body = b",".join(documents)
                documents = [b'{"type":"scores","scores":[%b]}' % body]
            lines.extend(documents)
        for notice in outputs.events:
            words = notice.text or sentence(notice, units=self._options.units)
            event = event_document(notice, repeat=outputs.repeat, words=words)
            lines.append(compact({"type": "event", "stream": notice.stream, **event}))
        lines.extend(
            compact({"type": "state", "stream": stream, "t": milliseconds(time_ns), "on": goes_on})
            for stream, goes_on, time_ns in outputs.states
        )
        lines.extend(
            compact({"type": "online", "stream": stream, "online": here})
            for stream, here in outputs.online
        )
        lines.extend(
            compact({"type": "answer", **json.loads(answer_document(command, answer))})
            for command, answer in outputs.answers
        )
        self._file.write(outputs.sequence, b"".join(line + b"\n" for line in lines))
        for stream in outputs.gone:
            self._selection.forget(stream)
