"""How large a journal or an outbox may become, and what happens then."""

from dataclasses import dataclass
from typing import Literal, get_args

from runtime.errors import InputError, shown

__all__ = ["Bounds", "Full"]

Full = Literal["block", "drop-oldest"]
"""What happens at the bound: appends are refused, or the oldest segments go."""
_LEAST_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large a log may become.

    Raises:
        InputError: A bound that cannot be one.
    """

    segment_bytes: int
    """A segment is closed at this size; at most a quarter of `max_bytes`."""
    max_bytes: int
    """All segments together."""
    full: Full

    def __post_init__(self) -> None:
        if self.max_bytes < _LEAST_BYTES or self.segment_bytes < 1:
            raise InputError(
                f"max_bytes must be at least {_LEAST_BYTES}, segment_bytes at least 1. "
                f"Received: {shown(self.max_bytes)}, {shown(self.segment_bytes)}. Give more."
            )
        if self.full not in get_args(Full):
            raise InputError(
                f"What happens where it is full must be one of {', '.join(get_args(Full))}. "
                f"Received: {shown(self.full)}. Choose one."
            )

    @property
    def segment(self) -> int:
        """Bytes at which a segment is closed."""
        return min(self.segment_bytes, self.max_bytes // 4)
