"""A row that waits for the next one, which says whether its stamp is right."""

from typing import NamedTuple

from runtime.clock.rows import Values

__all__ = ["AHEAD", "BACK", "LATE", "Waiting"]

AHEAD, BACK, LATE = range(3)
"""After a gap; back to a slot that has other values, or is not known any more; back to a slot that
was emitted as missing, or lies before the segment."""


class Waiting(NamedTuple):
    """The row, and why it waits."""

    kind: int
    """`AHEAD`, `BACK` or `LATE`."""
    time: int
    """Nanoseconds since 1970-01-01."""
    row: int
    """Its number, counted from 0 over all calls."""
    values: Values
    """float64 (1, channels)."""
    checksum: int
    """CRC-32 of the values."""
