"""Messages to readings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runtime.errors import shown
from runtime.gateway.payloads.json_text import lookup, parse
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.payloads.plan import Plan
from runtime.gateway.payloads.routes import Route, Routes
from runtime.gateway.payloads.shapes.auto import is_special, reader_of
from runtime.gateway.payloads.shapes.part import ABSENT, BARE, Context, Part
from runtime.gateway.payloads.times import TimeReader
from runtime.gateway.samples import BadInputError, Message, Quality, Reading

__all__ = ["KINDS", "Decoder"]

KINDS = (
    *("size", "retained", "ignored", "topic", "encoding", "json", "depth", "shape"),
    *("line_protocol", "tag", "stream", "stream_unknown", "time", "time_missing"),
    *("time_zone_missing", "time_skipped", "time_absurd", "value", "unit", "empty"),
    *("channel_unknown", "parts"),
)
"""What can be bad. `ignored`: no data by configuration or by the device's own rules; `empty`: no
number in it; `channel_unknown`: numbers that are no channel; `parts`: payloads with more than
`max_parts`; `stream`: it cannot be named; `stream_unknown`: no model scores it."""

_ARRIVAL = int(Quality.ARRIVAL)
_MISSING = int(Quality.MISSING)
_RETAINED = int(Quality.RETAINED)
_MOST_STREAMS = 200_000


class Decoder:
    """Reads the messages of one source. One thread at a time.

    Args:
        options: How they are read.
        channels_of: Returns the channels of a stream's detector, None for a stream that none
            scores. What it returns is remembered, see `forget`.

    Raises:
        ConfigError: A template cannot be used.
    """

    def __init__(
        self, options: PayloadOptions, channels_of: Callable[[str], Sequence[str] | None]
    ) -> None:
        self.options = options
        self.routes = Routes(options)
        self._channels_of = channels_of
        self._context = Context(
            options, TimeReader(unit=options.time_unit, timezone=options.timezone)
        )
        self._read = reader_of(options.shape)
        self._may_be_flat = options.shape in ("auto", "flat", "nested")
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._streams: dict[str, Plan] = {}
        self._plain: dict[str, Plan] = {}
        """Those of streams whose messages `_plainly` may read."""
        self._bad: dict[str, tuple[int, str]] = {}
        self._unknown = 0

    def decode(self, message: Message, now_ns: int, ahead_ns: int = 0) -> list[Reading]:
        """Returns the readings of a message; where it has no time of its own, that of arrival.

        What is bad in a message of which something is good is counted, see `take_bad`.

        Args:
            message: As its source brought it.
            now_ns: The time of arrival where the message does not say it.
            ahead_ns: How far that is before the wall clock, by which messages say it; what is not 0
                lets none have arrived later.

        Raises:
            BadInputError: Nothing in it is a reading; of one of `KINDS`. It is not in `take_bad`.
        """
        payload, topic = message.payload, message.topic
        if len(payload) > self.options.max_bytes:
            raise BadInputError(
                "size",
                f"Payloads must have at most {self.options.max_bytes} bytes. "
                f"Received: {len(payload)}.",
            )
        quality = 0
        if message.retained:
            if self.options.retained == "drop":
                raise BadInputError(
                    "retained", f"A message that the broker had kept, on {topic[:200]!r}."
                )
            quality = _RETAINED
        route = self.routes.of(topic)
        if ahead_ns and message.arrived_ns:
            now_ns = min(message.arrived_ns + ahead_ns, now_ns)
        else:
            now_ns = message.arrived_ns or now_ns
        if self._may_be_flat and not route.channel and payload[:1] == b"{":
            tree = parse(payload, self.options.max_depth)
            if self.options.shape != "auto" or not is_special(tree):
                plain = self._plainly(tree, route.stream, now_ns, quality)
                if plain is not None:
                    return [plain]
                seen = self._unknown
                part = Part(tree, self._context.keys.find(tree))
                reading = self._reading(part, topic, route, now_ns, quality)
                if reading is None and seen == self._unknown:
                    raise _empty(payload)
                return [] if reading is None else [reading]
        return self._parts(payload, topic, route, now_ns, quality)

    def take_bad(self) -> dict[str, tuple[int, str]]:
        """Returns what was bad since the last call: by kind its number, and one example.

        Of `KINDS`; `channel_unknown` and `parts` are here only.
        """
        bad, self._bad = self._bad, {}
        return bad

    def forget(self, streams: Iterable[str]) -> None:
        """Asks `channels_of` again for streams: they may not be let in any more."""
        for name in streams:
            self._streams.pop(name, None)
            self._plain.pop(name, None)

    def _plainly(
        self, tree: dict[str, Any], stream: str, now_ns: int, quality: int
    ) -> Reading | None:
        """Reads the common object, its channels and a whole number for a time; None: another."""
        plan = self._plain.get(stream)
        values = None if plan is None else plan.numbers(tree)
        if values is None or len(tree) != len(values) + 1:
            return None
        time_ns = self._context.times.plain(tree.get(self._context.keys.last), now_ns)
        return None if time_ns is None else Reading(stream, time_ns, values, quality)

    def _parts(
        self, payload: bytes, topic: str, route: Route, now_ns: int, quality: int
    ) -> list[Reading]:
        context = self._context
        context.topic, context.channel, context.now_ns = topic, route.channel, now_ns
        context.left_out = 0
        readings: list[Reading] = []
        errors: list[BadInputError] = []
        seen = self._unknown
        for number, part in enumerate(self._read(payload, context)):
            if number >= self.options.max_parts:
                context.left_out += 1
                break
            if isinstance(part, BadInputError):
                errors.append(part)
                continue
            try:
                reading = self._reading(part, topic, route, now_ns, quality)
            except BadInputError as error:
                errors.append(error)
                continue
            if reading is not None:
                readings.append(reading)
        if context.left_out:
            self._note("parts", f"{context.left_out} or more beyond {self.options.max_parts}.")
        if not readings and errors:
            first = errors.pop(0)
            self._note_all(errors)
            raise first
        self._note_all(errors)
        if not readings and seen == self._unknown:
            raise _empty(payload)
        return readings

    def _reading(
        self, part: Part, topic: str, route: Route, now_ns: int, quality: int
    ) -> Reading | None:
        """Returns one part's reading; None where it has none of the stream's channels."""
        fields, names = part.fields, part.names
        stream = route.stream
        if names or not stream or self.options.device:
            stream = self.routes.stream(topic, route, self._named(fields, names, route))
        plan = self._streams.get(stream) or self._plan(stream)
        values: Mapping[str, float] | None = None
        if not part.units:
            values = plan.numbers(fields)
        if values is None:
            found = plan.read(fields, part.units)
            values, keys = found.values, found.keys
            self._note_all(found.errors)
            if found.is_missing:
                quality |= _MISSING
        else:
            keys = len(values)
        if len(fields) > keys + (self._context.keys.last in fields):
            self._look_at_unknown(plan, fields, route.channel, topic or stream)
        if not values:
            if BARE in fields:
                raise BadInputError(
                    "shape",
                    "A number alone needs {channel} in its topic's template, or a detector of one "
                    f"channel. Received: {shown(fields[BARE])} for {len(plan.names)} channels.",
                )
            return None
        time_ns = None if part.time is ABSENT else self._time(part, now_ns, stream)
        if time_ns is None:
            return Reading(stream, now_ns, values, quality | _ARRIVAL)
        if part.is_relative:
            quality |= _ARRIVAL
        return Reading(stream, time_ns, values, quality)

    def _named(
        self, fields: Mapping[str, Any], names: Mapping[str, str], route: Route
    ) -> Mapping[str, str]:
        if not self.options.device:
            return names
        device = lookup(fields, self.options.device)
        if type(device) is not str and type(device) is not int:
            if "device" in names or "device" in route.names:
                return names
            raise BadInputError(
                "stream",
                f"The device's name was expected at {self.options.device}. "
                f"Received: {shown(device)}.",
            )
        return {**names, "device": str(device)}

    def _look_at_unknown(
        self, plan: Plan, fields: Mapping[str, Any], channel: str, where: str
    ) -> None:
        for name in plan.unknown(fields, self._context.keys.lower, channel):
            self._unknown += 1
            if "channel_unknown" in self._bad:
                self._note("channel_unknown", "")
                continue
            self._note(
                "channel_unknown",
                f"Channels must be among {', '.join(plan.names)[:60]}. Received: "
                f"{shown(name[:40])} on {shown(where[:60])}.",
            )

    def _time(self, part: Part, now_ns: int, stream: str) -> int | None:
        """Returns the time; None: that of the arrival is to be taken."""
        error: BadInputError
        if part.time_ns is None and (part.time is None or part.time == ""):
            error = BadInputError("time_missing", f"A time was expected. Received: {part.time!r}.")
        else:
            time_ns = part.time_ns
            if time_ns is None:
                time_ns = self._context.times.read(part.time, now_ns, stream)
            if not TimeReader.absurd(time_ns, now_ns):
                return time_ns
            error = BadInputError(
                "time_absurd",
                "Times must lie after 2000 and at most a day ahead. "
                f"Received: {str(part.time)[:60]} of {stream}.",
            )
        if self.options.absurd == "drop":
            raise error
        self._note_all([error])
        return None

    def _plan(self, stream: str) -> Plan:
        channels = self._channels_of(stream)
        if channels is None:
            raise BadInputError("stream_unknown", f"No model scores the stream {stream!r}.")
        key = tuple(channels)
        if key not in self._plans:
            self._plans[key] = Plan(key, self.options)
        if len(self._streams) >= _MOST_STREAMS:
            self._streams.clear()
            self._plain.clear()
        plan = self._streams[stream] = self._plans[key]
        if not self.options.device and plan.is_apart(self._context.keys.lower):
            self._plain[stream] = plan
        return plan

    def _note(self, kind: str, example: str) -> None:
        count, first = self._bad.get(kind, (0, ""))
        self._bad[kind] = (count + 1, first if count else example[:200])

    def _note_all(self, errors: Sequence[BadInputError]) -> None:
        for error in errors:
            self._note(error.kind, str(error))


def _empty(payload: bytes) -> BadInputError:
    return BadInputError("empty", f"At least one number was expected. Received: {payload[:80]!r}.")
