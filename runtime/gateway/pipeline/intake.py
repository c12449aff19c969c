"""The messages of one source to rows, by stream and model."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log
from runtime.gateway.payloads.assembly import Assembly, Row
from runtime.gateway.payloads.decoder import Decoder
from runtime.gateway.payloads.options import ON_OFF, ChannelOptions, PayloadOptions
from runtime.gateway.pipeline.models import Roster
from runtime.gateway.records import Rows
from runtime.gateway.samples import BadInputError, Message, Quality, Reading

__all__ = ["Gathered", "Intake"]


class Gathered:
    """The rows of one tick, of all sources."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._rows: dict[str, list[Row]] = {}
        self.count = 0

    def add(self, model: str, rows: Sequence[Row]) -> None:
        """Takes rows of a model."""
        if rows:
            self._rows.setdefault(model, []).extend(rows)
            self.count += len(rows)

    def streams(self) -> Iterator[str]:
        """Yields the streams, as often as they have rows."""
        for rows in self._rows.values():
            for row in rows:
                yield row.stream

    def take(self) -> list[Rows]:
        """Returns the rows, sorted by stream and time, and begins anew."""
        made = [self._sorted(model, rows) for model, rows in self._rows.items()]
        self._rows, self.count = {}, 0
        return made

    def _sorted(self, model: str, rows: list[Row]) -> Rows:
        number = self._roster.number
        streams = np.array([number(row.stream) for row in rows], np.int32)
        times_ns = np.array([row.time_ns for row in rows], np.int64)
        order = np.lexsort((times_ns, streams))
        # What is beyond float32 is missing to every detector.
        with np.errstate(over="ignore"):
            values = np.array([row.values for row in rows], np.float64).astype(np.float32)
        quality = np.array([row.quality for row in rows], np.uint16)
        return Rows(
            model=model,
            streams=streams[order],
            times_ns=times_ns[order],
            values=values[order],
            quality=quality[order],
        )


def _with_switches(options: PayloadOptions, roster: Roster) -> PayloadOptions:
    """Lets running signals be true, ON and the like, where nobody said how they are read."""
    extras = {name for model in roster.models.values() for name in model.extras}
    switches = {name: ChannelOptions(words=ON_OFF) for name in extras - options.channels.keys()}
    return replace(options, channels={**options.channels, **switches})


