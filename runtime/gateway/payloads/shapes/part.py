"""What every shape comes to: parts, each of one device at one time, and what shapes need."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runtime.errors import ConfigError, shown
from runtime.gateway.payloads.json_text import lookup
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.payloads.times import TimeReader
from runtime.gateway.payloads.topics import TopicTemplate
from runtime.gateway.samples import BadInputError

__all__ = ["ABSENT", "BARE", "Context", "Part", "Parts", "Splitter", "TimeKeys", "wrong_shape"]

ABSENT: Any = object()
"""In the place of a time where a payload has no key of it."""
BARE = ""
"""Name of a number that came without one."""


class Part(NamedTuple):
    """What a payload says of one device at one time."""

    fields: Mapping[str, Any]
    """What it says, as it stands, by name in the payload."""
    time: Any = ABSENT
    """As it stands."""
    time_ns: int | None = None
    """Where the shape says what its times count: nanoseconds."""
    names: Mapping[str, str] = {}
    """Of the device, tags and so on, for the name of the stream."""
    units: Mapping[str, str] = {}
    """Units that it states, by name."""
    is_relative: bool = False
    """Whether `time_ns` was said in relation to now."""


Parts = Iterable[Part | BadInputError]


class TimeKeys:
    """The keys of the time, any case, the first in order that is there; with dots, paths."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        self.lower = frozenset(key.lower() for key in keys)
        """In lower case."""
        self._wide = frozenset(map(len, keys))
        self._deep = any("." in key for key in keys)
        self.last = keys[0] if keys else ""
        """The key that was there the last time."""

    def find(self, tree: Mapping[str, Any]) -> Any:
        """Returns what an object has for a time; `ABSENT` where it has no such key."""
        for wanted in self._keys:
            if wanted in tree:
                self.last = wanted
                return tree[wanted]
        if self._wide.isdisjoint(map(len, tree)) and not self._deep:
            return ABSENT
        for wanted in self._keys:
            low = wanted.lower()
            for key in tree:
                if len(key) == len(low) and key.lower() == low:
                    self.last = key
                    return tree[key]
            if "." in wanted and (found := lookup(tree, wanted)) is not None:
                return found
        return ABSENT


class Splitter:
    """Takes names of tags apart: device and channel.

    Args:
        options: `tag` says how; a name that is a channel's whole path is not taken apart.

    Raises:
        ConfigError: `tag` cannot be used.
    """

    def __init__(self, options: PayloadOptions) -> None:
        self._whole = frozenset(channel.path for channel in options.channels.values())
        self._template: TopicTemplate | None = None
        if options.tag:
            end = options.tag.find("}") + 1
            separator = options.tag[end : end + 1] or "."
            self._template = TopicTemplate(options.tag, separator=separator)
            if "channel" not in self._template.names:
                raise ConfigError(
                    "tag must have {channel}, such as {device}.{channel}. "
                    f"Received: {shown(options.tag)}."
                )

    def is_said(self, name: str) -> bool:
        """Whether the source says what is in this name."""
        return self._template is not None or name in self._whole

    def split(self, name: str) -> tuple[dict[str, str], str]:
        """Returns the names in a tag's name, and the channel's.

        Raises:
            BadInputError: `tag`: it is not put together as `tag` says.
        """
        if name in self._whole:
            return {}, name
        if self._template is not None:
            names = self._template.match(name)
            if names is None:
                raise BadInputError(
                    "tag", f"Tags must be like {self._template.text}. Received: {shown(name)}."
                )
            channel = names.pop("channel")
            return names, channel
        device, _, channel = name.rpartition(".")
        return ({"device": device} if device else {}), channel


class Context:
    """What a shape may ask for.

    Args:
        options: How messages are read.
        times: Reads times.
    """

    def __init__(self, options: PayloadOptions, times: TimeReader) -> None:
        self.options = options
        self.times = times
        self.keys = TimeKeys(options.time)
        self.splitter = Splitter(options)
        self.topic = ""
        """Where the message came on."""
        self.channel = ""
        """The channel that the topic names; empty: none."""
        self.now_ns = 0
        """When it came."""
        self.left_out = 0
        """Items of it beyond `max_parts`."""

    def bounded(self, items: Sequence[Any]) -> Sequence[Any]:
        """Returns as many items as a payload may have."""
        most = self.options.max_parts
        if len(items) <= most:
            return items
        self.left_out += len(items) - most
        return items[:most]


Shape = Callable[[Any, Context], Parts]


def wrong_shape(wanted: str, received: object) -> BadInputError:
    """Returns the error for a payload of another shape."""
    return BadInputError("shape", f"{wanted} was expected. Received: {shown(received)}.")
