"""A log: numbered records in segments of one folder, durable when an append returns.

The order that matters: write, fdatasync, and only then is a record acknowledged. After a write or a
sync that failed the descriptor is never used again, for the system may have marked its pages as
clean: the batch is written again, with the same sequences, into a new segment. A segment appears
under its name when its first batch is on the disk, so that no name stands for nothing.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runtime.errors import InputError, JournalError
from runtime.gateway.journal.bounds import Bounds
from runtime.gateway.journal.disk import Disk, refused, write_all
from runtime.gateway.journal.lock import FolderLock
from runtime.gateway.journal.repair import repair
from runtime.gateway.journal.segments import (
    HEADER_BYTES,
    PART,
    Segment,
    SegmentReader,
    encode_header,
    encode_record,
    ends,
    listed,
    segment_name,
)

__all__ = ["Log"]

_MOST_PAYLOAD = 2**30


class Log:
    """Records of one folder. One thread appends; others may read, release and ask.

    Opening repairs: a torn record at the end is cut off, a segment with damage in its middle stays
    as it is and a new one follows. A disk that can only be read is no error until an append.

    Args:
        folder: Where the segments lie; created where it is missing.
        bounds: How large it may become.
        start: The next sequence is at least this: one more than a snapshot has seen.
        disk: Where the folder lies.
        what: What a user calls it, for messages.

    Raises:
        InputError: Another process uses the folder, or it is none.
        JournalError: The folder cannot be listed.
    """

    def __init__(
        self, folder: Path, *, bounds: Bounds, start: int = 1, disk: Disk, what: str
    ) -> None:
        self.folder = folder
        self.lost = 0
        """Records that a read passed over and could not give, each counted once."""
        self.dropped = 0
        """Records that were deleted for the bound."""
        self.torn_bytes = 0
        """What was cut off at the end on opening: a write that was not finished."""
        self.notes: list[str] = []
        """What was wrong on opening, in words."""
        self.trouble = ""
        """Why the disk refuses now, in words; empty: all is well."""
        self._bounds, self._disk, self._what = bounds, disk, what
        self._mutex, self._writing = threading.RLock(), threading.Lock()
        self._descriptor: int | None = None
        self._unsure: Segment | None = None
        self._created: Segment | None = None
        self._litter: list[Path] = []
        self._closed = False
        self._counted = self._gone = self._number = 0
        self._lock = FolderLock(folder, disk)
        self._prepare()
        try:
            self._segments = listed(disk, folder)
        except OSError as error:
            self._lock.release()
            raise self._error(error, "be listed") from error
        self._last = self._settled(start)

    @property
    def first(self) -> int:
        """Sequence of the oldest record that is kept; one more than `last` where none is."""
        with self._mutex:
            return min([self.next, *(segment.first for segment in self._segments)])

    @property
    def last(self) -> int:
        """Sequence of the newest record."""
        return self._last

    @property
    def next(self) -> int:
        """Sequence of the record that comes next."""
        return self._last + 1

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        with self._mutex:
            return sum(segment.size for segment in self._segments)

    def append(self, payloads: Sequence[bytes]) -> int:
        """Appends records: one write, one fdatasync. They are durable when it returns.

        Args:
            payloads: Of each record.

        Returns:
            The sequence of the last of them.

        Raises:
            JournalError: The disk refuses, or the bound is reached (`full`); nothing was appended,
                and the next append takes the same sequences.
        """
        with self._writing:
            if self._closed:
                raise JournalError(
                    f"The {self._what} must be open. Received: a closed one. Open it again."
                )
            if not payloads:
                return self._last
            if (longest := max(map(len, payloads))) > _MOST_PAYLOAD:
                raise JournalError(
                    f"A record of the {self._what} must have at most {_MOST_PAYLOAD} bytes. "
                    f"Received: {longest}. Append in smaller batches."
                )
            self._secure()
            records = [encode_record(self.next + i, each) for i, each in enumerate(payloads)]
            batch = b"".join(records)
            self._make_room(len(batch) + HEADER_BYTES)
            try:
                self._write(batch)
            except OSError as error:
                self._abandon()
                raise self._error(error, "be written") from error
            except BaseException:  # half of a record may be there: nothing may follow it
                self._abandon()
                raise
            self._last += len(payloads)
            self._recovered()
            return self._last

    def read(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yields the sequence and payload of each record behind `after`, up to the newest now.

        It never raises for what the disk does: what is damaged or missing is passed over and
        counted in `lost`.

        Args:
            after: A sequence; 0: from the oldest that is kept, which may have any sequence.
        """
        with self._mutex:
            segments = [replace(segment) for segment in self._segments]
            at, target = (after if after > 0 else self.first - 1), self._last
        for segment, end in zip(segments, ends(segments, target + 1), strict=True):
            if end <= at + 1:
                continue
            for sequence, payload in SegmentReader(self._disk, segment):
                if sequence >= end:
                    break
                if sequence <= at or sequence < segment.first:
                    continue
                self._pass(at, sequence - 1)
                at = sequence
                yield sequence, payload
        self._pass(at, target)

    def newest(self) -> tuple[int, bytes] | None:
        """Returns the newest record that can be read; None where none can."""
        with self._mutex:
            segments = list(self._segments)
        for segment in reversed(segments):
            found = None
            for found in SegmentReader(self._disk, segment):  # noqa: B007 - the last one is meant
                pass
            if found is not None:
                return found
        return None

    def oldest(self) -> tuple[int, bytes] | None:
        """Returns the oldest record that can be read, counting nothing; None where none can."""
        with self._mutex:
            segments = list(self._segments)
        for segment, end in zip(segments, ends(segments, self.next), strict=True):
            for found in SegmentReader(self._disk, segment) if end > segment.first else ():
                return found
        return None

    def release(self, before: int) -> None:
        """Deletes the segments that have only records before this sequence, but for the newest.

        A disk that refuses is said in `trouble`; the next call tries again.
        """
        try:
            with self._mutex:
                while len(self._segments) > 1 and self._end_of_oldest() <= before:
                    self._remove_oldest()
        except OSError as error:
            self._error(error, "be released")

    def close(self) -> None:
        """Ends it; all that was appended is on the disk already."""
        with self._writing:
            self._closed = True
            self._seal()
            self._lock.release()

    def _prepare(self) -> None:
        """Creates, locks and cleans the folder, as far as the disk lets it."""
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise InputError(
                    f"The {self._what} must lie in a folder. Received: {self.folder}, which is "
                    "none. Name a folder."
                )
            self._disk.make_folder(self.folder)
            self._lock.take()
            for name in self._disk.names(self.folder):
                if name.endswith(PART):
                    self._discard(self.folder / name)
        except OSError as error:
            self._error(error, "be opened for writing")

    def _secure(self) -> None:
        """Takes the lock where it could not be taken on opening, and looks again at what is there.

        Raises:
            JournalError: The disk refuses, or another process has it.
        """
        if self._lock.held:
            return
        try:
            self._disk.make_folder(self.folder)
            self._lock.take()
            segments = listed(self._disk, self.folder)
        except InputError as error:
            self.trouble = str(error)
            raise JournalError(self.trouble) from error
        except OSError as error:
            self._lock.release()
            raise self._error(error, "be written") from error
        with self._mutex:
            self._segments = segments
            self._last = self._settled(self.next)

    def _settled(self, start: int) -> int:
        """Repairs the end, opens the newest segment for writing, and returns the last sequence."""
        floor = max(start - 1, 0)
        if not self._segments:
            return floor
        segment = self._segments[-1]
        self._number = max(self._number, segment.number)
        found = repair(self._disk, segment, locked=self._lock.held, floor=floor)
        self._descriptor, self.torn_bytes = found.descriptor, found.torn_bytes
        self._unsure = None if found.sure else segment
        if found.problem:
            self.notes.append(f"{segment.path.name}: {found.problem}")
            for other in self._segments[:-1]:  # those that it had taken over from
                if other.first >= segment.first:
                    numbers = (number for number, _ in SegmentReader(self._disk, other))
                    floor = max([floor, *numbers])
        if found.error is not None:
            self._error(found.error, "be repaired")
        return max(floor, found.last)

    def _write(self, batch: bytes) -> None:
        if self._descriptor is not None:
            segment = self._segments[-1]
            fits = segment.size + len(batch) <= self._bounds.segment
            if fits and not self._disk.gone(self._descriptor):
                write_all(self._disk, self._descriptor, batch)
                self._disk.sync_data(self._descriptor)
                segment.size += len(batch)
                return
            self._seal()
        self._begin(batch)

    def _begin(self, batch: bytes) -> None:
        """Begins a new segment with a batch, and with what may not be on the disk of the last."""
        self._disk.make_folder(self.folder)
        first, carried = self.next, b""
        if self._unsure is not None:
            reader = SegmentReader(self._disk, self._unsure)
            records = [encode_record(*record) for record in reader]
            if reader.readable:
                first, carried = self._unsure.first, b"".join(records)
        content = b"".join((encode_header(first), carried, batch))
        self._number += 1
        path = self.folder / segment_name(first, self._number)
        created = self._created = Segment(path, first, self._number, len(content))
        part = created.path.with_name(created.path.name + PART)
        self._descriptor = self._disk.create(part)
        write_all(self._disk, self._descriptor, content)
        self._disk.sync_data(self._descriptor)
        self._seal()
        self._disk.rename(part, created.path)
        self._disk.sync_folder(self.folder)
        with self._mutex:
            self._segments.append(created)
        self._created = self._unsure = None
        with suppress(OSError):  # it is on the disk: the next batch begins another segment
            self._descriptor = self._disk.open_append(created.path)

    def _abandon(self) -> None:
        """Gives up a descriptor that failed, and takes back what it may have written."""
        self._seal()
        created, self._created = self._created, None
        if created is not None:
            self._discard(created.path.with_name(created.path.name + PART))
            self._discard(created.path)
        elif self._segments:
            with suppress(OSError):
                self._disk.truncate(self._segments[-1].path, self._segments[-1].size)

    def _seal(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                self._disk.close(descriptor)

    def _make_room(self, needed: int) -> None:
        most = self._bounds.max_bytes
        while (held := self.size) + needed > most:
            if needed > most or self._bounds.full == "block" or not self._segments:
                error = JournalError(
                    f"The {self._what} at {self.folder} must stay within {most} bytes. "
                    f"Received: {held} and {needed} more. Wait until it is released, or allow more."
                )
                error.full = True
                self.trouble = str(error)
                raise error
            try:
                with self._mutex:
                    if len(self._segments) == 1:
                        self._seal()
                    count = self._end_of_oldest() - self._segments[0].first
                    self._remove_oldest()
                    self.dropped += max(count, 0)
            except OSError as error:
                raise self._error(error, "be made smaller") from error

    def _end_of_oldest(self) -> int:
        """Returns the sequence from which on the oldest segment does not count."""
        return ends(self._segments, self.next)[0]

    def _remove_oldest(self) -> None:
        self._disk.remove(self._segments[0].path)
        del self._segments[0]
        self._gone = max(self._gone, self.first - 1)

    def _discard(self, path: Path) -> None:
        """Deletes a file that was not finished; where the disk refuses, later."""
        try:
            self._disk.remove(path)
        except OSError:
            self._litter.append(path)

    def _recovered(self) -> None:
        self.trouble = ""
        litter, self._litter = self._litter, []
        for path in litter:
            self._discard(path)

    def _pass(self, at: int, until: int) -> None:
        """Counts the records behind `at` up to `until` as lost, once."""
        with self._mutex:
            begin = max(at, self._counted, self._gone)
            self.lost += max(until - begin, 0)
            self._counted = max(self._counted, until)

    def _error(self, error: OSError, action: str) -> JournalError:
        """Returns the error for what the disk refused, and says it in `trouble`."""
        self.trouble = (
            f"The {self._what} at {self.folder} must {action}. Received: {refused(error)}. "
            "Free space, or check the rights and the disk."
        )
        return JournalError(self.trouble)
