"""Channels that come one by one, put together into rows."""

import math
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError, shown
from runtime.gateway.samples import Quality, Reading

__all__ = ["Assembly", "Row"]

_ARRIVAL = int(Quality.ARRIVAL)
_MISSING = int(Quality.MISSING)
_PARTIAL = int(Quality.PARTIAL)
_REMEMBERED = 16


class Row(NamedTuple):
    """All channels of one stream at one time."""

    stream: str
    time_ns: int
    """Nanoseconds since 1970-01-01 UTC: the earliest of its parts."""
    values: npt.NDArray[np.float64]
    """float64 (channels,); NaN where missing."""
    quality: int


class _Group:
    """The parts of one row, as far as they have come."""

    __slots__ = ("arrival", "number", "quality", "since_s", "stream", "time_ns", "times", "values")

    def __init__(self, reading: Reading, time_ns: int, since_s: float, number: int) -> None:
        self.stream = reading.stream
        self.time_ns = time_ns
        self.since_s = since_s
        self.number = number
        self.arrival = bool(reading.quality & _ARRIVAL)
        self.quality = 0
        self.values: dict[str, float] = {}
        self.times: dict[str, int] = {}


_time_of = attrgetter("time_ns")


class _Stream:
    """What is known of a stream: its open rows in order of time, and those that went out."""

    __slots__ = ("done", "open")

    def __init__(self) -> None:
        self.open: list[_Group] = []
        self.done: deque[int] = deque(maxlen=_REMEMBERED)


