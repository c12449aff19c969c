"""What comes in: messages as a source brought them, and readings as a payload meant them."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["BadInputError", "Message", "Quality", "Reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a source: a packet of a broker, a line of a pipe, a row of a file."""

    topic: str = ""
    """Where it came on; empty for lines and rows."""
    payload: bytes
    """As it came."""
    retained: bool = False
    """The broker had kept it: it may be from last year."""
    again: bool = False
    """The broker may have brought it before, to this life or an earlier one."""
    token: int = 0
    """What its source needs to acknowledge it; 0: nothing."""
    arrived_ns: int = 0
    """When it was read, by the wall clock: nanoseconds since 1970-01-01 UTC."""


class Reading(NamedTuple):
    """What a payload says of one stream at one time: all channels or some of them."""

    stream: str
    """Name of the stream, such as `a/p7`."""
    time_ns: int | None
    """Nanoseconds since 1970-01-01 UTC; None where the payload has no time of its own."""
    values: Mapping[str, float]
    """By channel, in the detector's units; NaN where the source says that it is missing."""
    quality: int = 0
    """What is known of it, see `Quality`."""


class Quality(enum.IntFlag):
    """What is not as it should be with a row; 0 is good. Names are the `reasons` that go out."""

    PARTIAL = 1
    """Channels did not come in time."""
    MISSING = 2
    """A channel has no number: missing, or said to be bad."""
    ARRIVAL = 4
    """The time is that of the arrival."""
    CLOCK = 8
    """The time is that of the arrival by a clock that was not set."""
    RETAINED = 16
    """The broker had kept it."""
    GAP = 32
    """It never came, or slots before it did not, too many to be filled: a hole, whoever made it."""
    RESTART = 64
    """The stream warms up from here: after a gap, a new model or a lost state."""
    SENSOR = 128
    """A channel was masked for a fault of its sensor."""
    STOPPED = 256
    """The machine is off by its running signal: not scored."""
    MUTED = 512
    """A person does not want to hear of this stream or a channel of it."""

    def reasons(self) -> list[str]:
        """Returns the names of what is set, in lower case."""
        return [str(flag.name).lower() for flag in type(self) if flag in self]


class BadInputError(Exception):
    """A message that cannot be a reading; counted by kind, said at most once a minute a kind.

    Args:
        kind: One of a fixed set of words, such as `json` or `time_zone_missing`.
        text: What was expected and what came, for the log.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
