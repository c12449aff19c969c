"""What a source, a sink and an MQTT client are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from runtime.gateway.outputs import Outputs
from runtime.gateway.samples import Message

__all__ = ["Client", "Publication", "Resuming", "Sink", "Source", "Subscription"]


class Source(Protocol):
    """Where messages come from. Called by one thread, the reader, but for `acknowledge`."""

    name: str
    """As in the configuration."""

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Returns what has come, in order, at most `most`; waits up to `wait_s` for the first.

        It never raises for what the other side does: it connects again by itself, and says so.
        """
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Lets the other side forget messages, those of the front, in order; from any thread."""
        ...

    @property
    def ended(self) -> bool:
        """Whether no more will come: the end of a file or of stdin."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing can come now, for `/readyz` and the log; empty: all is well."""
        ...

    def close(self, timeout_s: float) -> None:
        """Ends it, without unsubscribing."""
        ...


class Sink(Protocol):
    """Where outputs go. Called by one thread, the scorer, but for the properties."""

    name: str
    """As in the configuration."""

    def write(self, outputs: Outputs) -> None:
        """Takes outputs; never waits for the other side longer than a few milliseconds.

        What it cannot hand over it keeps, within a bound, and counts what it drops.
        """
        ...

    def tick(self) -> None:
        """Passes on what waits; called a few times a second, whether there are outputs or not."""
        ...

    @property
    def fullness(self) -> float:
        """How much of its bound is taken by what waits; from 1 on the oldest scores are dropped."""
        ...

    @property
    def dropped(self) -> int:
        """Scores that were dropped so far."""
        ...

    @property
    def acknowledged(self) -> int:
        """All outputs up to this sequence number are with the other side, or were dropped."""
        ...

    @property
    def waiting(self) -> int:
        """Publications that are on their way or kept."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing goes out now; empty: all is well."""
        ...

    def close(self, timeout_s: float) -> None:
        """Hands over what it can in this time, says goodbye, and ends."""
        ...


@runtime_checkable
class Resuming(Protocol):
    """A sink whose undelivered outputs go into the snapshots: a replay begins behind them."""

    def pending(self) -> bytes:
        """Returns what has not arrived and is nowhere on the disk; for the scorer's thread."""
        ...

    def resume(self, pending: bytes) -> None:
        """Takes what `pending` returned in an earlier life; before all outputs."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic filter that a client asks for."""

    filter: str
    qos: int = 1


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


class Client(Protocol):
    """An MQTT client of five methods on batches; thread-safe.

    It connects again by itself, subscribes on each connect, forgets packet ids of a connection
    that is gone, and publishes again what was not acknowledged. Tokens of messages from an older
    connection are ignored by `ack`.
    """

    def connect(self) -> None:
        """Begins to connect, and returns at once."""
        ...

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Returns what has come, in order of arrival; waits up to `wait_s` for the first."""
        ...

    def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledges messages, those of the front of what `receive` gave, in that order."""
        ...

    def publish(self, publications: Sequence[Publication]) -> int:
        """Takes publications, and returns the running number of the last; never waits.

        Where too many wait already, it takes none and returns -1.
        """
        ...

    def close(self, timeout_s: float) -> None:
        """Waits for acknowledgements up to `timeout_s`, then says goodbye (DISCONNECT)."""
        ...

    @property
    def published(self) -> int:
        """All publications up to this running number are acknowledged (QoS 0: sent)."""
        ...

    @property
    def waiting(self) -> int:
        """Publications that are not acknowledged yet."""
        ...

    @property
    def connections(self) -> int:
        """How often it has connected: a change means a new connection (publish `online` again)."""
        ...

    @property
    def trouble(self) -> str:
        """Why it is not connected, in words; empty: connected."""
        ...
