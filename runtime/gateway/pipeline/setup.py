"""From the configuration to what a gateway is made of."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from runtime.alarms.budget import event_threshold
from runtime.errors import ConfigError, VerificationError
from runtime.gateway.config.options import GatewayOptions, JournalOptions, ModelOptions
from runtime.gateway.config.read import Config, SinkConfig, SourceConfig
from runtime.gateway.config.rule_options import check_channels, plain
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.journal.outbox import Outbox
from runtime.gateway.mqtt.base import BatchClient
from runtime.gateway.mqtt.make import make_client
from runtime.gateway.mqtt.options import Will
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.payloads.topics import TopicTemplate
from runtime.gateway.pipeline.models import ModelChoice
from runtime.gateway.pipeline.signatures import check_signature
from runtime.gateway.protocols import Sink, Source
from runtime.gateway.rules.running import Running
from runtime.gateway.sinks.csv import CSVSink
from runtime.gateway.sinks.documents import repeated
from runtime.gateway.sinks.home_assistant import HomeAssistant
from runtime.gateway.sinks.jsonl import JSONLinesSink
from runtime.gateway.sinks.line_protocol import LineProtocolSink
from runtime.gateway.sinks.mqtt import MQTTSink, will_of
from runtime.gateway.sinks.thingsboard import ThingsBoardSink
from runtime.gateway.sources.mqtt import MQTTSource
from runtime.gateway.sources.replay import ReplaySource
from runtime.gateway.sources.router import Router
from runtime.gateway.sources.stdin import StdinSource
from runtime.model.detector import Detector
from runtime.model.verify import verify

__all__ = [
    "LoadedModels",
    "Outboxes",
    "OwnedSource",
    "Setup",
    "load_models",
    "open_sinks",
    "open_sources",
    "units_of",
]

Outboxes = Callable[[str, Literal["lasting", "scores"]], Outbox]
"""Opens an outbox: by the sink's name, and by what lies in it."""

