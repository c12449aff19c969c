"""What operators can say, checked: commands as entries of the journal."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from runtime.alarms.budget_text import parse_budget
from runtime.clock.rows import TIME_LIMIT
from runtime.errors import ConfigError, shown
from runtime.gateway.rules.limit_tables import ChannelLimits
from runtime.gateway.rules.mutes import Mute
from runtime.streams.threshold import as_threshold

__all__ = [
    "KINDS",
    "AckCommand",
    "AnyCommand",
    "Command",
    "LimitsCommand",
    "ListCommand",
    "MuteCommand",
    "RunningCommand",
    "SwapCommand",
    "ThresholdCommand",
    "UnmuteCommand",
    "command_from_json",
    "limits_by_channel",
    "made",
    "swap_done",
]

_MOST_TEXT = 1000
_LISTS = ("mutes", "thresholds", "limits", "running", "streams", "events", "models", "all")

ListOf = Literal["mutes", "thresholds", "limits", "running", "streams", "events", "models", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands have."""

    word: ClassVar[str] = ""
    """Its name in JSON."""
    id: str
    """Chosen by who sends it; its answer repeats it."""
    origin: str
    """Where it came from, such as `mqtt kad/gw1/command`, `http 127.0.0.1` or `cli root`."""
    time_ns: int
    """When it came, by the wall clock of the gateway: nanoseconds since 1970-01-01 UTC."""
    by: str = ""
    """Who sent it, in their own words."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value that cannot be.
        """
        for name in ("id", "origin", "by"):
            _check_text(name, getattr(self, name))
        if type(self.time_ns) is not int or abs(self.time_ns) >= TIME_LIMIT:
            raise ConfigError(
                f"`time_ns` of a command must be nanoseconds since 1970. "
                f"Received: {shown(self.time_ns)}."
            )

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON; see `command_from_json`."""
        return {"command": self.word, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteCommand(Command):
    """Somebody does not want to hear of streams, or of a channel of theirs."""

    word: ClassVar[str] = "mute"
    streams: str
    """A name or a pattern."""
    channel: str = ""
    """Empty: the whole streams."""
    rest_s: float | None = None
    """For so long; None: until it is unmuted."""
    until_ns: int | None = None
    """Its end by the wall clock; None: none, or the clock is not set."""
    why: str = ""

    def __post_init__(self) -> None:
        """Checks the values, as `Mute` does."""
        Command.__post_init__(self)
        self.mute()

    def mute(self) -> Mute:
        """Returns the mute that is meant."""
        return Mute(
            streams=self.streams,
            channel=self.channel,
            rest_s=self.rest_s,
            until_ns=self.until_ns,
            since_ns=self.time_ns,
            by=self.by or self.origin,
            why=self.why,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmuteCommand(Command):
    """Somebody wants to hear of streams again."""

    word: ClassVar[str] = "unmute"
    streams: str
    """As it was muted."""
    channel: str | None = None
    """Empty: the mute of the whole streams; None: those of channels too."""

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        _check_streams(self.streams)
        if self.channel is not None:
            _check_text("channel", self.channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCommand(Command):
    """Streams get another threshold; with neither value, that of the configuration again."""

    word: ClassVar[str] = "threshold"
    streams: str
    threshold: float | None = None
    """Severity."""
    false_alarms: str | None = None
    """A budget instead, such as `1/month` or `1 % of time`."""

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        _check_streams(self.streams)
        if self.threshold is not None and self.false_alarms is not None:
            raise ConfigError(
                "A threshold must be a severity (threshold) or a budget (false_alarms). "
                "Received: both."
            )
        if self.threshold is not None:
            as_threshold(self.threshold)
        if self.false_alarms is not None:
            _check_text("false_alarms", self.false_alarms)
            parse_budget(self.false_alarms)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsCommand(Command):
    """Streams get other limits beside the score; None: those of the configuration again."""

    word: ClassVar[str] = "limits"
    streams: str
    limits: tuple[tuple[str, ChannelLimits], ...] | None
    """By channel; channels that are not in it have none."""

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        _check_streams(self.streams)

    def by_channel(self) -> dict[str, ChannelLimits] | None:
        """Returns the limits as `Limits.override` takes them."""
        return None if self.limits is None else dict(self.limits)

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        limits = None if self.limits is None else {n: asdict(one) for n, one in self.limits}
        return {**Command.to_json(self), "limits": limits}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCommand(Command):
    """Somebody knows better than the running signal whether machines run."""

    word: ClassVar[str] = "running"
    streams: str
    state: Literal["on", "off", "signal"]
    """`signal`: as the signal says again."""

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        _check_streams(self.streams)
        _check_word("state", self.state, ("on", "off", "signal"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AckCommand(Command):
    """Somebody has seen an event; it goes on all the same."""

    word: ClassVar[str] = "ack"
    event: str
    """Its id, or the name of a stream: all of its events that go on."""
    note: str = ""

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        _check_text("event", self.event, least=1)
        _check_text("note", self.note)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapCommand(Command):
    """Another file takes a model's place, once it is verified and warm."""

    word: ClassVar[str] = "swap"
    model: str
    """Key of the model in the configuration."""
    file: str
    """On the gateway."""

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        for name in ("model", "file"):
            _check_text(name, getattr(self, name), least=1)
        if "\0" in self.file:
            raise ConfigError(f"`file` must be a path. Received: {shown(self.file)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCommand(Command):
    """Somebody asks what holds."""

    word: ClassVar[str] = "list"
    what: ListOf = "all"

    def __post_init__(self) -> None:
        """Checks the values."""
        Command.__post_init__(self)
        _check_word("what", self.what, _LISTS)


AnyCommand = (
    MuteCommand
    | UnmuteCommand
    | ThresholdCommand
    | LimitsCommand
    | RunningCommand
    | AckCommand
    | SwapCommand
    | ListCommand
)
KINDS: dict[str, type[AnyCommand]] = {
    kind.word: kind
    for kind in (MuteCommand, UnmuteCommand, ThresholdCommand, LimitsCommand, RunningCommand,
                 AckCommand, SwapCommand, ListCommand)
}  # fmt: skip


def swap_done(command: SwapCommand, identity: str) -> dict[str, Any]:
    """Returns the entry of the journal that says that a model was verified and is warm.

    Args:
        command: Who asked for it.
        identity: Of the model.
    """
    swapped = {"model": command.model, "file": command.file, "identity": identity}
    return {"id": command.id, "swapped": swapped}


def command_from_json(raw: object) -> AnyCommand:
    """Returns the command that `to_json` wrote, exactly.

    Raises:
        ConfigError: Anything else.
        InputError: The same, of a threshold or a budget.
    """
    word = raw.get("command") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(word, str) or word not in KINDS:
        raise ConfigError(
            f"A command of the journal must be what `to_json` returned. Received: {shown(raw)}."
        )
    kind = KINDS[word]
    values = {name: value for name, value in raw.items() if name != "command"}
    if set(values) != {f.name for f in fields(kind)}:
        raise ConfigError(
            f"A command of the journal must have {', '.join(f.name for f in fields(kind))}. "
            f"Received: {shown(sorted(map(str, values)))}."
        )
    if kind is LimitsCommand:
        values["limits"] = limits_by_channel(values["limits"])
    return made(kind, values)


def made(kind: type[AnyCommand], values: Mapping[str, Any]) -> AnyCommand:
    """Returns a command of values by name.

    Raises:
        InputError: A value that is missing or cannot be.
    """
    names = {f.name for f in fields(kind)}
    required = [name for name in ("streams", "model", "file", "state", "event") if name in names]
    missing = [name for name in required if name not in values]
    if missing:
        raise ConfigError(f"A {kind.word} command must have {missing[0]}. Received: none.")
    return kind(**values)


def limits_by_channel(raw: object) -> tuple[tuple[str, ChannelLimits], ...] | None:
    """Reads limits as JSON has them: by channel, or null.

    Raises:
        ConfigError: Anything else.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or not all(isinstance(one, Mapping) for one in raw.values()):
        raise ConfigError(
            'Limits must be by channel, such as {"flow": {"low": 2, "high": 9}}. '
            f"Received: {shown(raw)}."
        )
    known = [f.name for f in fields(ChannelLimits)]
    for channel, one in raw.items():
        unknown = sorted(set(map(str, one)) - set(known))
        if unknown:
            raise ConfigError(
                f"Limits of a channel may be {', '.join(known)}. "
                f"Received: {shown(unknown[0])} of {shown(channel)}."
            )
    return tuple((str(channel), ChannelLimits(**one)) for channel, one in raw.items())


def _check_streams(value: object) -> None:
    _check_text("streams", value, least=1)


def _check_text(name: str, value: object, *, least: int = 0) -> None:
    if not isinstance(value, str) or not least <= len(value) <= _MOST_TEXT:
        raise ConfigError(
            f"`{name}` of a command must be text of {least} to {_MOST_TEXT} characters. "
            f"Received: {shown(value)}."
        )


def _check_word(name: str, value: object, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ConfigError(
            f"`{name}` of a command must be one of {', '.join(words)}. Received: {shown(value)}."
        )
