"""The newest segment when a log is opened: a torn record is cut off, damage is left and counted."""

from contextlib import suppress
from dataclasses import dataclass

from runtime.gateway.journal.disk import Disk
from runtime.gateway.journal.segments import (
    RECORD_BYTES,
    Segment,
    SegmentReader,
    highest_beyond,
)

__all__ = ["Repaired", "repair"]


@dataclass(slots=True)
class Repaired:
    """What is known of a segment after it was looked at."""

    last: int
    """Nothing in it is beyond this sequence."""
    writable: bool
    """Records may follow at its end."""
    sure: bool = False
    """What was read is on the disk, not only in the system's memory."""
    descriptor: int | None = None
    """Open for writing at its end, where it is writable and sure."""
    torn_bytes: int = 0
    """What was cut off."""
    problem: str = ""
    """What was wrong with it, in words."""
    error: OSError | None = None
    """What the disk refused."""


def repair(disk: Disk, segment: Segment, *, locked: bool, floor: int) -> Repaired:
    """Looks at the newest segment of a log, and opens it for writing where it is whole.

    Args:
        disk: Where it lies.
        segment: Which; its `size` becomes what counts.
        locked: Whether the folder is ours: otherwise nothing is changed.
        floor: Where its last sequence is below this one, it is not written any more.
    """
    reader, last = SegmentReader(disk, segment), segment.first
    for sequence, _ in reader:
        last = max(last, sequence)
    found = Repaired(last, locked and reader.writable, problem=reader.problem)
    if not reader.readable:
        found.last = segment.first + segment.size // RECORD_BYTES
    elif reader.end < segment.size:
        _cut(disk, segment, reader.end, found)
    if locked:
        _sync(disk, segment, found, keep=found.writable and found.last >= floor)
    return found


def _cut(disk: Disk, segment: Segment, end: int, found: Repaired) -> None:
    """Cuts a torn record off; where whole records are behind it, it is damage, and stays."""
    try:
        beyond = highest_beyond(disk, segment, end, found.last)
    except OSError as error:
        found.last, found.writable = segment.first + segment.size // RECORD_BYTES, False
        found.error = error
        return
    if beyond > found.last:
        found.last, found.writable = beyond, False
        return
    if not found.writable:
        return
    found.torn_bytes, segment.size = segment.size - end, end
    try:
        disk.truncate(segment.path, end)
    except OSError as error:
        found.writable, found.error = False, error


def _sync(disk: Disk, segment: Segment, found: Repaired, *, keep: bool) -> None:
    try:
        descriptor = disk.open_append(segment.path)
    except OSError as error:
        found.error = error
        return
    try:
        disk.sync_data(descriptor)
        disk.sync_folder(segment.path.parent)
        found.sure = True
    except OSError as error:
        found.error = error
    if found.sure and keep:
        found.descriptor = descriptor
        return
    with suppress(OSError):
        disk.close(descriptor)
