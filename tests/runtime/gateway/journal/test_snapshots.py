"""Snapshots: two generations, of which the newest whole one counts."""

import errno

import pytest

from runtime.errors import InputError, JournalError
from runtime.gateway.journal.snapshots import Snapshots
from toys.disks import CODES, FaultyDisk

STREAMS = {"a/p7": b"state of p7", "ä": b"", "": b"\0" * 40}


def opened(folder, disk=None):
    """Snapshots on a fast disk."""
    return Snapshots(folder, disk=disk or FaultyDisk())


def commit(snapshots, sequence, tag):
    """Writes a generation, whose parts have seen a record more, one by one."""
    writer = snapshots.begin(sequence)
    for number, (name, blob) in enumerate(STREAMS.items(), 1):
        writer.add(name, sequence + number, blob + tag.encode())
    writer.commit({"tag": tag, "sinks": {"mqtt": sequence}})


def loaded(folder):
    """The tag of what is loaded, its note, and how many were damaged."""
    snapshots = opened(folder)
    found = snapshots.load()
    tag = found.header["tag"] if found else None
    if found:
        blobs = [(part.name, part.blob) for part in found.parts]
        assert blobs == [(name, blob + tag.encode()) for name, blob in STREAMS.items()]
    snapshots.close()
    return tag, (found.note if found else ""), snapshots.damaged


def test_the_newest_is_loaded_and_two_are_kept(tmp_path):
    """The journal may release what both generations have seen; with one, or none, nothing."""
    snapshots = opened(tmp_path / "s")
    assert (snapshots.load(), snapshots.needed_from, snapshots.bytes) == (None, 0, 0)
    for number, needed in ((10, 0), (20, 10), (30, 20)):
        commit(snapshots, number, f"n{number}")
        assert snapshots.needed_from == needed
    assert len(list((tmp_path / "s").glob("*.snapshot"))) == 2
    assert snapshots.bytes == max((tmp_path / "s").glob("*.snapshot")).stat().st_size
    snapshots.close()
    snapshots = opened(tmp_path / "s")
    found = snapshots.load()
    assert found.header == {"tag": "n30", "sinks": {"mqtt": 30}}
    assert [part.sequence for part in found.parts] == [31, 32, 33]
    assert (found.after, found.newest, found.note) == (30, 33, "")
    assert (snapshots.needed_from, snapshots.load()) == (20, None)
    commit(snapshots, 40, "n40")
    assert snapshots.needed_from == 30
    snapshots.close()


def test_a_stream_that_began_meanwhile_keeps_its_records(tmp_path):
    """What is needed is counted from when the snapshot was begun, where it has no parts too."""
    snapshots = opened(tmp_path)
    for sequence in (7, 9):
        snapshots.begin(sequence).commit({})
    assert snapshots.needed_from == 7
    found = opened_again(snapshots).load()
    assert (found.after, found.newest, list(found.parts)) == (9, 9, [])


def opened_again(snapshots):
    """The same folder after a restart."""
    snapshots.close()
    return opened(snapshots.folder)


@pytest.mark.parametrize("harm", ["cut", "flip", "longer"])
def test_damaged_at_any_byte(tmp_path, harm):
    """The one before is loaded, it is said why, and the damaged file is set aside."""
    snapshots = opened(tmp_path)
    commit(snapshots, 10, "old")
    commit(snapshots, 20, "new")
    snapshots.close()
    newest = max(tmp_path.glob("*.snapshot"))
    content = newest.read_bytes()
    for at in range(len(content)):
        if harm == "cut":
            newest.write_bytes(content[:at])
        elif harm == "flip":
            newest.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
        else:
            newest.write_bytes(content + bytes(at + 1))
        tag, note, damaged = loaded(tmp_path)
        assert (tag, damaged) == ("old", 1)
        assert note.startswith(f"The snapshot {newest.name} must be whole. Received: ")
        aside = newest.with_name(newest.name + ".damaged")
        assert aside.exists()
        assert not newest.exists()
        aside.unlink()


def test_two_damaged_files_are_kept_aside(tmp_path):
    """Older ones are deleted, which is counted and said; with nothing whole there is none."""
    for number in (1, 2, 3):
        (tmp_path / f"{number:012d}.snapshot").write_bytes(b"no snapshot" * number)
    snapshots = opened(tmp_path)
    assert snapshots.load() is None
    assert (snapshots.damaged, snapshots.discarded, snapshots.needed_from) == (3, 1, 0)
    assert len(snapshots.notes) == 4
    names = sorted(path.name for path in tmp_path.glob("*.damaged"))
    assert names == ["000000000002.snapshot.damaged", "000000000003.snapshot.damaged"]
    commit(snapshots, 5, "next")
    snapshots.close()
    assert loaded(tmp_path) == ("next", "", 0)