class Intake:
    """Reads the messages of one source.

    Args:
        name: The source's.
        options: How its messages are read.
        roster: Streams and models.
        families: The metrics.
        say: The log.
        clock_is_set: Whether the wall clock can be believed.

    Raises:
        ConfigError: A template of the options cannot be used.
    """

    def __init__(
        self,
        name: str,
        options: PayloadOptions,
        roster: Roster,
        families: Families,
        say: Log,
        *,
        clock_is_set: Callable[[], bool],
    ) -> None:
        self._clock_is_set = clock_is_set
        self.name = name
        self._options, self._roster = options, roster
        self._families, self._say = families, say
        self.decoder = Decoder(_with_switches(options, roster), roster.channels_of)
        self._assemblies = {
            key: Assembly(
                model.columns,
                period_s=model.period_s,
                lateness_s=options.lateness_s,
                expected=model.channels,
            )
            for key, model in roster.models.items()
        }
        self._widths = {key: len(model.columns) for key, model in roster.models.items()}
        self._held: dict[str, dict[str, float]] = {}
        self._touched: dict[str, set[str]] = {key: set() for key in roster.models}

    def take(
        self,
        messages: Sequence[Message],
        into: Gathered,
        *,
        now_s: float,
        now_ns: int,
        ahead_ns: int = 0,
    ) -> int:
        """Reads messages; nothing in them stops it.

        Args:
            messages: In order.
            into: Takes the rows.
            now_s: The monotonic clock.
            now_ns: The stamp of what arrives now.
            ahead_ns: How far it is before the wall clock; see `Clocks`.

        Returns:
            How many of them were good.
        """
        good = 0
        self._clock = 0 if self._clock_is_set() else int(Quality.CLOCK)
        for message in messages:
            try:
                readings = self.decoder.decode(message, now_ns, ahead_ns)
            except BadInputError as error:
                self._bad(error.kind, 1, str(error))
                continue
            good += 1
            for reading in readings:
                self._add(reading, into, now_s)
        self._families.messages.of(self.name, "good").inc(good)
        for kind, (count, example) in self.decoder.take_bad().items():
            self._bad(kind, count, example)
        return good

    def due(self, into: Gathered, now_s: float) -> None:
        """Takes the rows that have waited long enough for their other channels."""
        for key, assembly in self._assemblies.items():
            if assembly.next_due_s <= now_s:
                rows = assembly.due(now_s)
                self._touched[key].update(row.stream for row in rows)
                into.add(key, rows)

    def end(self, into: Gathered) -> None:
        """Takes all rows that wait: nothing more comes."""
        self.due(into, float("inf"))

    def changed_parts(self) -> list[dict[str, Any]]:
        """Returns what waits now, of each stream where that has changed, as data for JSON."""
        changed: list[dict[str, Any]] = []
        for key, touched in self._touched.items():
            if not touched:
                continue
            waiting: dict[str, list[Any]] = {stream: [] for stream in touched}
            for group in self._assemblies[key].pending():
                if group["stream"] in touched:
                    waiting[group["stream"]].append(group)
            for stream, rows in waiting.items():
                one = {"source": self.name, "model": key, "stream": stream, "rows": rows}
                changed.append(one | self._held_of(stream))
            touched.clear()
        for assembly in self._assemblies.values():
            self._count(assembly.take_counts())
        return changed

    def restore(self, parts: Sequence[Mapping[str, Any]], now_s: float) -> None:
        """Takes what waited before a restart."""
        for one in parts:
            assembly = self._assemblies.get(one["model"])
            if one["source"] == self.name and assembly is not None:
                assembly.restore(one["rows"], now_s)
                if self._options.hold and "held" in one:
                    held = {k: math.nan if v is None else float(v) for k, v in one["held"].items()}
                    self._held[one["stream"]] = held

    def _held_of(self, stream: str) -> dict[str, Any]:
        """Returns the values that a stream keeps, for JSON; nothing where it keeps none."""
        held = self._held.get(stream)
        if held is None:
            return {}
        return {"held": {k: v if math.isfinite(v) else None for k, v in held.items()}}

    def _add(self, reading: Reading, into: Gathered, now_s: float) -> None:
        if self._clock and reading.quality & Quality.ARRIVAL:
            reading = reading._replace(quality=reading.quality | self._clock)
        choice = self._roster.choice(reading.stream)
        if choice is None:
            return
        if self._options.hold:
            held = self._held.setdefault(reading.stream, {})
            held.update(reading.values)
            reading = reading._replace(values=dict(held))
        # At once: the cap counts streams that wait for their first row, too.
        self._roster.number(reading.stream)
        assembly = self._assemblies[choice.key]
        rows = assembly.add(reading, now_s)
        is_part = len(rows) != 1 or len(reading.values) != self._widths[choice.key]
        if is_part or self._options.hold:
            self._touched[choice.key].add(reading.stream)
        into.add(choice.key, rows)

    def _bad(self, kind: str, count: int, example: str) -> None:
        result = "ignored" if kind == "ignored" else "bad"
        self._families.messages.of(self.name, result).inc(count)
        if result == "bad":
            self._families.bad_messages.of(kind).inc(count)
            self._say.warning(f"bad_{kind}", example, source=self.name)

    def _count(self, counts: Mapping[str, int]) -> None:
        if counts.get("late"):
            self._families.late.inc(counts["late"])
        if counts.get("duplicate"):
            self._families.duplicates.inc(counts["duplicate"])
        if counts.get("overflow"):
            self._families.dropped.of("assembly").inc(counts["overflow"])
