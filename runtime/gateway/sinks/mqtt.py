"""Publishes scores, events, states and status over MQTT."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runtime.errors import ConfigError, shown
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.protocols import Client, Publication, Subscription
from runtime.gateway.samples import Message
from runtime.gateway.sinks.delivery import Delivery, Outbox
from runtime.gateway.sinks.delivery_sink import DeliverySink
from runtime.gateway.sinks.documents import (
    OFFLINE,
    ONLINE,
    STATES,
    answer_document,
    arrays,
    compact,
    event_document,
    score_documents,
)
from runtime.gateway.sinks.options import Publishing, Topics
from runtime.gateway.sinks.selection import Selection
from runtime.gateway.sinks.sentences import sentence

__all__ = ["Addition", "MQTTSink", "MQTTSinkOptions", "will_of"]

_WAIT_S = 0.01
_MOST_MESSAGES = 64
_HEARD_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MQTTSinkOptions:
    """What an MQTT sink publishes, and where.

    Raises:
        ConfigError: A value that cannot be used.
    """

    topics: Topics
    publishing: Publishing = field(default_factory=Publishing)
    kept_bytes: int = 32 * 2**20
    """Of scores in memory that the client does not take, where it is there but slow, or the disk
    does not take them; the oldest above that are dropped and counted."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Of channels, for sentences."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What people call streams, for sentences."""

    def __post_init__(self) -> None:
        if self.kept_bytes < 1:
            raise ConfigError(
                f"`kept_bytes` must be 1 or more. Received: {shown(self.kept_bytes)}. Correct it."
            )


class Addition(Protocol):
    """What else is published beside scores, events and states, for one kind of reader."""

    def lasting(self, outputs: Outputs, *, began: Sequence[str]) -> Sequence[Publication]:
        """Returns what must arrive.

        Args:
            outputs: The outputs.
            began: Streams that are new to the sink.
        """
        ...

    def passing(self, outputs: Outputs) -> Sequence[Publication]:
        """Returns what may be dropped."""
        ...

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """What its reader says to us."""
        ...

    def received(self, message: Message) -> None:
        """Takes what came on one of these."""
        ...

    def due(self) -> bool:
        """Whether all that is retained must go out once more, now; once True, then False."""
        ...


class MQTTSink(DeliverySink):
    """Publishes outputs; see `DeliverySink`.

    Status is `online` after each new connection, and all that is retained goes out again. What the
    client does not take waits here, see `Delivery`.

    Args:
        name: As in the configuration.
        client: The client, with the will of `will_of` and the subscriptions of `additions`.
        options: What to publish.
        outbox: Where events, states and answers lie until they have arrived.
        score_outbox: Where scores lie that the client does not take, because it is away.
        additions: For readers such as Home Assistant.
        shared: Whether the client is somebody else's too: it is not closed, and what it receives
            is brought by `received`.
        monotonic: The clock.
        sleep: Waits; for `close` only.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        options: MQTTSinkOptions,
        *,
        outbox: Outbox | None = None,
        score_outbox: Outbox | None = None,
        additions: Sequence[Addition] = (),
        shared: bool = False,
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
        self._topics = options.topics
        self._additions = additions
        self._shared = shared
        self._monotonic = monotonic
        self._sleep = sleep
        self._selection = Selection(options.publishing)
        self._states: dict[str, bool] = {}
        self._streams: set[str] = set()
        self._score_topics: dict[str, str] = {}
        self._connections = 0
        self._heard_s = -_HEARD_S

    def write(self, outputs: Outputs) -> None:
        """Publishes outputs, or keeps them; never waits."""
        self._delivery.put(
            outputs.sequence or None,
            lasting=self._lasting(outputs),
            scores=self._scores(outputs),
        )
        for stream in outputs.gone:
            self._forget(stream)
        self.tick()

    def tick(self) -> None:
        """Greets a new connection, and passes on what waits; to be called a few times a second."""
        connections = self._client.connections
        if connections != self._connections:
            self._delivery.first([_status(self._topics, ONLINE)])
            if self._connections:
                self._delivery.again()
            self._connections = connections
        if not self._shared and self._additions:
            self._hear()
        for addition in self._additions:
            if addition.due():
                self._delivery.first([_status(self._topics, ONLINE)])
                self._delivery.again()
        self._delivery.pump()

    def received(self, messages: Sequence[Message]) -> None:
        """Takes what came for the additions, where the client is shared."""
        for message in messages:
            for addition in self._additions:
                addition.received(message)

    def close(self, timeout_s: float) -> None:
        """Hands over what it can, then `offline`, whose PUBACK it waits for; ends its client.

        Args:
            timeout_s: For all of it, in seconds; a third of it belongs to `offline` and its
                client's end.
        """
        end = self._monotonic() + timeout_s
        self._until(lambda: not self._delivery.held, end - timeout_s / 3)
        self._delivery.keep()
        self._delivery.first([_status(self._topics, OFFLINE)])
        self._until(lambda: self._delivery.first_arrived, end, first_only=True)
        if not self._shared:
            self._client.close(max(0.0, end - self._monotonic()))

    def _until(self, done: Callable[[], bool], end: float, *, first_only: bool = False) -> None:
        self._delivery.pump(first_only=first_only)
        while not done() and not self._client.trouble and self._monotonic() < end:
            self._sleep(_WAIT_S)
            self._delivery.pump(first_only=first_only)

    def _hear(self) -> None:
        now = self._monotonic()
        if now - self._heard_s < _HEARD_S:
            return
        self._heard_s = now
        messages = self._client.receive(_MOST_MESSAGES, 0.0)
        if messages:
            self.received(messages)
            self._client.ack(messages)

    def _lasting(self, outputs: Outputs) -> list[Publication]:
        topics = self._topics
        found = [self._event(notice, repeat=outputs.repeat) for notice in outputs.events]
        for stream, goes_on, _ in outputs.states:
            if self._states.get(stream) is not goes_on:
                self._states[stream] = goes_on
                topic = topics.of_stream("state", stream)
                found.append(Publication(topic, STATES[goes_on], 1, retain=True))
        found.extend(
            Publication(topics.of_gateway("answers"), answer_document(command, answer), 1)
            for command, answer in outputs.answers
        )
        if self._additions:
            began = self._began(outputs)
            for addition in self._additions:
                found.extend(addition.lasting(outputs, began=began))
        found.extend(
            Publication(topics.of_stream("state", stream), b"", 1, retain=True)
            for stream in outputs.gone
        )
        return found

    def _event(self, notice: EventNotice, *, repeat: bool) -> Publication:
        topics, options = self._topics, self._options
        words = notice.text or sentence(
            notice, units=options.units, name=options.names.get(notice.stream, "")
        )
        document = compact(event_document(notice, repeat=repeat, words=words))
        if notice.stream:
            return Publication(topics.of_stream("event", notice.stream), document, 1)
        return Publication(topics.of_gateway("gateway_event"), document, 1)

    def _began(self, outputs: Outputs) -> list[str]:
        """Returns streams that were not seen before, in order."""
        named = [name for scored in outputs.scored for name in scored.names]
        named += [name for name, _, _ in outputs.states]
        named += [name for name, _ in outputs.online]
        named += [notice.stream for notice in outputs.events if notice.stream]
        new = dict.fromkeys(name for name in named if name not in self._streams)
        self._streams.update(new)
        return list(new)

    def _scores(self, outputs: Outputs) -> list[Publication]:
        found: list[Publication] = []
        for scored in outputs.scored:
            found.extend(self._of_rows(scored, repeat=outputs.repeat))
        for addition in self._additions:
            found.extend(addition.passing(outputs))
        return found

    def _of_rows(self, scored: ScoredRows, *, repeat: bool) -> list[Publication]:
        publishing = self._options.publishing
        if publishing.scores == "array":
            documents = score_documents(scored, repeat=repeat, name_key="s")
            topic = self._topics.of_gateway("scores")
            parts = arrays(documents, publishing.array_bytes)
            return [Publication(topic, part, publishing.qos) for part in parts]
        at = self._selection.chosen(scored)
        documents = score_documents(scored, at, repeat=repeat)
        names, qos = scored.names, publishing.qos
        return [
            Publication(self._score_topic(names[step]), document, qos)
            for step, document in zip(at.tolist(), documents, strict=True)
        ]

    def _score_topic(self, stream: str) -> str:
        topic = self._score_topics.get(stream)
        if topic is None:
            topic = self._score_topics[stream] = self._topics.of_stream("score", stream)
        return topic

    def _forget(self, stream: str) -> None:
        self._selection.forget(stream)
        self._states.pop(stream, None)
        self._streams.discard(stream)
        self._score_topics.pop(stream, None)


def will_of(options: MQTTSinkOptions) -> Publication:
    """Returns the last will that the client of such a sink connects with."""
    return _status(options.topics, OFFLINE)


def _status(topics: Topics, status: bytes) -> Publication:
    return Publication(topics.of_gateway("status"), status, 1, retain=True)
