"""A real file system that is full, or can only be read; where this process may mount one."""

import os
import subprocess

import pytest

from runtime.errors import JournalError
from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.outbox import Outbox
from runtime.gateway.journal.snapshots import Snapshots


def mounted(*arguments):
    """Whether a call of `mount` or `umount` succeeded."""
    try:
        return subprocess.run(arguments, capture_output=True).returncode == 0
    except OSError:
        return False


def fill(append):
    """Appends until the disk is full."""
    for _ in range(1000):
        try:
            append()
        except JournalError as error:
            assert "No space left on device" in str(error)  # noqa: PT017
            return
    pytest.fail("the disk never was full")


@pytest.fixture
def small(tmp_path):
    """A file system of 256 kB."""
    place = tmp_path / "small"
    place.mkdir()
    if not mounted("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)):
        pytest.skip("mounting a tmpfs needs rights that this process does not have")
    yield place
    assert mounted("umount", "-l", str(place))


def test_a_full_disk(small):
    """Appends are refused, nothing is lost, and all goes on when there is space again."""
    journal = Journal.open(small / "journal", segment_bytes=20_000, max_bytes=10**9)
    snapshots = Snapshots(small / "snapshots")
    ballast, batch = small / "ballast", [bytes(3000)] * 3
    snapshots.begin(0).commit({"tag": "old"})
    ballast.write_bytes(bytes(150_000))
    fill(lambda: journal.append_many(batch, [1] * 3))
    last = journal.last
    assert last > 0
    assert "Free space" in journal.trouble
    for _ in range(50):
        with pytest.raises(JournalError, match="No space left"):
            journal.append_many(batch, [1] * 3)
    assert sorted(small.rglob("*.part")) == []
    with pytest.raises(JournalError, match="No space left"):
        snapshots.begin(last).add("a", last, bytes(100_000))
    ballast.unlink()
    assert journal.append_many(batch, [1] * 3) == last + 3
    snapshots.begin(last).commit({"tag": "new"})
    assert (journal.trouble, snapshots.trouble) == ("", "")
    for each in (journal, snapshots):
        each.close()
    journal = Journal.open(small / "journal", max_bytes=10**9)
    assert [number for number, _ in journal.read(0)] == list(range(1, last + 4))
    assert journal.lost == 0
    assert Snapshots(small / "snapshots").load().header == {"tag": "new"}
    journal.close()


def test_a_full_disk_and_an_outbox(small):
    """Items are refused, those that were taken go out, and then there is space."""
    outbox = Outbox.open(small / "outbox", segment_bytes=20_000, max_bytes=10**9)
    fill(lambda: outbox.put([bytes(3000)]))
    last = outbox.last
    assert [number for number, _ in outbox.peek(1000)] == list(range(1, last + 1))
    outbox.ack(last // 2)
    assert outbox.put([b"x"]) == last + 1
    assert outbox.trouble == ""
    outbox.close()


def test_a_disk_that_becomes_read_only(small):
    """It is replayed as it is, says why nothing can be appended, and recovers by itself."""
    journal = Journal.open(small / "journal", max_bytes=10**6)
    journal.append_many([b"one", b"two"], [1, 1])
    journal.close()
    with (small / "journal").joinpath("lock").open("rb"):
        assert mounted("mount", "-o", "remount,ro", str(small))
    journal = Journal.open(small / "journal", max_bytes=10**6)
    assert [each for _, each in journal.read(0)] == [b"one", b"two"]
    with pytest.raises(JournalError, match="Read-only file system"):
        journal.append_many([b"three"], [1])
    assert mounted("mount", "-o", "remount,rw", str(small))
    assert journal.append_many([b"three"], [1]) == 3
    assert [each for _, each in journal.read(0)] == [b"one", b"two", b"three"]
    journal.close()


def test_a_folder_without_rights(tmp_path):
    """The same, for a person who may not write there."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = tmp_path / "journal"
    journal = Journal.open(folder, max_bytes=10**6)
    journal.append_many([b"one"], [1])
    journal.close()
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
    journal = Journal.open(folder, max_bytes=10**6)
    assert [each for _, each in journal.read(0)] == [b"one"]
    with pytest.raises(JournalError, match="Permission denied"):
        journal.append_many([b"two"], [1])
    folder.chmod(0o700)
    for path in folder.iterdir():
        path.chmod(0o600)
    assert journal.append_many([b"two"], [1]) == 2
    journal.close()
