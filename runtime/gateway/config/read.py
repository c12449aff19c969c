"""Reads `gateway.toml`."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from runtime.errors import ConfigError
from runtime.gateway.config.build import build
from runtime.gateway.config.options import (
    CommandOptions,
    GatewayOptions,
    HttpOptions,
    JournalOptions,
    ModelOptions,
)
from runtime.gateway.config.payload_table import payload_options
from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.payloads.topics import TopicTemplate
from runtime.gateway.rules.floods import FloodRules
from runtime.gateway.sinks.csv import CSVOptions
from runtime.gateway.sinks.home_assistant import HomeAssistantOptions
from runtime.gateway.sinks.jsonl import JSONLinesOptions
from runtime.gateway.sinks.line_file import LineFileOptions
from runtime.gateway.sinks.line_protocol import LineProtocolOptions
from runtime.gateway.sinks.mqtt import MQTTSinkOptions
from runtime.gateway.sinks.options import Publishing, Topics
from runtime.gateway.sinks.thingsboard import ThingsBoardOptions

__all__ = ["Config", "SinkConfig", "SourceConfig", "read_config"]

T = TypeVar("T")

_TABLES = (
    *("gateway", "journal", "http", "commands", "floods", "broker", "brokers"),
    *("model", "source", "sink"),
)


_LINES: dict[str, type[Any]] = {
    "jsonl": JSONLinesOptions,
    "csv": CSVOptions,
    "line-protocol": LineProtocolOptions,
}
_SINKS = ("mqtt", "thingsboard", *_LINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SourceKeys:
    """What a source has beside how its messages are read."""

    kind: Literal["mqtt", "stdin", "replay"]
    name: str = ""
    """In metrics and messages; empty: its kind."""
    broker: str = ""
    """`mqtt`: name of a table in `[brokers]`; empty: `[broker]`."""
    persistent: bool = True
    """`mqtt`: the broker keeps messages while the gateway is away. False for messages without a
    time of their own: what was kept would come with wrong times."""
    file: Path = Path()
    """`replay`: a table, as `python -m runtime score` reads it."""
    speed: float = 1.0
    """`replay`: so many times as fast as it was; 0: as fast as it goes."""
    streams: tuple[str, ...] = ()
    """`replay`: names of streams that all get the rows."""
    stream_column: str = ""
    """`replay`: the column with the name of each row's stream."""
    to_now: bool = True
    """`replay`: times are moved so that the first row is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """A `[[source]]`."""

    keys: _SourceKeys
    payload: PayloadOptions

    @property
    def name(self) -> str:
        """Its name."""
        return self.keys.name or self.keys.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """A `[[sink]]`."""

    kind: str
    name: str
    broker: str
    options: Any
    """Of its kind."""
    home_assistant: HomeAssistantOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration, read and checked."""

    path: Path
    gateway: GatewayOptions
    journal: JournalOptions = field(default_factory=JournalOptions)
    http: HttpOptions = field(default_factory=HttpOptions)
    commands: CommandOptions = field(default_factory=CommandOptions)
    floods: FloodRules | None = None
    """None: every event is told."""
    brokers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Tables of brokers, by name; the empty name is `[broker]`."""
    models: Sequence[ModelOptions]
    sources: Sequence[SourceConfig]
    sinks: Sequence[SinkConfig]

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self.path.parent

    def broker(self, name: str, **given: Any) -> BrokerOptions:
        """Returns how a broker is reached.

        Raises:
            ConfigError: There is no such broker, or its table cannot be used.
        """
        where = f"[brokers.{name}]" if name else "[broker]"
        if name not in self.brokers:
            raise ConfigError(
                f"The configuration must have {where}: a source or sink speaks to it. Add it."
            )
        table = dict(self.brokers[name])
        identity = table.pop("client_id", f"kad-{self.gateway.name}")
        suffix = given.pop("suffix", "")
        found = build(BrokerOptions, table, where, client_id=f"{identity}{suffix}", **given)
        found = _beside(found, self.folder, "user_file", "password_file")
        if found.tls is None:
            return found
        tls = _beside(found.tls, self.folder, "ca_file", "cert_file", "key_file")
        return dataclasses.replace(found, tls=tls)

    @property
    def is_durable(self) -> bool:
        """Whether there is a journal."""
        if self.journal.enabled is not None:
            return self.journal.enabled
        return any(source.keys.kind == "mqtt" for source in self.sources)


def read_config(path: str | Path) -> Config:
    """Reads a configuration.

    Raises:
        ConfigError: It cannot be read, or a key or value cannot be used.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The configuration {path} must be a file. Received: {error.strerror}. "
            "Write one with `python -m runtime init MODEL.onnx -o gateway.toml`."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration {path} must be TOML. Received: {error}.") from error
    unknown = [key for key in raw if key not in _TABLES]
    if unknown:
        raise ConfigError(
            f"The configuration {path} has {', '.join(f'[{table}]' for table in _TABLES)}. "
            f"Received: `{unknown[0]}`."
        )
    gateway = build(GatewayOptions, _table(raw, "gateway"), "[gateway]")
    folder = path.parent
    models = [
        _located(build(ModelOptions, table, f"[[model]] {number}"), folder)
        for number, table in enumerate(_tables(raw, "model"), 1)
    ]
    config = Config(
        path=path,
        gateway=dataclasses.replace(gateway, state=folder / gateway.state),
        journal=build(JournalOptions, _table(raw, "journal"), "[journal]"),
        http=build(HttpOptions, _table(raw, "http"), "[http]"),
        commands=build(CommandOptions, _table(raw, "commands"), "[commands]"),
        floods=build(FloodRules, _table(raw, "floods"), "[floods]") if "floods" in raw else None,
        brokers={
            **({"": _table(raw, "broker")} if "broker" in raw else {}),
            **_brokers(_table(raw, "brokers")),
        },
        models=models,
        sources=[_source(table, number) for number, table in enumerate(_tables(raw, "source"), 1)],
        sinks=[
            _placed(_sink(table, number, gateway.name), folder)
            for number, table in enumerate(_tables(raw, "sink"), 1)
        ],
    )
    _check(config)
    return config


