"""Topic templates with named segments: the filter to subscribe to, and the names in a topic."""

import re
from collections.abc import Mapping

from runtime.errors import ConfigError, shown

__all__ = ["NameTemplate", "TopicTemplate", "fits"]

_NAME = re.compile(r"\{(\w+)(#?)\}")
_FIELD = re.compile(r"\{([^{}]*)\}")
_LONGEST = 65_535


class TopicTemplate:
    """A topic with named segments.

    `plant/{line}/{device}/{channel}`: each name is one whole level. `+` is a level and `#` the
    levels behind that are of no interest; `{device#}`, at the end, is a name of one or more levels,
    for devices whose names have slashes. `$share` groups are refused: they split a device's
    messages.

    Args:
        text: The template.
        separator: Between the levels; another one serves names of tags (`{device}.{channel}`).

    Raises:
        ConfigError: Not such a template.
    """

    def __init__(self, text: str, *, separator: str = "/") -> None:
        self.text = text
        self._separator = separator
        self._levels = text.split(separator)
        self.names: tuple[str, ...] = ()
        """Of its segments, in order."""
        self._rest: str | None = None
        if not text or len(text.encode("utf-8", "replace")) > _LONGEST or "\0" in text:
            raise self._error("it is empty, too long, or has a zero character")
        if self._levels[0] == "$share":
            raise self._error("a shared subscription splits the messages of a device")
        self._places: list[tuple[int, str]] = []
        self._fixed: list[tuple[int, str]] = []
        for place, level in enumerate(self._levels):
            self._take(place, level, last=place == len(self._levels) - 1)
        names = self.names
        if len(set(names)) < len(names):
            raise self._error("a name is there twice")
        self._least = len(self._levels) - (self._rest == "")

    def _take(self, place: int, level: str, *, last: bool) -> None:
        if level == "#" or (level.endswith("#}") and _NAME.fullmatch(level)):
            if not last:
                raise self._error("# must be the last level")
            self._rest = level[1:-2] if level != "#" else ""
            self.names += (self._rest,) if self._rest else ()
        elif match := _NAME.fullmatch(level):
            self.names += (match[1],)
            self._places.append((place, match[1]))
        elif level != "+":
            if any(mark in level for mark in "{}+#"):
                raise self._error(f"the level {level!r} must be one name, + or plain text")
            self._fixed.append((place, level))

    @property
    def filter(self) -> str:
        """The MQTT topic filter to subscribe to."""
        return self._separator.join(
            "#" if level.endswith("#}") else "+" if level.startswith("{") else level
            for level in self._levels
        )

    def match(self, topic: str) -> dict[str, str] | None:
        """Returns the named segments of a topic; None where it does not fit."""
        levels = topic.split(self._separator)
        if len(levels) < self._least or (self._rest is None and len(levels) > self._least):
            return None
        if any(levels[place] != text for place, text in self._fixed):
            return None
        if topic.startswith("$") and self._levels[0] != levels[0]:
            return None
        found = {name: levels[place] for place, name in self._places}
        if self._rest:
            found[self._rest] = self._separator.join(levels[len(self._levels) - 1 :])
        return None if "" in found.values() else found

    def _error(self, why: str) -> ConfigError:
        return ConfigError(
            "A template must be levels such as plant/{line}/{device}/{channel}, with +, # or a "
            f"last {{name#}} where wanted. Received: {shown(self.text)}; {why}."
        )


class NameTemplate:
    """A name put together from others: `{line}/{device}`.

    Raises:
        ConfigError: Braces without a name, or no name at all that changes (a fixed text is fine).
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = tuple(_FIELD.findall(text))
        """Those that it needs."""
        rest = _FIELD.sub("", text)
        if not text or "{" in rest or "}" in rest or not all(self.names):
            raise ConfigError(
                "stream must be text with names in braces, such as {line}/{device}. "
                f"Received: {shown(text)}."
            )

    def fill(self, names: Mapping[str, str]) -> str | None:
        """Returns the name; None where one of its parts is missing or empty."""
        if not all(names.get(name) for name in self.names):
            return None
        return _FIELD.sub(lambda match: names[match[1]], self.text)


def fits(topic: str, pattern: str) -> bool:
    """Whether a topic fits an MQTT filter with + and #."""
    levels, wanted = topic.split("/"), pattern.split("/")
    if topic.startswith("$") and wanted[0] != levels[0]:
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(levels) == len(wanted)
