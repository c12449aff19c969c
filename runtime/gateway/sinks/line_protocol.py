"""Scores and events as InfluxDB line protocol, such as for Telegraf's `processors.execd`."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from runtime.errors import ConfigError, shown
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.payloads.line_protocol import write_point
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.documents import MODEL_DIGITS, quality_of
from runtime.gateway.sinks.line_file import LineFile, LineFileOptions
from runtime.gateway.sinks.line_sink import LineSink
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.selection import Selection
from runtime.gateway.sinks.sentences import sentence

__all__ = ["Field", "LineProtocolOptions", "LineProtocolSink", "point"]

Field = float | int | bool | str
"""NaN and infinity are left out."""

_DIGITS = 6
_BACKSLASHES = re.compile(r"\\+$")
_FIELDS = re.compile(rb"((?:\\.|[^ \\\n])* )(.*\n?)")
"""A line: up to its fields, and these."""
_TEXT_OR_REPEAT = re.compile(rb'"(?:\\.|[^"\\])*"|\brepeat=false\b')


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProtocolOptions:
    """What becomes points, and where they go.

    Raises:
        ConfigError: A value that cannot be used.
    """

    file: LineFileOptions = field(default_factory=LineFileOptions)
    publishing: Publishing = field(default_factory=Publishing)
    """Which scores; `array` is as `every`."""
    measurement: str = "kad"
    """Of scores; events have `<measurement>_event`."""
    tags: Sequence[str] = ()
    """Names of the segments of a stream's name, such as line and device for `a/p7`; where it has
    another number of segments, and without names, it is the tag `stream`."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Of channels, for sentences."""
    pass_through: bool = True
    """Line protocol that comes on stdin goes out as it came, before its scores: what a processor
    of Telegraf does not write is lost to Telegraf."""

    def __post_init__(self) -> None:
        if not self.measurement or "\n" in self.measurement:
            raise ConfigError(
                "`measurement` must be a name on one line. "
                f"Received: {shown(self.measurement)}. Correct it."
            )
        names = ("kind", *self.tags)
        if not all(self.tags) or len(set(names)) < len(names):
            raise ConfigError(
                "`tags` must be different names, and not kind. "
                f"Received: {shown(list(self.tags))}. Correct them."
            )


class LineProtocolSink(LineSink):
    """Writes outputs; see `LineSink`. Times are nanoseconds.

    Args:
        name: As in the configuration.
        options: What to write.

    Raises:
        InputError: The file cannot be opened.
    """

    def __init__(self, name: str, options: LineProtocolOptions) -> None:
        self._file = LineFile(options.file)
        super().__init__(name, [self._file], marked=_marked)
        self._options = options
        self._selection = Selection(options.publishing)
        self._heads: dict[str, str] = {}
        self._sequence = 0

    @property
    def passes(self) -> bool:
        """Whether input is to be passed on."""
        return self._options.pass_through

    def write_raw(self, lines: bytes) -> None:
        """Passes input on as it came, before the points of its outputs.

        Args:
            lines: Line protocol; a missing end of the last line is added.
        """
        if lines:
            # Not yet acknowledged: the outputs of these lines are still to come.
            whole = lines if lines.endswith(b"\n") else lines + b"\n"
            self._file.write(self._sequence, whole, is_own=False)

    def write(self, outputs: Outputs) -> None:
        """Writes outputs and flushes them, or keeps them."""
        self._sequence = outputs.sequence
        lines: list[str] = []
        for scored in outputs.scored:
            lines.extend(self._points(scored, repeat=outputs.repeat))
        lines.extend(self._event(notice, repeat=outputs.repeat) for notice in outputs.events)
        content = "".join(f"{line}\n" for line in lines if line)
        self._file.write(outputs.sequence, content.encode())
        for stream in outputs.gone:
            self._selection.forget(stream)
            self._heads.pop(stream, None)

    def _tags(self, stream: str) -> dict[str, str]:
        if not stream:
            return {}
        segments, names = stream.split("/"), self._options.tags
        if names and len(names) == len(segments):
            return dict(zip(names, segments, strict=True))
        return {"stream": stream}

    def _head(self, stream: str) -> str:
        """Returns a point of a stream up to its fields."""
        head = self._heads.get(stream)
        if head is None:
            line = point(self._options.measurement, self._tags(stream), {"x": True}, 0)
            head = self._heads[stream] = line.removesuffix("x=true 0")
        return head

    def _points(self, scored: ScoredRows, *, repeat: bool) -> Iterator[str]:
        at = self._selection.chosen(scored)
        scores, names = scored.scores, scored.names
        model = scored.identity[:MODEL_DIGITS]
        columns = zip(
            [self._head(names[step]) for step in at.tolist()],
            _members("score", scores.score[at].tolist()),
            _members("severity", scores.severity[at].tolist()),
            scores.alarm[at].tolist(),
            scored.warm[at].tolist(),
            scored.quality[at].tolist(),
            scores.times_ns[at].tolist(),
            strict=True,
        )
        for head, score, severity, alarm, warm, quality, time_ns in columns:
            rest = _rest(alarm, warm, quality, repeat, model)
            yield f"{head}{score}{severity}{rest} {time_ns}"

    def _event(self, notice: EventNotice, *, repeat: bool) -> str:
        options = self._options
        fields: dict[str, Field] = {
            "id": notice.id,
            "phase": notice.phase,
            "severity": notice.severity,
            "duration_s": notice.duration_s,
            "text": notice.text or sentence(notice, units=options.units),
            "channels": ";".join(one.name for one in notice.channels),
            "ack_by": notice.ack.by if notice.ack else "",
            "ack_note": notice.ack.note if notice.ack else "",
            "repeat": repeat,
        }
        tags = {**self._tags(notice.stream), "kind": notice.kind}
        return point(f"{options.measurement}_event", tags, fields, notice.time_ns)


