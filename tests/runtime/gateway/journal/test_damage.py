"""A journal whose files were damaged in any way: what is left is read, what is lost is counted."""

import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.segments import HEADER_BYTES, encode_record
from toys.disks import FaultyDisk

KINDS = ["cut", "flip", "zero", "remove", "copy", "insert", "append", "forge"]
DAMAGE = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.floats(0, 1), st.integers(0, 60)),
    min_size=1,
    max_size=4,
)


def opened(folder):
    """A journal of small segments on a fast disk."""
    return Journal.open(folder, segment_bytes=250, max_bytes=10**6, disk=FaultyDisk())


def payload(number):
    """Of any length, and like none of another number."""
    return b"<%d>" % number * (1 + number % 5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A journal of 40 records in several segments."""
    folder = tmp_path_factory.mktemp("whole")
    journal = opened(folder)
    for first in range(1, 41, 2):
        journal.append_many([payload(first), payload(first + 1)], [2, 2])
    journal.close()
    return folder


def harm(folder, kind, which, where, length):
    """Damages one file; returns its name."""
    paths = sorted(folder.glob("*.segment"))
    if not paths:
        return None
    path = paths[which % len(paths)]
    content = path.read_bytes()
    at = round(where * len(content))
    if kind == "cut":
        path.write_bytes(content[:at])
    elif kind == "flip" and content:
        at = min(at, len(content) - 1)
        flipped = bytes([content[at] ^ 1 << length % 8])
        path.write_bytes(content[:at] + flipped + content[at + 1 :])
    elif kind == "zero":
        path.write_bytes(content[:at] + bytes(min(length, len(content) - at)) + content[at + 60 :])
    elif kind == "remove":
        path.unlink()
    elif kind == "copy":
        number = max(int(one.name[21:31]) for one in paths) + 1
        (folder / f"{path.name[:20]}-{number:010d}.segment").write_bytes(content)
    elif kind == "insert":
        path.write_bytes(content[:at] + content[max(at - length, 0) : at] + content[at:])
    elif kind == "append":
        path.write_bytes(content + bytes(range(length)))
    elif kind == "forge":  # a payload that looks like a record, behind damage
        path.write_bytes(content[:at] + b"?" + encode_record(length, b"forged") + content[at:])
    return path.name


def read(folder, written):
    """Reads all, checks what must hold whatever the damage, and returns the sequences."""
    journal = opened(folder)
    found = list(journal.read(0))
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert all(written.get(number) == each for number, each in found)
    assert len(numbers) + journal.lost == journal.last - journal.first + 1
    assert list(journal.read(0)) == found
    assert len(numbers) + journal.lost == journal.last - journal.first + 1
    journal.close()
    return numbers


@settings(max_examples=80, deadline=None)
@given(damage=DAMAGE)
def test_any_damage(whole, damage):
    """Reading never raises, gives what was written, in order, each once, and counts the rest.

    Then it goes on: what is appended gets sequences that were not used, and is read back.
    """
    written = {number: payload(number) for number in range(1, 41)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "journal"
        shutil.copytree(whole, folder)
        for each in damage:
            harm(folder, *each)
        before = read(folder, written)
        journal = opened(folder)
        last = journal.append_many([b"new", b"newer"], [1, 1])
        assert last - 1 > max(before, default=0)
        written = {**written, last - 1: b"new", last: b"newer"}
        journal.close()
        assert read(folder, written) == [*before, last - 1, last]


@pytest.mark.parametrize("at", range(9))
def test_a_damaged_record_costs_the_rest_of_its_segment_alone(tmp_path, whole, at):
    """In any segment but the last: the other segments are read, and the lost are counted."""
    shutil.copytree(whole, tmp_path / "journal")
    paths = sorted((tmp_path / "journal").glob("*.segment"))
    content = bytearray(paths[at].read_bytes())
    content[-1] ^= 1
    paths[at].write_bytes(content)
    journal = opened(tmp_path / "journal")
    numbers = [number for number, _ in journal.read(0)]
    following = int(paths[at + 1].name[:20])
    assert set(range(1, 41)) - set(numbers) == {following - 1}
    assert (journal.lost, journal.lost_samples) == (1, 2)
    journal.close()


def test_a_torn_record_at_the_end_is_cut_off(tmp_path, whole):
    """At every byte: it was not acknowledged, so nothing is lost, and the journal goes on."""
    last = max(whole.glob("*.segment"))
    content = last.read_bytes()
    ends = [HEADER_BYTES]
    while ends[-1] < len(content):
        ends.append(ends[-1] + 16 + int.from_bytes(content[ends[-1] : ends[-1] + 4], "little"))
    first = int(last.name[:20])
    for size in range(ends[2], len(content)):
        folder = tmp_path / f"{size}"
        shutil.copytree(whole, folder)
        (folder / last.name).write_bytes(content[:size])
        kept = sum(end <= size for end in ends) - 1
        journal = opened(folder)
        assert journal.last == first + kept - 1
        assert journal.torn_bytes == size - ends[kept]
        assert journal.append_many([b"again"], [1]) == first + kept
        assert [number for number, _ in journal.read(0)] == list(range(1, first + kept + 1))
        assert journal.lost == 0
        journal.close()


def test_damage_in_the_middle_of_the_newest_segment_is_no_torn_write(tmp_path, whole):
    """It is not cut off, no sequence behind it is used again, and what is lost is counted."""
    folder = tmp_path / "journal"
    shutil.copytree(whole, folder)
    last = max(folder.glob("*.segment"))
    content = bytearray(last.read_bytes())
    content[HEADER_BYTES + 20] ^= 4
    last.write_bytes(content)
    journal = opened(folder)
    first = int(last.name[:20])
    assert journal.notes == [f"{last.name}: a record is damaged"]
    assert (journal.last, journal.torn_bytes) == (40, 0)
    assert last.read_bytes() == content
    assert journal.append_many([b"x"], [1]) == 41
    assert [number for number, _ in journal.read(0)] == [*range(1, first), 41]
    assert journal.lost == 41 - first
    journal.close()


def test_a_missing_segment_is_a_counter_and_no_end(tmp_path, whole):
    """What lies behind it is read."""
    folder = tmp_path / "journal"
    shutil.copytree(whole, folder)
    paths = sorted(folder.glob("*.segment"))
    paths[2].unlink()
    first, after = (int(paths[at].name[:20]) for at in (2, 3))
    journal = opened(folder)
    assert [number for number, _ in journal.read(0)] == [*range(1, first), *range(after, 41)]
    assert (journal.lost, journal.lost_samples) == (after - first, 2 * (after - first))
    journal.close()


def test_a_segment_of_another_version_is_left_alone(tmp_path, whole):
    """It is said, its records are lost to this version, and the file stays."""
    folder = tmp_path / "journal"
    shutil.copytree(whole, folder)
    path = max(folder.glob("*.segment"))
    first = int(path.name[:20])
    head = struct.pack("<8sIQ", b"kadlog\r\n", 2, first)
    content = struct.pack("<8sIIQ", b"kadlog\r\n", 2, zlib.crc32(head), first) + bytes(200)
    path.write_bytes(content)
    journal = opened(folder)
    assert journal.notes == [f"{path.name}: it is of version 2, not 1"]
    last = journal.append_many([b"x"], [1])
    assert last > first
    assert [number for number, _ in journal.read(0)] == [*range(1, first), last]
    assert path.read_bytes() == content
    journal.close()
