"""What a sink publishes, when, and on which topics."""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Literal, get_args

from runtime.errors import ConfigError, shown

__all__ = ["Policy", "Publishing", "Topics"]

Policy = Literal["every", "change", "nth", "array"]
"""Which scores go out. `every`: all; `change`: see `Publishing.step`; `nth`: of each stream every
n-th; `array`: all, one message a tick and model."""

_LEAST_ARRAY_BYTES = 1024
_LONGEST_NAME = 4096
"""Characters of a name in a topic, which may have 65,535 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """Which scores are published, and how. Events and states always are.

    Raises:
        ConfigError: A value that cannot be used.
    """

    scores: Policy = "every"
    step: float = 0.5
    """`change`: a score goes out where alarm, quality or warm-up changed, or the severity by more
    than this since the last one that did."""
    heartbeat_s: float = 60.0
    """`change`: at least one score of a stream in this time, by the samples' own time."""
    n: int = 10
    """`nth`: every n-th score of a stream, the first one included."""
    array_bytes: int = 60_000
    """`array`: a message has at most so many bytes, or a single score."""
    qos: int = 1
    """Of scores; events, states and status always have QoS 1."""

    def __post_init__(self) -> None:
        if self.scores not in get_args(Policy):
            raise _wrong("scores", "every, change, nth or array", self.scores)
        if not self.step >= 0:
            raise _wrong("step", "a difference of severities, 0 or more", self.step)
        if not self.heartbeat_s > 0:
            raise _wrong("heartbeat_s", "seconds, above 0", self.heartbeat_s)
        if self.n < 1:
            raise _wrong("n", "a whole number from 1", self.n)
        if self.array_bytes < _LEAST_ARRAY_BYTES:
            raise _wrong("array_bytes", f"{_LEAST_ARRAY_BYTES} bytes or more", self.array_bytes)
        if self.qos not in {0, 1}:
            raise _wrong("qos", "0 or 1", self.qos)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Topics by template: `{stream}` is the stream's name with its `/`, `{gateway}` the gateway's.

    Names go in with `+`, `#`, `%` and what cannot be printed as `%2B`, so that any name gives a
    topic that may be published, and different names different ones.

    Raises:
        ConfigError: A template that cannot be used, or two that are the same.
    """

    gateway: str
    """Name of the gateway."""
    score: str = "kad/{stream}/score"
    event: str = "kad/{stream}/event"
    state: str = "kad/{stream}/state"
    online: str = "kad/{stream}/online"
    cause: str = "kad/{stream}/cause"
    severity: str = "kad/{stream}/severity"
    status: str = "kad/{gateway}/status"
    scores: str = "kad/{gateway}/scores"
    gateway_event: str = "kad/{gateway}/events"
    """Of events that are of no stream; a stream named like the gateway has another topic."""
    answers: str = "kad/{gateway}/answers"
    _gateway: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        if not self.gateway:
            raise _wrong("gateway", "a name", self.gateway)
        templates = self._templates()
        for name, template in templates.items():
            _check(name, template, of_stream="{stream}" in _DEFAULTS[name])
        if len(set(templates.values())) < len(templates):
            twice = [t for t in templates.values() if list(templates.values()).count(t) > 1]
            raise _wrong("topics", "a template of its own for each", twice[0])
        object.__setattr__(self, "_gateway", _encoded(self.gateway))

    def of_stream(self, name: str, stream: str) -> str:
        """Returns a stream's topic.

        Args:
            name: Of the template: `score`, `event`, `state`, `online`, `cause` or `severity`.
            stream: Name of the stream.
        """
        template: str = getattr(self, name)
        return template.format(stream=_encoded(stream), gateway=self._gateway)

    def of_gateway(self, name: str) -> str:
        """Returns a topic of the gateway: `status`, `scores`, `gateway_event` or `answers`."""
        template: str = getattr(self, name)
        return template.format(gateway=self._gateway)

    def _templates(self) -> Mapping[str, str]:
        return {name: getattr(self, name) for name in _DEFAULTS}


_DEFAULTS: dict[str, str] = {
    one.name: str(one.default) for one in fields(Topics) if one.name not in {"gateway", "_gateway"}
}


@lru_cache(maxsize=65_536)
def _encoded(name: str) -> str:
    """Returns a name as it stands in a topic; of a very long one the beginning and a hash."""
    encoded = "".join(
        "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        if char in "+#%" or not (char.isprintable() or char == " ")
        else char
        for char in name
    )
    if len(encoded) <= _LONGEST_NAME:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{encoded[:_LONGEST_NAME]}%{digest}"


def _check(name: str, template: str, *, of_stream: bool) -> None:
    allowed = {"stream", "gateway"} if of_stream else {"gateway"}
    wanted = "a topic with {stream}" if of_stream else "a topic, {gateway} in it or not"
    try:
        parts = list(string.Formatter().parse(template))
    except (ValueError, TypeError) as error:
        raise _wrong(name, wanted, template) from error
    named = {part[1] for part in parts if part[1] is not None}
    plain = "".join(part[0] for part in parts)
    formatted = any(part[2] or part[3] for part in parts)
    if not named <= allowed or (of_stream and "stream" not in named) or formatted:
        raise _wrong(name, wanted, template)
    if not template or _encoded(plain) != plain or template.startswith("$"):
        raise _wrong(name, "a topic without +, #, % and a $ at its start", template)


def _wrong(name: str, expected: str, received: object) -> ConfigError:
    return ConfigError(f"`{name}` must be {expected}. Received: {shown(received)}. Correct it.")