class Assembly:
    """Puts the channels of streams together, for one model's channels.

    Parts whose own times lie less than half a period apart are one row; where times are those of
    arrival, parts are one row until a channel comes again. A row is done when every expected
    channel is there, or `lateness_s` after its first part came: what is missing then is NaN, and
    the row `PARTIAL`. The rows of a stream come in order of their times: one that is done waits for
    earlier ones that are still open. Of a channel that comes twice for a row, the later time wins.

    Args:
        channels: The detector's, in order.
        period_s: Its period.
        lateness_s: How long a row waits after its first part; None: one period.
        expected: The channels that a row waits for; None: all. The others are NaN and `MISSING`.
        most: Open rows of all streams; beyond, the oldest goes out as it is.

    Raises:
        InputError: No channels, an unknown expected one, or a number that is not positive.
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        period_s: float,
        lateness_s: float | None = None,
        expected: Iterable[str] | None = None,
        most: int = 100_000,
    ) -> None:
        self.channels = tuple(channels)
        self.lateness_s = period_s if lateness_s is None else lateness_s
        self.counts: Counter[str] = Counter()
        """`partial`: rows that went out incomplete; `late`: parts of rows that were out;
        `duplicate`: channels that came twice; `overflow`: rows that went out for want of room;
        `unknown`: channels that the model does not have."""
        self._tolerance_ns = max(1, round(period_s * 1e9 / 2))
        self._wanted = frozenset(self.channels if expected is None else expected)
        self._most = most
        self._streams: dict[str, _Stream] = {}
        self._groups: dict[int, _Group] = {}
        self._number = 0
        sound = self.channels and self._wanted and self._wanted <= set(self.channels)
        if not sound or not 0 < period_s < math.inf or most < 1 or not self.lateness_s >= 0:
            raise InputError(
                "Rows need channels, expected ones among them, a period above 0 s, a lateness of "
                f"at least 0 s and room for a row. Received: {shown(self.channels)}, "
                f"{shown(sorted(self._wanted))}, {period_s} s, {self.lateness_s} s, {most}."
            )

    def __len__(self) -> int:
        """How many rows are open."""
        return len(self._groups)

    def add(self, reading: Reading, now_s: float) -> list[Row]:
        """Takes a reading; returns the rows that are done by it, often one, often none.

        Args:
            reading: Of some or all channels; its time may be that of arrival, but must be there.
            now_s: The monotonic clock.

        Raises:
            InputError: A reading without a time.
        """
        stream = self._streams.get(reading.stream)
        values = reading.values
        if len(values) == len(self.channels) and (stream is None or not stream.open):
            try:
                every = map(values.__getitem__, self.channels)
                row = np.fromiter(every, np.float64, len(self.channels))
            except KeyError:
                pass
            else:
                return [Row(reading.stream, self._time(reading), row, reading.quality)]
        if stream is None:
            stream = self._streams[reading.stream] = _Stream()
        rows = self._take(stream, reading, now_s)
        while len(self._groups) > self._most:
            self.counts["overflow"] += 1
            oldest = next(iter(self._groups.values()))
            rows += self._close(self._streams[oldest.stream], oldest)
        return rows

    def due(self, now_s: float) -> list[Row]:
        """Returns the rows that have waited long enough; by the monotonic clock."""
        rows: list[Row] = []
        waited: list[_Group] = []
        for group in self._groups.values():
            if now_s - group.since_s < self.lateness_s:
                break
            waited.append(group)
        for group in waited:
            stream = self._streams[group.stream]
            # One behind an earlier row that may still wait goes out with that.
            while stream.open and group.number in self._groups:
                front = stream.open[0]
                if now_s - front.since_s < self.lateness_s:
                    break
                rows.append(self._finish(stream, front))
                rows += self._advance(stream)
        return rows

    @property
    def next_due_s(self) -> float:
        """When the next row has waited long enough, by the monotonic clock; infinite: none."""
        for group in self._groups.values():
            if group is self._streams[group.stream].open[0]:
                return group.since_s + self.lateness_s
        return math.inf

    def take_counts(self) -> Counter[str]:
        """Returns the counts since the last call."""
        counts, self.counts = self.counts, Counter()
        return +counts

    def forget(self, stream: str) -> list[Row]:
        """Returns a stream's open rows as they are, and forgets it."""
        known = self._streams.pop(stream, None)
        return [] if known is None else [self._finish(known, group) for group in [*known.open]]

    def pending(self) -> list[dict[str, Any]]:
        """Returns the open rows, oldest first, as data for JSON (missing numbers are None)."""
        return [
            {
                "stream": group.stream,
                "time_ns": group.time_ns,
                "quality": group.quality,
                "values": {k: None if math.isnan(v) else v for k, v in group.values.items()},
                "times": group.times,
            }
            for group in self._groups.values()
        ]

    def restore(self, pending: Iterable[Mapping[str, Any]], now_s: float) -> None:
        """Takes what `pending` gave, before a restart; they wait from now on.

        Channels that this model does not have are left out and counted as `unknown`.

        Raises:
            InputError: It is not what `pending` gave; rows before it are taken.
        """
        for row in pending:
            try:
                stream, time_ns = str(row["stream"]), int(row["time_ns"])
                values = {
                    str(k): math.nan if v is None else float(v) for k, v in row["values"].items()
                }
                times = {str(k): int(v) for k, v in row["times"].items()}
                quality = int(row["quality"])
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise InputError(
                    f"Rows that wait must be what an assembly gave. Received: {shown(row)}."
                ) from error
            known = {name: v for name, v in values.items() if name in self.channels}
            self.counts["unknown"] += len(values) - len(known)
            if not known:
                continue
            group = self._begin(
                self._streams.setdefault(stream, _Stream()),
                Reading(stream, time_ns, known, quality),
                time_ns,
                now_s,
            )
            group.values, group.quality = known, quality
            group.times = {name: times.get(name, time_ns) for name in known}

    def _take(self, stream: _Stream, reading: Reading, now_s: float) -> list[Row]:
        time_ns = self._time(reading)
        values = {k: v for k, v in reading.values.items() if k in self.channels}
        self.counts["unknown"] += len(reading.values) - len(values)
        if not values:
            return []
        rows: list[Row] = []
        group: _Group | None
        if reading.quality & _ARRIVAL:
            group = next((g for g in stream.open if g.arrival), None)
            if group is not None and not group.values.keys().isdisjoint(values):
                rows, group = self._close(stream, group), None
        else:
            group = self._near(stream, time_ns)
            if group is None and any(abs(t - time_ns) < self._tolerance_ns for t in stream.done):
                self.counts["late"] += 1
                return []
        if group is None:
            group = self._begin(stream, reading, time_ns, now_s)
        self._put(stream, group, values, time_ns)
        group.quality |= reading.quality & ~_MISSING
        if self._wanted <= group.values.keys():
            rows += self._advance(stream)
        return rows

    def _near(self, stream: _Stream, time_ns: int) -> _Group | None:
        """Returns the open row that a time belongs to."""
        best: _Group | None = None
        first = bisect_left(stream.open, time_ns - self._tolerance_ns + 1, key=_time_of)
        for place in range(first, len(stream.open)):
            group = stream.open[place]
            if group.time_ns >= time_ns + self._tolerance_ns:
                break
            if group.arrival:
                continue
            if best is None or abs(group.time_ns - time_ns) < abs(best.time_ns - time_ns):
                best = group
        return best

    def _begin(self, stream: _Stream, reading: Reading, time_ns: int, now_s: float) -> _Group:
        self._number += 1
        group = _Group(reading, time_ns, now_s, self._number)
        insort(stream.open, group, key=_time_of)
        self._groups[group.number] = group
        return group

    def _put(
        self, stream: _Stream, group: _Group, values: Mapping[str, float], time_ns: int
    ) -> None:
        for name, value in values.items():
            if name in group.values:
                self.counts["duplicate"] += 1
                if time_ns <= group.times[name]:
                    continue
            group.values[name] = value
            group.times[name] = time_ns
        if time_ns < group.time_ns:
            _take_out(stream, group)
            group.time_ns = time_ns
            insort(stream.open, group, key=_time_of)

    def _advance(self, stream: _Stream) -> list[Row]:
        """Returns the rows at the front that are complete."""
        rows: list[Row] = []
        while stream.open and self._wanted <= stream.open[0].values.keys():
            rows.append(self._finish(stream, stream.open[0]))
        return rows

    def _close(self, stream: _Stream, group: _Group) -> list[Row]:
        """Returns a row as it is, those before it, and those behind that waited for it."""
        rows: list[Row] = []
        while group.number in self._groups:
            rows.append(self._finish(stream, stream.open[0]))
        return rows + self._advance(stream)

    def _finish(self, stream: _Stream, group: _Group) -> Row:
        _take_out(stream, group)
        del self._groups[group.number]
        quality = group.quality
        if not self._wanted <= group.values.keys():
            quality |= _PARTIAL
            self.counts["partial"] += 1
        values = np.array([group.values.get(k, math.nan) for k in self.channels], np.float64)
        if np.isnan(values).any() and (
            quality & _PARTIAL == 0 or any(math.isnan(v) for v in group.values.values())
        ):
            quality |= _MISSING
        if not group.arrival:
            stream.done.append(group.time_ns)
        return Row(group.stream, group.time_ns, values, quality)

    @staticmethod
    def _time(reading: Reading) -> int:
        if reading.time_ns is None:
            raise InputError(
                f"A reading needs a time, that of its arrival at least. Received: none of "
                f"{shown(reading.stream)}."
            )
        return reading.time_ns


def _take_out(stream: _Stream, group: _Group) -> None:
    """Removes an open row; a stream may have thousands, in a batch that lacks a channel."""
    place = bisect_left(stream.open, group.time_ns, key=_time_of)
    while stream.open[place] is not group:
        place += 1
    del stream.open[place]
