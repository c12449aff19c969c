"""From topics and names in payloads to streams."""

from collections.abc import Mapping
from typing import NamedTuple

from runtime.errors import ConfigError, shown
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.payloads.topics import NameTemplate, TopicTemplate, fits
from runtime.gateway.samples import BadInputError

__all__ = ["Route", "Routes"]

_MOST = 200_000
_LONGEST = 256


class Route(NamedTuple):
    """What a topic says."""

    names: Mapping[str, str]
    """Its named segments, but for `channel`."""
    channel: str
    """The channel that it names; empty: none."""
    stream: str
    """The stream, as far as the topic alone says; empty: it does not."""


class Routes:
    """Finds streams by the topic templates and the stream template of a source.

    Raises:
        ConfigError: A template cannot be used, or the stream's has `{channel}`: the channels of a
            stream would each be a stream.
    """

    def __init__(self, options: PayloadOptions) -> None:
        self.templates = tuple(map(TopicTemplate, options.topics))
        """Of the topics, in order: the first that fits is taken."""
        self._stream = NameTemplate(options.stream) if options.stream else None
        self._ignore = options.ignore
        self._known: dict[str, Route] = {}
        self._sound: set[str] = set()
        if self._stream and "channel" in self._stream.names:
            raise ConfigError(
                "stream must name a machine, of which {channel} is a part. "
                f"Received: {shown(options.stream)}. Leave {{channel}} out."
            )

    @property
    def filters(self) -> list[str]:
        """The MQTT topic filters to subscribe to."""
        return [template.filter for template in self.templates]

    def of(self, topic: str) -> Route:
        """Returns what a topic says.

        Raises:
            BadInputError: `topic`: it fits no template; `ignored`: it is no data by configuration.
        """
        route = self._known.get(topic)
        if route is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            route = self._known[topic] = self._route(topic)
        return route

    def stream(self, topic: str, route: Route, names: Mapping[str, str]) -> str:
        """Returns the stream's name.

        Args:
            topic: Where the message came on.
            route: What it says.
            names: What the payload says: device, tags.

        Raises:
            BadInputError: `stream`: a name that the template needs is missing, or it is no name.
        """
        known = {**names, **route.names}
        if self._stream is not None:
            name = self._stream.fill(known)
            if name is None:
                missing = [part for part in self._stream.names if not known.get(part)]
                raise BadInputError(
                    "stream",
                    f"A stream is named {self._stream.text}. Received: nothing for "
                    f"{', '.join(missing)[:100]}; known are {', '.join(known)[:200] or 'none'}.",
                )
        else:
            parts = list(route.names.values())
            if "device" in names and "device" not in route.names:
                parts.append(names["device"])
            name = "/".join(parts) or topic or "main"
        if name not in self._sound:
            self._check(name)
        return name

    def _route(self, topic: str) -> Route:
        if any(fits(topic, pattern) for pattern in self._ignore):
            raise BadInputError("ignored", f"Topics that are data. Received: {shown(topic[:200])}.")
        names: dict[str, str] | None = {}
        for template in self.templates:
            names = template.match(topic)
            if names is not None:
                break
        if names is None:
            wanted = ", ".join(template.text for template in self.templates)
            raise BadInputError(
                "topic", f"A topic must fit {wanted[:200]}. Received: {shown(topic[:200])}."
            )
        channel = names.pop("channel", "")
        route = Route(names, channel, "")
        try:
            return route._replace(stream=self.stream(topic, route, {}))
        except BadInputError:
            return route  # the payload has to say more

    def _check(self, name: str) -> None:
        if len(name) > _LONGEST or any(map(_is_odd, name)):
            raise BadInputError(
                "stream",
                f"A stream's name must have at most {_LONGEST} characters, none of them a control "
                f"character. Received: {shown(name[:60])}.",
            )
        if len(self._sound) >= _MOST:
            self._sound.clear()
        self._sound.add(name)


def _is_odd(letter: str) -> bool:
    code = ord(letter)
    return code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000
