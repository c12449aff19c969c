"""Telemetry and attributes for ThingsBoard, as one device or as a gateway with many.

There is no topic for alarms: rules of the device profile make them of `kad_alarm`, which is true
while an event goes on, and `kad_severity`.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from runtime.counted import counted, noun
from runtime.errors import ConfigError, shown
from runtime.gateway.outputs import Outputs, ScoredRows
from runtime.gateway.protocols import Client, Publication
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.delivery import Delivery, Outbox
from runtime.gateway.sinks.delivery_sink import DeliverySink
from runtime.gateway.sinks.documents import (
    MODEL_DIGITS,
    compact,
    in_parts,
    milliseconds,
    number,
    quality_of,
    rounded,
)
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.selection import Selection
from runtime.gateway.sinks.sentences import seen, sentence

__all__ = ["ThingsBoardOptions", "ThingsBoardSink"]

_WAIT_S = 0.01
_LEAST_BYTES = 1024
_ME = "v1/devices/me"
_GATEWAY = "v1/gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingsBoardOptions:
    """How streams appear in ThingsBoard.

    Raises:
        ConfigError: A value that cannot be used.
    """

    shape: Literal["device", "gateway"] = "gateway"
    """`device`: one stream, the client's user name is its token; `gateway`: a device a stream."""
    stream: str = ""
    """`device`: which stream; the first that speaks where not given."""
    type: str = "default"
    """`gateway`: the profile of new devices."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Devices of streams, such as `Pump 7`; a stream's own name where not given."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Of channels, for sentences."""
    publishing: Publishing = field(default_factory=Publishing)
    """Which scores; `array` is as `every`: messages always have many."""
    most_bytes: int = 60_000
    """Of a message; the server takes 65,536 by default."""
    kept_bytes: int = 32 * 2**20
    """Of scores in memory that the client does not take, where it is there but slow, or the disk
    does not take them; the oldest above that are dropped and counted."""

    def __post_init__(self) -> None:
        if self.shape not in {"device", "gateway"}:
            raise ConfigError(
                f"`shape` must be device or gateway. Received: {shown(self.shape)}. Name one."
            )
        if self.kept_bytes < 1:
            raise ConfigError(
                f"`kept_bytes` must be 1 or more. Received: {shown(self.kept_bytes)}. Correct it."
            )
        if self.most_bytes < _LEAST_BYTES:
            raise ConfigError(
                f"`most_bytes` must be {_LEAST_BYTES} bytes or more. "
                f"Received: {shown(self.most_bytes)}. Correct it."
            )
        if len(set(self.names.values())) < len(self.names):
            raise ConfigError(
                "`names` must have a device of its own for each stream. Received one twice. "
                "Name another."
            )


