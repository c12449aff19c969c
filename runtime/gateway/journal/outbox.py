"""The outbox: what a sink could not hand over yet, on the disk, within a bound.

It is a log, and beside it a file `acknowledged` with two places for the highest number that the
other side has. That file is never synced: after a loss of power some items go out again.
"""

import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from runtime.gateway.journal.bounds import Bounds, Full
from runtime.gateway.journal.disk import Disk, refused
from runtime.gateway.journal.log import Log

__all__ = ["Outbox"]

_SEGMENT_BYTES = 2**20
_MARK = struct.Struct("<QI")
_MARKS = "acknowledged"
_HELD_ITEMS = 1000
_HELD_BYTES = 2**20


class Outbox:
    """Items for one sink, numbered; open it with `Outbox.open`. Safe to use from any thread."""

    def __init__(self, log: Log, marks: "_Marks", most_bytes: int) -> None:
        self.dropped = 0
        """Items that were deleted for the bound before they were acknowledged."""
        self._log, self._marks, self._most_bytes = log, marks, most_bytes
        self._acked = max(marks.highest, log.first - 1)
        self._front: deque[tuple[int, bytes]] = deque()
        self._front_bytes = 0
        self._read_to = self._acked
        self._reader: Iterator[tuple[int, bytes]] | None = None
        self._reader_end = 0
        self._mutex, self._putting = threading.Lock(), threading.Lock()

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        max_bytes: int,
        full: Full = "drop-oldest",
        segment_bytes: int = _SEGMENT_BYTES,
        disk: Disk | None = None,
    ) -> "Outbox":
        """Opens an outbox, and repairs its end.

        Args:
            folder: Where it lies; created where it is missing.
            max_bytes: It stays within it.
            full: What happens at the bound: `block` refuses to take more, `drop-oldest` deletes
                whole old segments, and counts.
            segment_bytes: A file is closed at this size.
            disk: The file system.

        Raises:
            InputError: Another process uses the folder, or a bound cannot be one.
            JournalError: The folder cannot be listed.
        """
        place, system = Path(folder), disk or Disk()
        bounds = Bounds(segment_bytes=segment_bytes, max_bytes=max_bytes, full=full)
        marks = _Marks(place / _MARKS, system)
        log = Log(place, bounds=bounds, start=marks.highest + 1, disk=system, what="outbox")
        marks.write(marks.highest)  # takes its place while there is one
        return cls(log, marks, max_bytes)

    def put(self, items: Sequence[bytes]) -> int:
        """Takes items; they are on the disk when it returns.

        Returns:
            The number of the last; they have consecutive ones.

        Raises:
            JournalError: The disk refuses, or the bound is reached (`full` is True then): none was
                taken.
        """
        with self._putting:
            self._log.release(self._acked + 1)
            dropped, before = self._log.dropped, self._log.last
            try:
                last = self._log.append(items)
            finally:
                if self._log.dropped != dropped:
                    self._forget(self._log.first - 1)
            with self._mutex:
                held = self._front_bytes + sum(map(len, items))
                room = len(self._front) + len(items) <= _HELD_ITEMS and held <= _HELD_BYTES
                if self._read_to == before and room:
                    self._front.extend(enumerate(items, before + 1))
                    self._front_bytes, self._read_to = held, last
            return last

    def peek(self, most: int) -> list[tuple[int, bytes]]:
        """Returns the oldest items that are not acknowledged, with their numbers, in order.

        Args:
            most: No more than this many.
        """
        with self._mutex:
            while len(self._front) < most and self._read_to < self._log.last:
                self._read_on(most)
            if not self._front:  # what there was is lost
                self._acked = max(self._acked, self._read_to)
            return [item for item, _ in zip(self._front, range(most), strict=False)]

    def ack(self, number: int) -> None:
        """Forgets all items up to this number: the other side has them.

        A disk that refuses is said in `trouble`; after a restart they may go out again.
        """
        with self._mutex:
            number = min(number, self._log.last)
            if number <= self._acked:
                return
            self._advance(number)
            self._marks.write(number)
            self._log.release(number + 1)
            if self._marks.trouble:  # there may be space now
                self._marks.write(number)

    @property
    def last(self) -> int:
        """Number of the newest item."""
        return self._log.last

    @property
    def acknowledged(self) -> int:
        """All items up to this number are with the other side, or gone."""
        return self._acked

    @property
    def waiting(self) -> int:
        """Items that are not acknowledged."""
        return self._log.last - self._acked

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return self._log.size

    @property
    def most_bytes(self) -> int:
        """Its bound."""
        return self._most_bytes

    @property
    def lost(self) -> int:
        """Items that were damaged on the disk, each counted once."""
        return self._log.lost

    @property
    def notes(self) -> Sequence[str]:
        """What was wrong on opening, in words."""
        return self._log.notes

    @property
    def trouble(self) -> str:
        """Why the disk refuses now, one line; empty: all is well."""
        return self._log.trouble or self._marks.trouble

    def close(self) -> None:
        """Ends it, and unlocks the folder."""
        self._marks.close()
        self._log.close()

    def _read_on(self, most: int) -> None:
        if self._reader is None:
            self._reader_end = self._log.last
            self._reader = self._log.read(self._read_to)
        for number, item in self._reader:
            self._front.append((number, item))
            self._front_bytes += len(item)
            self._read_to = number
            if len(self._front) >= most:
                return
        self._reader, self._read_to = None, self._reader_end

    def _advance(self, number: int) -> None:
        self._acked = number
        while self._front and self._front[0][0] <= number:
            self._front_bytes -= len(self._front.popleft()[1])
        if self._read_to < number:
            self._read_to, self._reader = number, None

    def _forget(self, number: int) -> None:
        """Counts what was dropped up to this number, but for what was acknowledged."""
        with self._mutex:
            if number > self._acked:
                self.dropped += number - self._acked
                self._advance(number)
            self._reader = None


class _Marks:
    """How far an outbox was acknowledged: two places, so that one is whole at any moment."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.trouble = ""
        self.highest, self._place = 0, 0
        self._path, self._disk = path, disk
        self._descriptor: int | None = None
        with suppress(OSError):
            descriptor = disk.open_read(path)
            try:
                content = disk.read(descriptor, 2 * _MARK.size, 0)
            finally:
                disk.close(descriptor)
            for place in range(len(content) // _MARK.size):
                number, checksum = _MARK.unpack_from(content, place * _MARK.size)
                if checksum == _summed(number) and number > self.highest:
                    self.highest, self._place = number, 1 - place

    def write(self, number: int) -> None:
        try:
            if self._descriptor is None:
                self._descriptor = self._disk.open_update(self._path)
            mark = _MARK.pack(number, _summed(number))
            self._disk.write_at(self._descriptor, mark, self._place * _MARK.size)
            self._place, self.trouble = 1 - self._place, ""
        except OSError as error:
            self.close()
            self.trouble = (
                f"How far an outbox is acknowledged must be written to {self._path}. "
                f"Received: {refused(error)}. Free space, or check the rights and the disk."
            )

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                self._disk.close(descriptor)


def _summed(number: int) -> int:
    return zlib.crc32(b"outbox%d" % number)