def _check(config: Config) -> None:
    for what, names in (
        ("[[model]]", [model.key for model in config.models]),
        ("[[source]]", [source.name for source in config.sources]),
        ("[[sink]]", [sink.name for sink in config.sinks]),
    ):
        if not names:
            raise ConfigError(f"The configuration must have a {what}. Received: none. Add one.")
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(
                f"Each {what} must have a name of its own. Received: {min(twice)!r} twice. Give "
                f"one of them another `{'key' if what == '[[model]]' else 'name'}`."
            )
    for name in [source.keys.broker for source in config.sources if source.keys.kind == "mqtt"]:
        config.broker(name)
    for sink in config.sinks:
        if sink.kind in ("mqtt", "thingsboard"):
            config.broker(sink.broker)
    if config.commands.topic:
        config.broker(config.commands.broker)


def _located(model: ModelOptions, folder: Path) -> ModelOptions:
    located = _beside(model, folder, "file", "signature", "public_key")
    return dataclasses.replace(located, key=model.key or model.file.stem)


def _beside(options: T, folder: Path, *names: str) -> T:
    """Returns options with paths that begin beside the configuration."""
    located = {
        name: folder / path for name in names if (path := getattr(options, name)) is not None
    }
    return dataclasses.replace(options, **located)  # type: ignore[type-var]


def _placed(sink: SinkConfig, folder: Path) -> SinkConfig:
    """Returns a sink whose files begin beside the configuration."""
    files = {
        name: _line_file(file, folder)
        for name in ("file", "events")
        if isinstance(file := getattr(sink.options, name, None), LineFileOptions)
    }
    if not files:
        return sink
    return dataclasses.replace(sink, options=dataclasses.replace(sink.options, **files))


def _line_file(options: LineFileOptions, folder: Path) -> LineFileOptions:
    if options.path == "-":
        return options
    return dataclasses.replace(options, path=str(folder / options.path))


def _source(table: Mapping[str, Any], number: int) -> SourceConfig:
    where = f"[[source]] {number}"
    names = {f.name for f in dataclasses.fields(_SourceKeys)}
    keys = build(_SourceKeys, {k: v for k, v in table.items() if k in names}, where)
    rest = {k: v for k, v in table.items() if k not in names}
    payload = payload_options(rest, where)
    for topic in payload.topics:
        try:
            TopicTemplate(topic)
        except ConfigError as error:
            raise ConfigError(f"`topics` in {where} of the configuration: {error}") from error
    return SourceConfig(keys=keys, payload=payload)


def _sink(table: Mapping[str, Any], number: int, gateway: str) -> SinkConfig:
    where = f"[[sink]] {number}"
    rest = dict(table)
    options: Any
    kind = rest.pop("kind", None)
    name, broker = rest.pop("name", kind), rest.pop("broker", "")
    if not isinstance(kind, str) or kind not in _SINKS:
        raise ConfigError(
            f"`kind` in {where} of the configuration must be one of {', '.join(_SINKS)}. "
            f"Received: {kind!r}."
        )
    for key, value in (("name", name), ("broker", broker)):
        if not isinstance(value, str):
            raise ConfigError(
                f"`{key}` in {where} of the configuration must be text. Received: {value!r}."
            )
    publishing = build(Publishing, _taken(rest, Publishing), where)
    home = None
    if kind == "mqtt":
        options, home = _mqtt_sink(rest, where, gateway, publishing)
    elif kind == "thingsboard":
        options = build(ThingsBoardOptions, rest, where, publishing=publishing)
    else:
        options = _lines(kind, rest, where, publishing)
    return SinkConfig(kind=kind, name=name, broker=broker, options=options, home_assistant=home)


def _mqtt_sink(
    rest: dict[str, Any], where: str, gateway: str, publishing: Publishing
) -> tuple[Any, HomeAssistantOptions | None]:
    topics = build(Topics, rest.pop("topics", {}), f"{where}.topics", gateway=gateway)
    wanted = rest.pop("home_assistant", False)
    shared = {key: rest[key] for key in ("units", "names") if key in rest}
    home = None
    if wanted:
        its = {**shared, **(wanted if isinstance(wanted, Mapping) else {})}
        home = build(HomeAssistantOptions, its, f"{where}.home_assistant", topics=topics)
    return build(MQTTSinkOptions, rest, where, topics=topics, publishing=publishing), home


def _lines(kind: str, rest: dict[str, Any], where: str, publishing: Publishing) -> Any:
    file = build(LineFileOptions, _taken(rest, LineFileOptions), where)
    if kind == "csv" and isinstance(rest.get("events"), str):
        rest["events"] = {"path": rest["events"]}
    return build(_LINES[kind], rest, where, file=file, publishing=publishing)


def _taken(rest: dict[str, Any], cls: type[Any]) -> dict[str, Any]:
    """Takes out the keys of a dataclass that stand flat in a table."""
    names = [f.name for f in dataclasses.fields(cls) if f.name in rest]
    return {name: rest.pop(name) for name in names}


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"[{name}] of the configuration must be a table. Received: {table!r}.")
    return table


def _brokers(tables: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(
                f"[brokers.{name}] of the configuration must be a table. Received: {table!r}."
            )
    return tables


def _tables(raw: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    tables = raw.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        raise ConfigError(
            f"The configuration must have {name}s as [[{name}]], each a table of its own."
        )
    return tables
