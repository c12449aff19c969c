"""What happened to the rows that were placed on a grid, in numbers."""

from dataclasses import asdict, dataclass

__all__ = ["GridCounts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCounts:
    """What happened to the rows so far."""

    received: int = 0
    """Rows given to `place`."""
    duplicates: int = 0
    """Rows for a slot that already had one, without going back in time; dropped."""
    shared: int = 0
    """Those duplicates that have exactly the time of the slot's row, and other values."""
    filled: int = 0
    """Rows for a slot that already had one, which gave it channels that were missing."""
    repeated: int = 0
    """Rows that came again with the same values; dropped, nothing is lost."""
    conflicts: int = 0
    """Rows that came again with other values, among repeated ones; the first stays."""
    late: int = 0
    """Rows for a slot already emitted as missing, or before the segment; dropped."""
    stray: int = 0
    """Rows with a stamp far off, alone: the next one went on as before; dropped."""
    missing: int = 0
    """Slots emitted without a row."""
    restarts: int = 0
    """New segments after the first: gaps and clocks set back."""
    backward: int = 0
    """Those restarts that went back in time."""

    @property
    def dropped(self) -> int:
        """Rows that were measured and are not in the steps."""
        return self.duplicates + self.conflicts + self.late + self.stray

    @property
    def unsorted(self) -> int:
        """Rows out of order: late and stray ones, and those that went back in time."""
        return self.late + self.stray + self.backward

    @property
    def is_unsorted(self) -> bool:
        """Whether so many came too late, over 10 rows and 5 %, that the rest means nothing."""
        return self.unsorted > max(10, 0.05 * self.received)

    def __add__(self, other: "GridCounts") -> "GridCounts":
        mine, theirs = asdict(self), asdict(other)
        return GridCounts(**{name: mine[name] + theirs[name] for name in mine})