_LIVE_REORDER, _LIVE_S = 3, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that a gateway is made of, built from the configuration."""

    options: GatewayOptions
    journal: JournalOptions
    settings: EngineSettings
    detectors: Mapping[str, Detector]
    """By the models' keys."""
    files: Mapping[str, Path]
    """Of the detectors, by the models' keys."""
    choices: Sequence[ModelChoice]
    pasts: Mapping[str, str]
    """Where history files of new streams lie, by the models' keys; see `Pasts`."""
    budgets: Mapping[str, str]
    """False-alarm budgets that are not the file's, by the models' keys."""
    sources: Sequence[tuple[Source, PayloadOptions]]
    sinks: Sequence[Sink]
    is_durable: bool
    """Whether there is a journal."""
    may_repeat: bool = False
    """Whether an earlier life may have published what no journal has: it did not end well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModels:
    """The models, loaded and verified."""

    detectors: Mapping[str, Detector]
    """By key."""
    settings: EngineSettings
    choices: tuple[ModelChoice, ...]
    notes: tuple[str, ...] = ()
    """What was said of the thresholds."""


def load_models(config: Config) -> LoadedModels:
    """Loads the models of a configuration, and replays their golden vectors.

    Raises:
        ConfigError: A model cannot be used as the configuration wants it.
        ModelFileError: A file is no detector.
        VerificationError: A detector does not give its numbers on this machine.
    """
    detectors, settings, choices = {}, {}, []
    notes: list[str] = []
    for options in config.models:
        detector = _loaded(options, config.gateway.threads)
        meta = detector.metadata
        detectors[options.key] = detector
        settings[options.key] = _settings(options, detector, notes)
        choices.append(
            ModelChoice(
                key=options.key,
                patterns=options.streams,
                channels=meta.channels,
                extras=tuple(settings[options.key].extras),
                period_s=meta.period_s,
            )
        )
    return LoadedModels(
        detectors=detectors,
        settings=EngineSettings(
            models=settings, floods=None if config.floods is None else asdict(config.floods)
        ),
        choices=tuple(choices),
        notes=tuple(notes),
    )


def units_of(detectors: Mapping[str, Detector]) -> dict[str, str]:
    """Returns the units of all channels that have one, by channel."""
    metas = [detector.metadata for detector in detectors.values()]
    pairs = [pair for meta in metas for pair in zip(meta.channels, meta.units, strict=True)]
    return {channel: unit for channel, unit in pairs if unit}


def open_sources(
    config: Config, former: Mapping[str, Sequence[str]], sessions: Mapping[str, str]
) -> list[tuple[Source, PayloadOptions]]:
    """Opens the sources of a configuration, each with how its messages are read.

    Args:
        config: The configuration.
        former: Topic filters that each source, by name, asked for in an earlier life: the broker's
            session still has them.
        sessions: Where a broker had a session for a source, by name: see `OwnedSource.session`.
    """
    return [
        (
            _source(config, one, former.get(one.name, ()), sessions.get(one.name, "")),
            one.payload,
        )
        for one in config.sources
    ]


def open_sinks(config: Config, outbox: Outboxes) -> list[Sink]:
    """Opens the sinks of a configuration.

    Args:
        config: The configuration.
        outbox: Opens the outboxes of a sink that speaks to a broker.
    """
    return [_sink(config, one, outbox) for one in config.sinks]


def _loaded(options: ModelOptions, threads: int) -> Detector:
    if options.signature is not None and options.public_key is not None:
        check_signature(options.file, options.signature, options.public_key)
    detector = Detector(options.file, threads=threads)
    if options.verify:
        report = verify(detector)
        if not report.passed:
            raise VerificationError(
                f"{options.file} must give its golden vectors on this machine. Received: gaps of "
                f"up to {max(report.gaps.values()):.3g}. Run `python -m runtime verify`."
            )
    return detector


def _settings(options: ModelOptions, detector: Detector, notes: list[str]) -> ModelSettings:
    meta = detector.metadata
    policy = meta.alarm.changed(meta.period_s, **options.alarm.named())
    period = meta.period_s

    def threshold(budget: str) -> float:
        if not budget and policy == meta.alarm:
            return meta.threshold
        if "severest" not in meta.calibration and not budget:
            return meta.threshold
        found = event_threshold(
            budget or meta.false_alarms,
            period_s=period,
            calibration=meta.calibration,
            policy=policy,
        )
        if found.note and found.note not in notes:
            notes.append(f"{options.key}: {found.note}")
        return found.threshold

    own = {name: threshold(budget) for name, budget in options.budgets.items()}
    reorder = max(1, min(_LIVE_REORDER, math.ceil(_LIVE_S / period)))
    check_channels(options.limits.channels, meta.channels, "Limits")
    check_channels(options.sensors, meta.channels, "Rules of sensors")
    extras: tuple[str, ...] = ()
    if options.running is not None:
        extras = Running(options.running, meta.channels).extras
    return ModelSettings(
        extras=extras,
        running=None if options.running is None else plain(options.running),
        limit_event=options.limits.event,
        limits={name: plain(one) for name, one in options.limits.channels.items()},
        sensors={name: plain(one) for name, one in options.sensors.items()},
        identity=meta.identity,
        threshold=threshold(options.false_alarms)
        if options.threshold is None
        else options.threshold,
        policy=asdict(policy),
        reorder=reorder if options.reorder is None else options.reorder,
        max_gap=options.max_gap,
        warm=options.warm and detector.warm_state is not None,
        thresholds={**own, **options.thresholds},
    )


def _source(config: Config, one: SourceConfig, former: Sequence[str], session: str) -> Source:
    keys, payload = one.keys, one.payload
    if keys.kind == "stdin":
        return StdinSource(one.name, line_bytes=payload.max_bytes)
    if keys.kind == "replay":
        if keys.file == Path():
            raise ConfigError(f"The source {one.name} must have a `file` to replay. Name one.")
        return ReplaySource(
            one.name,
            config.folder / keys.file,
            speed=keys.speed or math.inf,
            streams=keys.streams,
            column=keys.stream_column or None,
            shift_to_now=keys.to_now,
        )
    if not payload.topics:
        raise ConfigError(
            f"The source {one.name} must have `topics`, such as plant/{{line}}/{{device}}/data. "
            "Received: none."
        )
    given = {} if keys.persistent else {"session_expiry_s": 0}
    broker = config.broker(keys.broker, suffix=f"-{one.name}", **given)
    where = f"{broker.address} {broker.client_id}" if broker.persistent else None
    client = make_client(broker, former=former, known=session == where)
    filters = list(dict.fromkeys(TopicTemplate(topic).filter for topic in payload.topics))
    source = MQTTSource(one.name, Router(client), filters)
    client.connect()
    return OwnedSource(source, client, session=where)


class OwnedSource:
    """A source with a client of its own, which ends with it.

    Args:
        source: The source.
        client: Its client.
        session: Where the broker keeps a session for it: address and client id; None: it is not
            asked to.
    """

    ended = False

    def __init__(self, source: MQTTSource, client: BatchClient, *, session: str | None) -> None:
        self._source, self._client = source, client
        self.session = session
        self.name = source.name
        self.receive, self.acknowledge = source.receive, source.acknowledge

    @property
    def filters(self) -> Sequence[str]:
        """Topic filters that it asks for."""
        return self._source.filters

    @property
    def is_ready(self) -> bool:
        """Whether it is connected, and has asked for all."""
        return self._client.ready

    @property
    def sessions_lost(self) -> int:
        """How often the broker had forgotten the session, and what it had kept."""
        return self._client.counts["sessions_lost"]

    @property
    def trouble(self) -> str:
        """Why nothing can come now."""
        return self._source.trouble

    def close(self, timeout_s: float) -> None:
        """Ends both."""
        self._source.close(timeout_s)
        self._client.close(timeout_s)


def _sink(config: Config, one: SinkConfig, outbox: Outboxes) -> Sink:
    if one.kind == "jsonl":
        return JSONLinesSink(one.name, one.options)
    if one.kind == "csv":
        return CSVSink(one.name, one.options)
    if one.kind == "line-protocol":
        return LineProtocolSink(one.name, one.options)
    will = None
    additions = []
    if one.kind == "mqtt":
        last = will_of(one.options)
        will = Will(topic=last.topic, payload=last.payload, retain=last.retain, qos=last.qos)
        if one.home_assistant is not None:
            additions.append(HomeAssistant(one.home_assistant))
    subscriptions = [s for addition in additions for s in addition.subscriptions]
    broker = config.broker(one.broker, suffix=f"-{one.name}-out")
    client = make_client(broker, will=will, subscriptions=subscriptions, repeated=repeated)
    client.connect()
    lasting, scores = outbox(one.name, "lasting"), outbox(one.name, "scores")
    if one.kind == "thingsboard":
        return ThingsBoardSink(one.name, client, one.options, outbox=lasting, score_outbox=scores)
    return MQTTSink(
        one.name, client, one.options, outbox=lasting, score_outbox=scores, additions=additions
    )
