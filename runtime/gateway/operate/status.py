"""What the page and the probes ask the process, and the types of its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from runtime.gateway.operate.history import Sparkline
from runtime.gateway.outputs import EventNotice

__all__ = ["FOREVER", "Overview", "State", "Status", "StreamHistory", "StreamSummary"]

State = Literal["scored", "warming", "silent", "stopped"]
"""`warming`: behind a start or a gap; `silent`: no longer speaks; `stopped`: its machine is off."""

FOREVER = -1
"""End of a mute that has none: out of service until somebody lifts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSummary:
    """How a stream is now."""

    name: str
    model: str = ""
    """Key of its model in the configuration."""
    state: State = "scored"
    severity: float = float("nan")
    """Of its newest step; NaN: none."""
    threshold: float = float("nan")
    """On severity."""
    newest_ns: int = 0
    """Time of its newest step; 0: none yet."""
    muted_until_ns: int | None = None
    """End of its mute by the wall clock; `FOREVER`: without end; None: not muted."""
    muted_channels: Sequence[tuple[str, int]] = ()
    """Channels that are muted, each with the end of its mute."""
    faults: Sequence[str] = ()
    """Faults of its sensors, a few words each: `flow is stuck`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole gateway at one moment."""

    gateway: str
    """Its name."""
    version: str
    now_ns: int
    """Now by the clock that samples go by: nanoseconds since 1970-01-01 UTC. The wall clock; in a
    replay the time of the newest row, so that durations and sparklines are the machine's."""
    streams: Sequence[StreamSummary]
    events: Sequence[EventNotice] = ()
    """Those that go on, of all streams and of the gateway."""
    lag_s: float = float("nan")
    """Now less the time of the newest row that was scored; NaN: nothing was."""
    rate: float = float("nan")
    """Rows a second, of the last minute."""
    dropped: int = 0
    """What was dropped since the start."""
    bad: int = 0
    """Messages or parts that could not be read since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHistory:
    """The last hours of one stream."""

    sparkline: Sparkline | None
    """None: nothing was scored yet."""
    threshold: float
    ended: Sequence[EventNotice] = ()
    """Events that ended lately, the last first."""
    channels: Sequence[str] = field(default=())
    """Its channels, which can be muted one by one."""


class Status(Protocol):
    """What the pipeline tells; asked by the thread of the server, so each answer is quick."""

    def healthy(self) -> Sequence[str]:
        """Returns why the process should be started again; empty: it should not.

        It never depends on a broker or a disk.
        """
        ...

    def ready(self) -> Sequence[str]:
        """Returns why no sample can be scored and published now, a sentence each; empty: all well.

        Configuration, models, replay, brokers, disk.
        """
        ...

    def overview(self) -> Overview:
        """Returns all streams and open events."""
        ...

    def history(self, stream: str) -> StreamHistory | None:
        """Returns the last hours of a stream; None: there is none of this name."""
        ...

    def mute(self, stream: str, channel: str | None, until_ns: int | None, origin: str) -> None:
        """Mutes a stream or a channel of it, or lifts the mute.

        Args:
            stream: Name of the stream.
            channel: None: all of it.
            until_ns: End by the wall clock; `FOREVER`: without end; None: the mute is lifted.
            origin: Who asked, for the journal.

        Raises:
            InputError: No such stream or channel, or it cannot be muted now.
        """
        ...
