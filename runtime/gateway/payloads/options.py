"""How the messages of a source are read, as far as it is said."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from runtime.clock.zones import LocalClock
from runtime.errors import ConfigError, InputError, shown

__all__ = ["ON_OFF", "SHAPES", "ChannelOptions", "PayloadOptions", "Policy", "Unit"]

Unit = Literal["auto", "s", "ms", "us", "ns"]
Policy = Literal["arrival", "drop"]

SHAPES = (
    *("auto", "flat", "nested", "bare", "thingsboard", "thingsboard_gateway", "telegraf"),
    *("line_protocol", "records", "kepware", "senml", "zigbee2mqtt", "tasmota", "shelly"),
)
"""Names of the shapes. `auto` tells flat, bare, ThingsBoard, Telegraf and line protocol apart."""

ON_OFF: Mapping[str, float] = MappingProxyType(
    {"on": 1.0, "true": 1.0, "yes": 1.0, "off": 0.0, "false": 0.0, "no": 0.0}
)
"""Words of a switch; upper and lower case are one. `true` and `false` are JSON's, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """Where a payload has a channel, and how its numbers become the detector's.

    Raises:
        ConfigError: A scale, an offset or a word's number that is not finite, or a scale of 0.
    """

    path: str = ""
    """Name in the payload; dots lead into nested objects (`DHT22.Temperature`), numbers into
    arrays. Empty: the channel's own name."""
    scale: float = 1.0
    """The detector's number is the payload's × scale + offset."""
    offset: float = 0.0
    """Added after scaling, in the detector's unit."""
    unit: str = ""
    """The detector's unit: a payload that states another one with a prefix is converted, one that
    states a different unit is bad input. Empty: stated units are not looked at."""
    words: Mapping[str, float] = field(default_factory=dict)
    """Words that are numbers here, such as `ON_OFF`; in lower case."""

    def __post_init__(self) -> None:
        numbers = (self.scale, self.offset, *self.words.values())
        if not all(map(math.isfinite, numbers)) or not self.scale:
            raise ConfigError(
                "scale, offset and the numbers of words must be finite, and scale not 0. "
                f"Received: scale {self.scale}, offset {self.offset}, words {shown(self.words)}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadOptions:
    """How a source's messages are read. Every field may be left out.

    Raises:
        ConfigError: An unknown shape, unit, policy or time zone, a limit that is no positive
            number, or a topic or stream template that cannot be used.
    """

    topics: tuple[str, ...] = ()
    """Topic templates such as `plant/{line}/{device}/{channel}`, see `topics.TopicTemplate`."""
    stream: str = ""
    """Name of the stream from named segments, tags and the payload's device: `{line}/{device}`.
    Empty: all named segments but `channel`, then the payload's device; without any, the topic."""
    shape: str = "auto"
    """One of `SHAPES`."""
    channels: Mapping[str, ChannelOptions] = field(default_factory=dict)
    """By the detector's name. A channel that is not named here has its own name in the payload."""
    device: str = ""
    """Path of the device's name in a JSON payload; a template has it as `{device}`."""
    time: tuple[str, ...] = ("timestamp", "ts", "time")
    """Keys of the time, any case; with dots, paths. None of them there: no time of its own."""
    time_unit: Unit = "auto"
    """What numbers count. `auto`: by their size (line protocol: ns, SenML: s)."""
    timezone: str = ""
    """Of times without a zone, such as `Europe/Berlin`. Empty: they are bad input."""
    absurd: Policy = "arrival"
    """What becomes of a time before 2000 or a day ahead, and of a time that should be there and
    is not: the time of arrival in its place, or no sample. Both are counted."""
    retained: Literal["drop", "use"] = "drop"
    """What becomes of a message that the broker had kept."""
    name_keys: tuple[str, ...] = (
        *("tagname", "tag", "name", "metric", "measurementName", "measurement", "variable"),
    )
    """Of name-and-value records: the key of the name, the first that is there."""
    value_keys: tuple[str, ...] = ("value", "v", "val", "measurementValue")
    """The key of the value in name-and-value records, and on a topic that names its channel."""
    tag: str = ""
    """How a tag's name is put together, `{area}.{device}.{channel}`. Empty: what is behind the
    last dot is the channel, what is before it the device."""
    ignore: tuple[str, ...] = ()
    """Topic filters of messages that are no data: `zigbee2mqtt/bridge/#`."""
    max_bytes: int = 1 << 20
    """Of a payload."""
    max_depth: int = 8
    """Of objects and arrays in each other."""
    max_parts: int = 10_000
    """Samples or lines of one payload; the rest is left out and counted."""
    lateness_s: float | None = None
    """How long a row waits for its channels; None: one period of the detector."""
    hold: bool = False
    """A source that sends changes only: a channel that did not come keeps its value. It is the
    caller's to do."""

    def __post_init__(self) -> None:
        self._check(self.shape, SHAPES, "shape")
        self._check(self.time_unit, ("auto", "s", "ms", "us", "ns"), "time_unit")
        self._check(self.absurd, ("arrival", "drop"), "absurd")
        self._check(self.retained, ("drop", "use"), "retained")
        if self.timezone:
            try:
                LocalClock(self.timezone)
            except InputError as error:
                raise ConfigError(str(error)) from error
        limits = (self.max_bytes, self.max_depth, self.max_parts)
        if min(limits) < 1:
            raise ConfigError(
                "max_bytes, max_depth and max_parts must be at least 1. "
                f"Received: {', '.join(map(str, limits))}."
            )
        late = self.lateness_s
        if late is not None and not 0 <= late < math.inf:
            raise ConfigError(f"lateness_s must be 0 or more seconds. Received: {late}.")

    @staticmethod
    def _check(value: str, known: tuple[str, ...], name: str) -> None:
        if value not in known:
            raise ConfigError(
                f"{name} must be one of {', '.join(known)}. Received: {shown(value)}."
            )
