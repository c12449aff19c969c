"""What a grid remembers of the rows that stand in its slots: when, and a checksum."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np

from runtime.clock.rows import Times, Values

__all__ = ["Remembered", "checksums"]


class Remembered:
    """Stamps and checksums of the latest rows that were placed, in order of time.

    Restarts keep it: exports that overlap may have gaps. Where the clock goes back, what lies
    after the new beginning is forgotten. A row takes 16 bytes, and there are at most a quarter more
    than it remembers: a gateway has one of each stream.

    Args:
        most: How many rows; earlier ones are forgotten.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._limit = most + most // 4 + 1
        self.stamps = array("q")
        self.sums = array("q")

    def add(self, stamp: int, checksum: int) -> None:
        """Takes note of a row that is later than all others."""
        self.stamps.append(stamp)
        self.sums.append(checksum)
        if len(self.stamps) > self._limit:
            self._forget()

    def extend(self, stamps: Iterable[int], sums: Iterable[int]) -> None:
        """Takes note of rows in order of time, later than all others."""
        self.stamps.extend(stamps)
        self.sums.extend(sums)
        if len(self.stamps) > self._limit:
            self._forget()

    def replace(self, stamps: Iterable[int], sums: Iterable[int]) -> None:
        """Remembers these rows, in order of time, and no others."""
        self.stamps, self.sums = array("q", stamps), array("q", sums)

    def insert(self, stamp: int, checksum: int) -> None:
        """Takes note of a row for a slot that had none."""
        at = bisect_left(self.stamps, stamp)
        self.stamps.insert(at, stamp)
        self.sums.insert(at, checksum)

    def merge(self, stamps: Sequence[int], sums: Sequence[int]) -> None:
        """Takes note of rows in any order, for slots that had none."""
        at = bisect_left(self.stamps, min(stamps))
        known = zip(self.stamps[at:], self.sums[at:], strict=True)
        both = sorted([*known, *zip(stamps, sums, strict=True)])
        del self.stamps[at:]
        del self.sums[at:]
        self.extend([stamp for stamp, _ in both], [checksum for _, checksum in both])

    def find(self, first: int, last: int, stamp: int) -> tuple[int, int] | None:
        """Returns stamp and checksum of the row between two times; of this very stamp if any."""
        start = max(0, len(self.stamps) - self.most)
        at = bisect_left(self.stamps, first, start)
        end = bisect_left(self.stamps, last + 1, at)
        if at == end:
            return None
        exact = bisect_left(self.stamps, stamp, at, end)
        at = exact if exact < end and self.stamps[exact] == stamp else at
        return self.stamps[at], self.sums[at]

    def covers(self, time: int) -> bool:
        """Whether a time is no earlier than what is remembered."""
        start = max(0, len(self.stamps) - self.most)
        return start < len(self.stamps) and self.stamps[start] <= time

    def cut(self, time: int) -> None:
        """Forgets what is not earlier than a time."""
        self._forget()
        at = bisect_left(self.stamps, time)
        del self.stamps[at:]
        del self.sums[at:]

    def arrays(self) -> tuple[Times, Times]:
        """Returns stamps and checksums, int64 (rows,) each."""
        start = max(0, len(self.stamps) - self.most)
        return np.array(self.stamps[start:], np.int64), np.array(self.sums[start:], np.int64)

    def _forget(self) -> None:
        del self.stamps[: -self.most]
        del self.sums[: -self.most]


def checksums(values: Values) -> list[int]:
    """Returns the CRC-32 of each row of values, float64 (rows, channels), in C order."""
    rows = np.ascontiguousarray(values)
    if not len(rows):
        return []
    return [crc32(row) for row in rows.view(f"V{rows.shape[1] * 8}")[:, 0].tolist()]