def test_the_older_one_damaged_is_said_too(tmp_path):
    """The newest is loaded, and the journal releases nothing until there are two again."""
    snapshots = opened(tmp_path)
    commit(snapshots, 10, "old")
    commit(snapshots, 20, "new")
    min(tmp_path.glob("*.snapshot")).write_bytes(b"")
    snapshots = opened_again(snapshots)
    assert snapshots.load().header["tag"] == "new"
    assert (snapshots.damaged, snapshots.needed_from) == (1, 0)
    commit(snapshots, 30, "newer")
    assert snapshots.needed_from == 20
    snapshots.close()


def test_given_up_half_way(tmp_path):
    """Nothing is left of it, and the one before stays."""
    snapshots = opened(tmp_path)
    commit(snapshots, 10, "old")
    writer = snapshots.begin(20)
    writer.add("a/p7", 20, b"x")
    with pytest.raises(InputError, match="one gateway at a time"):
        opened(tmp_path)
    writer.close()
    with pytest.raises(JournalError, match="Begin another"):
        writer.add("a/p7", 21, b"x")
    snapshots.begin(30).add("killed", 30, b"x")
    snapshots.close()
    assert len(list(tmp_path.glob("*.part"))) == 1
    assert loaded(tmp_path) == ("old", "", 0)
    assert list(tmp_path.glob("*.part")) == []


def test_an_interrupt_in_the_middle_of_a_part(tmp_path):
    """That generation is given up: nothing follows half a part."""
    disk = FaultyDisk()
    snapshots = opened(tmp_path, disk)
    commit(snapshots, 10, "old")
    writer = snapshots.begin(20)
    disk.fails = lambda _, name: KeyboardInterrupt() if name == "write" else None
    with pytest.raises(KeyboardInterrupt):
        writer.add("a/p7", 20, b"x")
    disk.heal()
    with pytest.raises(JournalError, match="given up"):
        writer.commit({})
    snapshots.close()
    assert loaded(tmp_path) == ("old", "", 0)


@pytest.mark.parametrize("burst", [1, 3, 100])
@pytest.mark.parametrize("code", [*CODES, "short"])
def test_a_disk_that_refuses_at_any_call(tmp_path, code, burst):
    """A snapshot is there or it is not; those before it stay, and the next one succeeds."""

    def scenario(folder, disk):
        done = []
        snapshots = None
        for tag in ("n1", "n2", "n3", "n4"):
            try:
                snapshots = snapshots or opened(folder, disk)
                commit(snapshots, int(tag[1]) * 10, tag)
                done.append(tag)
            except JournalError:
                continue
        if snapshots:
            snapshots.close()
        return done

    counter = FaultyDisk()
    assert len(scenario(tmp_path / "none", counter)) == 4
    for at in range(1, counter.calls + 1):
        disk = FaultyDisk(lambda call, _, at=at: code if at <= call < at + burst else None)
        folder = tmp_path / f"{at}"
        done = scenario(folder, disk)
        assert burst == 100 or len(done) >= 4 - burst
        tag, note, damaged = loaded(folder)
        assert (tag or "n0") >= max(done, default="n0")
        assert (note, damaged) == ("", 0)


def test_a_read_only_disk_is_loaded_from(tmp_path):
    """It says that it cannot be written, sets nothing aside, and recovers."""
    snapshots = opened(tmp_path)
    commit(snapshots, 10, "old")
    commit(snapshots, 20, "new")
    snapshots.close()
    max(tmp_path.glob("*.snapshot")).write_bytes(b"torn")
    (tmp_path / "lock").unlink()
    reading = {"names", "size", "open_read", "read", "make_folder"}
    disk = FaultyDisk(lambda _, name: None if name in reading else errno.EROFS)
    snapshots = opened(tmp_path, disk)
    assert snapshots.load().header["tag"] == "old"
    assert "Read-only" in snapshots.trouble
    with pytest.raises(JournalError, match="Read-only"):
        snapshots.begin(30)
    disk.heal()
    commit(snapshots, 30, "next")
    assert snapshots.trouble == ""
    snapshots.close()
    assert loaded(tmp_path)[0] == "next"
