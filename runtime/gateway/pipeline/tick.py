"""What one tick of the reader hands on."""

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.gateway.protocols import Source
from runtime.gateway.records import Record
from runtime.gateway.samples import Message

__all__ = ["Read", "Tick"]

Read = tuple[Source, Sequence[Message]]
"""Messages of a source, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A record on its way, and the messages that it was made of."""

    record: Record
    payload: bytes
    """The record as bytes; empty where there is no journal."""
    messages: Sequence[Read]
    """By source, in order: to be acknowledged once the record is on the disk."""

    @property
    def weight(self) -> int:
        """What it takes in a queue: rows, and one for itself."""
        return 1 + self.record.samples
