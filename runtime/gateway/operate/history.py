"""The last hours of every stream, in bounded memory."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown

__all__ = ["History", "Sparkline"]

_SHORTEST_S = 5.0  # with it the number of a bucket fits into 32 bits, whatever int64 holds
_GROWTH = 1.25
_FIRST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """Least and highest severity of each bucket of a stream's last hours, oldest first."""

    start_ns: int
    """Beginning of the first bucket: nanoseconds since 1970-01-01 UTC."""
    bucket_s: float
    """Length of a bucket."""
    low: npt.NDArray[np.float32]
    """(buckets,); NaN: nothing was scored in it."""
    high: npt.NDArray[np.float32]
    """(buckets,), like `low`."""


class History:
    """Severities of many streams, as the least and the highest of each bucket. Thread-safe.

    A bucket takes 12 bytes: 8 hours of minutes are 5.8 kB a stream, 5.8 MB for 1,000. Rows may come
    in any order; those older than the hours that are kept, or without a severity, leave no trace.

    Args:
        hours: How far back it reaches.
        bucket_s: Length of a bucket, at least 5 s; for slow streams one period of theirs.
        most: How many streams are kept; others leave no trace but in `refused`.

    Raises:
        InputError: Arguments out of their range.
    """

    def __init__(self, *, hours: float = 8.0, bucket_s: float = 60.0, most: int = 20_000) -> None:
        if not _SHORTEST_S <= bucket_s <= 864_000 or not 2 <= hours * 3600 / bucket_s <= 20_000:
            raise InputError(
                f"A history must have buckets of at least {_SHORTEST_S:g} s, 2 to 20,000 of them. "
                f"Received: {shown(hours)} hours in buckets of {shown(bucket_s)} s."
            )
        self._bucket_ns = round(bucket_s * 1e9)
        self._buckets = round(hours * 3600 / bucket_s)
        self._most = most
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._free: list[int] = []
        self._allocate(0)
        self.refused = 0
        """Rows of streams that there was no room for."""

    def update(
        self,
        names: Sequence[str],
        times_ns: npt.NDArray[np.int64],
        severity: npt.NDArray[np.floating],
    ) -> None:
        """Takes the scored steps of a tick, of all its streams at once.

        Args:
            names: Stream of each step (steps,).
            times_ns: Its time (steps,).
            severity: (steps,); NaN: none.
        """
        with self._lock:
            places = np.fromiter(map(self._place, names), dtype=np.int64, count=len(names))
            self.refused += int((places < 0).sum())
            buckets = np.asarray(times_ns, dtype=np.int64) // self._bucket_ns
            values = np.asarray(severity, dtype=np.float32)
            kept = (places >= 0) & ~np.isnan(values) & (buckets > 0)
            places, buckets, values = places[kept], buckets[kept], values[kept]
            np.maximum.at(self._newest, places, buckets)
            kept = buckets > self._newest[places] - self._buckets
            places, buckets, values = places[kept], buckets[kept], values[kept]
            cells = places * self._buckets + buckets % self._buckets
            stamps = buckets.astype(np.uint32)
            fresh = cells[self._stamps[cells] < stamps]
            self._low[fresh] = np.inf
            self._high[fresh] = -np.inf
            np.maximum.at(self._stamps, cells, stamps)
            mine = self._stamps[cells] == stamps
            np.minimum.at(self._low, cells[mine], values[mine])
            np.maximum.at(self._high, cells[mine], values[mine])

    def forget(self, name: str) -> None:
        """Gives the place of a stream to others."""
        with self._lock:
            place = self._places.pop(name, None)
            if place is not None:
                self._clear(slice(place, place + 1))
                self._free.append(place)

    def sparkline(self, name: str, *, points: int | None = None) -> Sparkline | None:
        """Returns the last hours of a stream, up to its newest step.

        Args:
            name: Of the stream.
            points: At most so many buckets, at least 2: neighbours become one; None: all.

        Returns:
            None where nothing is known of it.
        """
        with self._lock:
            place = self._places.get(name)
            if place is None or self._newest[place] <= 0:
                return None
            newest = int(self._newest[place])
            numbers = np.arange(newest - self._buckets + 1, newest + 1)
            cells = place * self._buckets + numbers % self._buckets
            known = self._stamps[cells] == numbers
            low = np.where(known, self._low[cells], np.float32(np.inf))
            high = np.where(known, self._high[cells], np.float32(-np.inf))
        # Groups begin at multiples of their length, or the picture would tremble as time goes on:
        # the first and the last of them are not whole.
        most = self._buckets if points is None else max(points, 2)
        joined = -(-(self._buckets - 1) // (most - 1))
        lead = int(numbers[0] % joined)
        tail = -(lead + len(numbers)) % joined
        low = np.pad(low, (lead, tail), constant_values=np.inf).reshape(-1, joined).min(axis=1)
        high = np.pad(high, (lead, tail), constant_values=-np.inf).reshape(-1, joined).max(axis=1)
        nothing = low > high
        return Sparkline(
            start_ns=(int(numbers[0]) - lead) * self._bucket_ns,
            bucket_s=joined * self._bucket_ns / 1e9,
            low=np.where(nothing, np.float32(np.nan), low),
            high=np.where(nothing, np.float32(np.nan), high),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(a.nbytes for a in (self._stamps, self._low, self._high, self._newest))

    def __len__(self) -> int:
        return len(self._places)

    def _place(self, name: str) -> int:
        """Returns the place of a stream; −1 where there is no room for a new one."""
        place = self._places.get(name)
        if place is not None:
            return place
        if len(self._places) >= self._most:
            return -1
        if not self._free:
            self._grow()
        place = self._places[name] = self._free.pop()
        return place

    def _allocate(self, streams: int) -> None:
        cells = streams * self._buckets
        self._newest = np.zeros(streams, dtype=np.int64)
        self._stamps = np.zeros(cells, dtype=np.uint32)
        self._low = np.zeros(cells, dtype=np.float32)
        self._high = np.zeros(cells, dtype=np.float32)

    def _grow(self) -> None:
        before = len(self._newest)
        now = min(max(_FIRST, round(before * _GROWTH)), self._most)
        older = {key: getattr(self, key) for key in ("_newest", "_stamps", "_low", "_high")}
        self._allocate(now)
        for key, array in older.items():
            getattr(self, key)[: len(array)] = array
        self._free.extend(range(now - 1, before - 1, -1))

    def _clear(self, streams: slice) -> None:
        self._newest[streams] = 0
        self._stamps[streams.start * self._buckets : streams.stop * self._buckets] = 0