class ThingsBoardSink(DeliverySink):
    """Publishes outputs; see `DeliverySink`.

    As a gateway it connects a device before it says anything of it, and again on each new
    connection. Telemetry has no nulls: what is missing is left out.

    Args:
        name: As in the configuration.
        client: The client.
        options: What to publish.
        outbox: Where alarms, events and attributes lie until they have arrived.
        score_outbox: Where scores lie that the client does not take, because it is away.
        monotonic: The clock.
        sleep: Waits; for `close` only.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        options: ThingsBoardOptions,
        *,
        outbox: Outbox | None = None,
        score_outbox: Outbox | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(
            name,
            Delivery(
                client, most_bytes=options.kept_bytes, outbox=outbox, score_outbox=score_outbox
            ),
        )
        self._client = client
        self._options = options
        self._is_gateway = options.shape == "gateway"
        self._stream = options.stream
        self._monotonic = monotonic
        self._sleep = sleep
        self._selection = Selection(options.publishing)
        self._alarms: dict[str, bool] = {}
        self._models: dict[str, str] = {}
        self._devices: dict[str, None] = {}
        self._connections = 0
        self._skipped = 0

    def write(self, outputs: Outputs) -> None:
        """Publishes outputs, or keeps them; never waits."""
        scores = self._scores(outputs.scored, repeat=outputs.repeat)
        lasting = self._attributes(outputs.scored) + self._telemetry(self._changes(outputs))
        self._connect(outputs)
        self._delivery.put(outputs.sequence or None, lasting=lasting, scores=scores)
        for stream in outputs.gone:
            self._forget(stream)
        self.tick()

    def tick(self) -> None:
        """Connects devices anew after a new connection, and passes on what waits."""
        connections = self._client.connections
        if connections != self._connections:
            self._connections = connections
            self._delivery.first([self._greeting(stream) for stream in self._devices])
        self._delivery.pump()

    @property
    def skipped(self) -> int:
        """`device`: steps and events of streams other than the one."""
        return self._skipped

    @property
    def trouble(self) -> str:
        """Why nothing goes out now, or not all; empty: all is well."""
        if self._delivery.trouble or not self._skipped:
            return self._delivery.trouble
        return (
            f"shape device takes one stream, {self._stream}; "
            f"{counted(self._skipped, 'step or event', 'steps and events')} of others "
            f"{noun(self._skipped, 'was', 'were')} left out"
        )

    def close(self, timeout_s: float) -> None:
        """Hands over what it can in this time, and ends its client."""
        end = self._monotonic() + timeout_s
        self._delivery.pump()
        while self._delivery.held and not self._client.trouble and self._monotonic() < end:
            self._sleep(_WAIT_S)
            self._delivery.pump()
        self._delivery.keep()
        self._client.close(max(0.0, end - self._monotonic()))

    def _mine(self, stream: str) -> bool:
        if self._is_gateway:
            return True
        self._stream = self._stream or stream
        return stream == self._stream

    def _device(self, stream: str) -> str:
        return self._options.names.get(stream, stream)

    def _connect(self, outputs: Outputs) -> None:
        """Connects devices that are new."""
        if not self._is_gateway:
            return
        named = [name for scored in outputs.scored for name in scored.names]
        named += [name for name, _, _ in outputs.states]
        named += [notice.stream for notice in outputs.events if notice.stream]
        named += [name for name, here in outputs.online if here]
        new = [name for name in dict.fromkeys(named) if name not in self._devices]
        self._devices.update(dict.fromkeys(new))
        greetings = [self._greeting(stream) for stream in new]
        self._delivery.first(greetings, afresh=False)

    def _greeting(self, stream: str) -> Publication:
        document = {"device": self._device(stream), "type": self._options.type}
        return Publication(f"{_GATEWAY}/connect", compact(document), 1)

    def _scores(self, rows: Iterable[ScoredRows], *, repeat: bool) -> list[Publication]:
        entries: dict[str, list[bytes]] = defaultdict(list)
        for scored in rows:
            at = self._selection.chosen(scored)
            scores = scored.scores
            mine = [step for step in at.tolist() if self._mine(scored.names[step])]
            self._skipped += len(at) - len(mine)
            at = np.array(mine, np.intp)
            columns = zip(
                [scored.names[step] for step in mine],
                scores.times_ns[at].tolist(),
                scores.score[at].tolist(),
                scores.severity[at].tolist(),
                scored.quality[at].tolist(),
                strict=True,
            )
            for name, time_ns, score, severity, quality in columns:
                entries[name].append(
                    f'{{"ts":{milliseconds(time_ns)},"values":{{{_member("kad_score", score)}'
                    f"{_member('kad_severity', severity)}{_quality(quality, repeat)}}}}}".encode()
                )
        return self._telemetry(entries)

    def _changes(self, outputs: Outputs) -> dict[str, list[bytes]]:
        """Returns alarms and events as telemetry, by stream."""
        entries: dict[str, list[bytes]] = defaultdict(list)
        for stream, goes_on, time_ns in outputs.states:
            if not self._mine(stream):
                self._skipped += 1
            elif self._alarms.get(stream) is not goes_on:
                self._alarms[stream] = goes_on
                entries[stream].append(_entry(time_ns, {"kad_alarm": goes_on}))
        for notice in outputs.events:
            if notice.stream and not self._mine(notice.stream):
                self._skipped += 1
            elif notice.stream or not self._is_gateway:
                words = notice.text or sentence(
                    notice,
                    units=self._options.units,
                    name=self._options.names.get(notice.stream, ""),
                )
                values = {
                    "kad_event": words,
                    "kad_event_phase": notice.phase,
                    "kad_event_kind": notice.kind,
                    "kad_event_severity": rounded(notice.severity),
                    "kad_event_channels": ", ".join(one.name for one in notice.channels) or None,
                    "kad_event_id": notice.id,
                    "kad_event_ack": seen(notice.ack) or None,
                }
                entries[notice.stream].append(_entry(notice.time_ns, values))
            else:
                self._skipped += 1
        return entries

    def _telemetry(self, entries: Mapping[str, Sequence[bytes]]) -> list[Publication]:
        """Returns messages of at most so many bytes, entries of a device in order."""
        topic = f"{_GATEWAY if self._is_gateway else _ME}/telemetry"
        messages: list[bytes] = []
        parts: list[bytes] = []
        size = 0

        def end() -> None:
            if parts:
                body = b",".join(parts)
                messages.append(b"{%b}" % body if self._is_gateway else body)
            parts.clear()

        for stream, ones in entries.items():
            key = compact(self._device(stream)) + b":" if self._is_gateway else b""
            run: list[bytes] = []
            for document in ones:
                extra = len(document) + 1 + (0 if run else len(key) + 3)
                if size + extra + 2 > self._options.most_bytes and (run or parts):
                    if run:
                        parts.append(key + b"[" + b",".join(run) + b"]")
                    run = []
                    end()
                    size, extra = 0, len(document) + 1 + len(key) + 3
                run.append(document)
                size += extra
            if run:
                parts.append(key + b"[" + b",".join(run) + b"]")
            if not self._is_gateway:
                end()
                size = 0
        end()
        return [Publication(topic, message, 1) for message in messages]

    def _attributes(self, rows: Iterable[ScoredRows]) -> list[Publication]:
        """Returns the model's hash for streams whose model is new."""
        changed: dict[str, str] = {}
        for scored in rows:
            model = scored.identity[:MODEL_DIGITS]
            for name in dict.fromkeys(scored.names):
                if self._models.get(name) != model and self._mine(name):
                    self._models[name] = changed[name] = model
        if not self._is_gateway:
            topic = f"{_ME}/attributes"
            return [
                Publication(topic, compact({"kad_model": model}), 1) for model in changed.values()
            ]
        members = [
            compact(self._device(name)) + b":" + compact({"kad_model": model})
            for name, model in changed.items()
        ]
        topic = f"{_GATEWAY}/attributes"
        return [Publication(topic, part, 1) for part in _objects(members, self._options.most_bytes)]

    def _forget(self, stream: str) -> None:
        self._selection.forget(stream)
        self._alarms.pop(stream, None)
        self._models.pop(stream, None)
        if stream in self._devices:
            del self._devices[stream]
            document = {"device": self._device(stream)}
            goodbye = Publication(f"{_GATEWAY}/disconnect", compact(document), 1)
            self._delivery.put(None, scores=[goodbye])


def _entry(time_ns: int, values: Mapping[str, Any]) -> bytes:
    known = {key: value for key, value in values.items() if value is not None}
    return compact({"ts": milliseconds(time_ns), "values": known})


def _member(key: str, value: float) -> str:
    return f'"{key}":{number(value)},' if math.isfinite(value) else ""


@lru_cache(maxsize=4096)
def _quality(quality: int, repeat: bool) -> str:  # noqa: FBT001
    """Returns the values of a score that few differ in."""
    values: dict[str, Any] = {"kad_quality": quality_of(quality)}
    if quality:
        values["kad_reasons"] = " ".join(Quality(quality).reasons())
    if repeat:
        values["kad_repeat"] = True
    return compact(values).decode()[1:-1]


def _objects(members: Sequence[bytes], most_bytes: int) -> list[bytes]:
    """Puts members into JSON objects of at most so many bytes."""
    return [b"{%b}" % part for part in in_parts(members, most_bytes)]
