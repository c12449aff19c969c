"""What `gateway.toml` may say of the process, the journal and the models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runtime.errors import ConfigError
from runtime.gateway.config.rule_options import LimitOptions
from runtime.gateway.rules.running import RunningRule
from runtime.gateway.rules.sensors import SensorRules

__all__ = [
    "AlarmOptions",
    "CommandOptions",
    "GatewayOptions",
    "HttpOptions",
    "JournalOptions",
    "ModelOptions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """`[gateway]`: the process."""

    name: str
    """Its name: in topics, the client id and the status."""
    state: Path = Path("kad-state")
    """Folder of journal, snapshots and outbox; relative to the configuration file."""
    max_streams: int = 10_000
    """Devices beyond it are counted, not scored."""
    silent_after_s: float = 600.0
    """A stream that brings nothing for so long, and for 3 periods, is reported as silent."""
    evict_after_s: float = 7 * 86_400.0
    """A stream that is silent for so long is put aside, with all it has learnt; 0: never."""
    tick_s: float = 0.1
    """So long the reader gathers messages for a record."""
    threads: int = 1
    """Of onnxruntime in one call."""
    log: Literal["logfmt", "json", "telegraf"] = "logfmt"
    """How lines on stderr look."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is below it is not written."""
    trust_clock: bool = False
    """The wall clock is right though NTP does not keep it here, as in a container: arrivals are not
    marked `clock`."""
    reload_s: float = 10.0
    """So often the files are looked at for changes; 0: on SIGHUP alone."""

    def __post_init__(self) -> None:
        if not self.name or any(letter in self.name for letter in "/+#\0"):
            raise ConfigError(
                "`name` of the gateway must be text without / + and #: it stands in topics. "
                f"Received: {self.name!r}."
            )
        if not 0.01 <= self.tick_s <= 10 or not 1 <= self.max_streams <= 1_000_000:
            raise ConfigError(
                "`tick_s` must be from 0.01 to 10 s, `max_streams` from 1 to 1,000,000. "
                f"Received: {self.tick_s:g} and {self.max_streams}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOptions:
    """`[journal]`: what is kept on the disk, and how much of it."""

    enabled: bool | None = None
    """None: where a source is a broker. Without it, snapshots alone are kept."""
    max_mb: int = 4096
    """Bound of the journal."""
    when_full: Literal["block", "drop-oldest"] = "block"
    """At the bound: wait and acknowledge nothing, or forget the oldest and count it."""
    snapshot_s: float = 900.0
    """Time between snapshots: flash wear against time to restart, see `--check`."""
    outbox_mb: int = 256
    """Bound of what waits on the disk for each sink that is away: half of it for events and states,
    half for scores; beyond it the oldest are dropped and counted."""

    def __post_init__(self) -> None:
        if self.max_mb < 64 or self.outbox_mb < 1 or self.snapshot_s < 1:
            raise ConfigError(
                "`max_mb` must be at least 64, `outbox_mb` at least 1, `snapshot_s` at least 1 s. "
                f"Received: {self.max_mb}, {self.outbox_mb} and {self.snapshot_s:g}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmOptions:
    """`[model.alarm]`: the alarm policy, where it is not the file's."""

    release: float | None = None
    merge_gap_s: float | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    refractory_s: float | None = None
    cool_down_s: float | None = None
    habituation_s: float | None = None
    habituation_rise: float | None = None

    def named(self) -> dict[str, Any]:
        """Returns what is given, by the names of `AlarmPolicy.changed`."""
        every = {name: getattr(self, name) for name in self.__slots__}
        return {
            name.removesuffix("_s"): value for name, value in every.items() if value is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """`[[model]]`: a detector file, and the streams that it scores."""

    file: Path
    """The `.onnx` file; relative to the configuration file."""
    key: str = ""
    """Its name in metrics and messages; empty: the file's name."""
    streams: tuple[str, ...] = ("*",)
    """Patterns of stream names, as a shell has them; the first model that fits a stream takes
    it."""
    false_alarms: str = ""
    """Budget of false alarms of each stream, such as `1/month` or `1 % of time`; empty: the
    file's."""
    threshold: float | None = None
    """Severity that opens an event, instead of a budget."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Of single streams, by name."""
    budgets: Mapping[str, str] = field(default_factory=dict)
    """Of single streams, by name."""
    alarm: AlarmOptions = field(default_factory=AlarmOptions)
    """The alarm policy."""
    running: RunningRule | None = None
    """When the machine runs; rows of one that stands still are not scored."""
    limits: LimitOptions = field(default_factory=LimitOptions)
    """Limits beside the score."""
    sensors: Mapping[str, SensorRules] = field(default_factory=dict)
    """When the sensor of a channel is at fault, by channel."""
    reorder: int | None = None
    """Slots that a late row is waited for, where it is missing; None: 3, or what 2 s hold."""
    max_gap: int | None = None
    """Instead of the file's."""
    warm: bool = True
    """New streams begin with what was learnt in training, where the file has it."""
    history: str = ""
    """Files from which new streams learn before they are scored, with `{stream}` for the name, such
    as `history/{stream}.csv`; relative to the configuration. A stream without one starts warm."""
    verify: bool = True
    """Replay the golden vectors before the first sample."""
    signature: Path | None = None
    """A detached signature of the file, checked before it is used."""
    public_key: Path | None = None
    """PEM file of the key that it was signed with."""

    def __post_init__(self) -> None:
        if self.threshold is not None and self.false_alarms:
            raise ConfigError(
                "A model must have `threshold` or `false_alarms`. Received: both. Leave one out."
            )
        if (self.signature is None) != (self.public_key is None):
            raise ConfigError("`signature` and `public_key` go together. Received: one of them.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """`[commands]`: what operators may ask for while the gateway runs."""

    topic: str = ""
    """MQTT topic on which commands come, such as `kad/gw1/command`; empty: none do. Who may
    publish there may mute: a topic of its own, for the broker's access rules."""
    broker: str = ""
    """Name of its broker; empty: `[broker]`."""
    folder: bool = True
    """Take commands from `STATE/commands`, as `python -m runtime command` writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """`[http]`: metrics, probes and the page."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 9108
    allow_remote: bool = False
    """Listen elsewhere than on the loopback; put a proxy with TLS and users in front."""
    hosts: tuple[str, ...] = ()
    """Names under which a proxy, or the network, reaches the page."""
    token_file: Path | None = None
    """A file with the token that lets the page mute; without one it is read-only."""
    per_stream: bool = False
    """Also a metric for each stream."""
