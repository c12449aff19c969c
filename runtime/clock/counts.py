"""What happened to the rows that were placed on a grid, in numbers."""

from dataclasses import asdict, dataclass

__all__ = ["GridCounts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCounts:
    """What happened to the rows so far."""

    received: int = 0
    """Rows given to `place`."""
    duplicates: int = 0
    """Rows for a slot that already had one; dropped, but for filling missing channels."""
    late: int = 0
    """Rows for a slot already emitted as missing, or before the segment; dropped."""
    missing: int = 0
    """Slots emitted without a row."""
    restarts: int = 0
    """New segments after the first: gaps and clocks set back."""
    backward: int = 0
    """Those restarts that went back in time."""

    @property
    def unsorted(self) -> int:
        """Rows that came too late: the late ones and those that went back in time."""
        return self.late + self.backward

    @property
    def is_unsorted(self) -> bool:
        """Whether so many came too late, over 10 rows and 5 %, that the rest means nothing."""
        return self.unsorted > max(10, 0.05 * self.received)

    def __add__(self, other: "GridCounts") -> "GridCounts":
        mine, theirs = asdict(self), asdict(other)
        return GridCounts(**{name: mine[name] + theirs[name] for name in mine})
