"""The journal: every tick's record, on the disk before its samples are acknowledged.

A record of the log is `u64 samples before it, u32 samples of it`, then what the caller gave: so a
hole is known in samples too.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from runtime.gateway.journal.bounds import Bounds, Full
from runtime.gateway.journal.disk import Disk
from runtime.gateway.journal.log import Log

__all__ = ["SEGMENT_BYTES", "Journal"]

SEGMENT_BYTES = 16 * 2**20
_COUNTS = struct.Struct("<QI")


class Journal:
    """An append-only journal in a folder of its own; open it with `Journal.open`.

    One thread appends; any thread may read, release and ask for the figures.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        newest, oldest = log.newest(), log.oldest()
        self._total = sum(_counts(newest[1])) if newest else 0
        self._kept = _counts(oldest[1])[0] if oldest else self._total
        self._counted = 0
        self.lost_samples = 0
        """Samples of the lost records, as far as records around them say."""
        self.dropped_samples = 0
        """Samples of the dropped records."""

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        segment_bytes: int = SEGMENT_BYTES,
        max_bytes: int,
        full: Full = "block",
        start: int = 1,
        disk: Disk | None = None,
    ) -> "Journal":
        """Opens a journal, and repairs its end.

        On a disk that can only be read it opens too, and `trouble` says so: what is there can be
        replayed, and appending begins when the disk lets it.

        Args:
            folder: Where it lies; created where it is missing.
            segment_bytes: A file is closed at this size.
            max_bytes: All files together stay within it.
            full: What happens at `max_bytes`: `block` refuses appends until something is released,
                `drop-oldest` deletes whole old segments, and counts.
            start: The next sequence is at least this: give one more than the newest snapshot has
                seen, so that no sequence is used twice where the journal's end was lost.
            disk: The file system.

        Raises:
            InputError: Another process uses the folder, or a bound cannot be one.
            JournalError: The folder cannot be listed.
        """
        bounds = Bounds(segment_bytes=segment_bytes, max_bytes=max_bytes, full=full)
        return cls(
            Log(Path(folder), bounds=bounds, start=start, disk=disk or Disk(), what="journal")
        )

    def append_many(self, payloads: Sequence[bytes], samples: Sequence[int]) -> int:
        """Appends records with one write and one fdatasync; they are durable when it returns.

        After an error the same call may be made again, with these payloads or with more.

        Args:
            payloads: Of each record.
            samples: How many samples each of them has.

        Returns:
            The sequence of the last record; they have consecutive ones.

        Raises:
            JournalError: The disk refuses, or the bound is reached (`full` is True then). Nothing
                counts as appended.
        """
        total, records = self._total, []
        for payload, count in zip(payloads, samples, strict=True):
            records.append(_COUNTS.pack(total, count) + payload)
            total += count
        dropped = self._log.dropped
        try:
            last = self._log.append(records)
        finally:
            if self._log.dropped != dropped:
                self._count_dropped()
        self._total = total
        return last

    def read(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yields sequence and payload of each record behind `after`, in order, each once.

        It ends at what was the newest when it began. What is damaged or missing is passed over,
        and counted in `lost` and `lost_samples`; it never raises for the disk.

        Args:
            after: A sequence; 0: from the oldest that is kept.
        """
        expected: int | None = None
        for sequence, payload in self._log.read(after):
            before, count = _counts(payload)
            if expected is not None and before > max(expected, self._counted):
                self.lost_samples += before - max(expected, self._counted)
            expected = before + count
            self._counted = max(self._counted, expected)
            yield sequence, payload[_COUNTS.size :]

    def release(self, before: int) -> None:
        """Deletes whole segments that have only records before this sequence.

        Give it `Snapshots.needed_from`. A disk that refuses is said in `trouble`.
        """
        self._log.release(before)
        self._kept = self._oldest_total()

    @property
    def first(self) -> int:
        """Sequence of the oldest record that is kept; one more than `last` where none is."""
        return self._log.first

    @property
    def last(self) -> int:
        """Sequence of the newest record; what was lost at the end counts where it is known."""
        return self._log.last

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return self._log.size

    @property
    def lost(self) -> int:
        """Records that reading passed over and could not give, each counted once."""
        return self._log.lost

    @property
    def dropped(self) -> int:
        """Records that were deleted for `max_bytes`, since it was opened."""
        return self._log.dropped

    @property
    def torn_bytes(self) -> int:
        """What was cut off at the end on opening: a write that had not been acknowledged."""
        return self._log.torn_bytes

    @property
    def notes(self) -> Sequence[str]:
        """What was wrong on opening, in words."""
        return self._log.notes

    @property
    def trouble(self) -> str:
        """Why the disk refuses now, one line; empty: all is well."""
        return self._log.trouble

    def close(self) -> None:
        """Ends it, and unlocks the folder."""
        self._log.close()

    def _count_dropped(self) -> None:
        kept = self._oldest_total()
        self.dropped_samples += max(kept - self._kept, 0)
        self._kept = kept

    def _oldest_total(self) -> int:
        """Returns the samples before the oldest record that is kept."""
        oldest = self._log.oldest()
        return _counts(oldest[1])[0] if oldest else self._total


def _counts(record: bytes) -> tuple[int, int]:
    """Returns the samples before a record and of it; 0 where it is too short to be ours."""
    before, count = _COUNTS.unpack_from(record.ljust(_COUNTS.size, b"\0"))
    return before, count