def _marked(lines: bytes) -> bytes:
    """Returns points that say that they may have been written before."""

    def fields(found: re.Match[bytes]) -> bytes:
        word = found[0]
        return b"repeat=true" if word == b"repeat=false" else word

    return _FIELDS.sub(lambda line: line[1] + _TEXT_OR_REPEAT.sub(fields, line[2]), lines)


def point(
    measurement: str, tags: Mapping[str, str], fields: Mapping[str, Field], time_ns: int
) -> str:
    """Returns a point as one line without its end, whatever the names are.

    Tags are sorted, empty ones left out, and so are fields without a number and empty texts; floats
    have six significant digits.

    Args:
        measurement: Its name.
        tags: By key.
        fields: By key.
        time_ns: Nanoseconds since 1970-01-01 UTC.

    Returns:
        The line; empty where no field is left.
    """
    plain = {key: _line(one) if isinstance(one, str) else one for key, one in fields.items()}
    return write_point(
        _name(measurement),
        {_name(key): _name(value) for key, value in tags.items() if key},
        {_name(key): value for key, value in plain.items() if key and value != ""},
        time_ns,
        digits=_DIGITS,
    )


def _members(name: str, column: Sequence[float]) -> list[str]:
    """Returns a field of each point, with a comma behind; empty where it has no number."""
    return [f"{name}={one:.6g}," if math.isfinite(one) else "" for one in column]


@lru_cache(maxsize=4096)
def _rest(alarm: bool, warm: bool, quality: int, repeat: bool, model: str) -> str:  # noqa: FBT001
    """Returns the fields of a score that few points differ in."""
    fields: dict[str, Field] = {
        "alarm": alarm,
        "warm": warm,
        "quality": quality_of(quality),
        "reasons": " ".join(Quality(quality).reasons()),
        "repeat": repeat,
        "model": model,
    }
    return point("m", {}, fields, 0).removeprefix("m ").removesuffix(" 0")


def _name(text: str) -> str:
    """Returns a name, which cannot end in a backslash either."""
    return _BACKSLASHES.sub("_", _line(text))


def _line(value: str) -> str:
    """Returns text without line breaks, which no escape can carry, that can be encoded."""
    plain = value.encode(errors="backslashreplace").decode()
    return " ".join(plain.splitlines())
