"""The journal: what it acknowledged is there, in order, once."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from runtime.errors import InputError, JournalError
from runtime.gateway.journal.journal import Journal
from toys.disks import CODES, FaultyDisk, PlugDisk

CHILD = """
import os, random, sys
from runtime.gateway.journal.journal import Journal

def write(folder, seed):
    journal = Journal.open(folder, segment_bytes=3000, max_bytes=10**9)
    rng = random.Random(seed)
    print(os.getpid(), flush=True)
    while True:
        first = journal.last + 1
        numbers = range(first, first + rng.randint(1, 4))
        batch = [b"%d:" % number + bytes(number % 700) for number in numbers]
        os.write(1, b"%d\\n" % journal.append_many(batch, [1] * len(batch)))

while line := sys.stdin.readline():
    if (process := os.fork()) == 0:
        write(sys.argv[1], int(line))
    os.waitpid(process, 0)
    print("ended", flush=True)
"""
"""Forks a writer for each line of stdin, so that Python starts once."""


def payload(number):
    """Of any length, and the same for the same number."""
    return b"%d:" % number + bytes(number * 37 % 90)


def opened(folder, disk=None, **options):
    """A journal of small segments on a fast disk."""
    options = {"segment_bytes": 300, "max_bytes": 100_000, **options}
    return Journal.open(folder, disk=disk or FaultyDisk(), **options)


def appended(journal, count, *, batch=2):
    """Appends payloads of the next sequences, and returns what was acknowledged."""
    done = []
    for _ in range(count):
        numbers = range(journal.last + 1, journal.last + 1 + batch)
        assert journal.append_many([payload(n) for n in numbers], [3] * batch) == numbers[-1]
        done += numbers
    return done


def test_what_was_appended_is_read_back(tmp_path):
    """From any sequence on, over segments and a restart, to the newest."""
    journal = opened(tmp_path / "a" / "journal")
    assert (journal.first, journal.last, journal.bytes) == (1, 0, 0)
    assert list(journal.read(0)) == []
    done = appended(journal, 10)
    assert journal.append_many([], []) == 20
    journal.close()
    journal = opened(tmp_path / "a" / "journal")
    done += appended(journal, 1)
    for after in (0, 1, 7, 21, 22, 30):
        expected = [(number, payload(number)) for number in done if number > after]
        assert list(journal.read(after)) == expected
    assert (journal.first, journal.last, journal.lost, journal.dropped) == (1, 22, 0, 0)
    assert journal.bytes == sum(p.stat().st_size for p in tmp_path.rglob("*.segment"))
    assert (journal.trouble, journal.notes, journal.torn_bytes) == ("", [], 0)
    journal.close()


def test_release_deletes_whole_segments_before_a_sequence(tmp_path):
    """Records from that sequence on stay, and so does the newest segment."""
    journal = opened(tmp_path)
    appended(journal, 20)
    journal.release(25)
    assert 15 < journal.first <= 25
    kept = journal.first
    assert [number for number, _ in journal.read(0)] == list(range(kept, 41))
    assert [number for number, _ in journal.read(24)] == list(range(25, 41))
    journal.release(1000)
    assert journal.first <= journal.last == 40
    assert (journal.lost, journal.dropped, journal.dropped_samples) == (0, 0, 0)
    journal.close()


def test_a_hole_before_what_is_asked_for_is_lost(tmp_path):
    """A snapshot that needs more than the journal has is told how much is missing, once."""
    journal = opened(tmp_path)
    appended(journal, 20)
    journal.close()
    sorted(tmp_path.glob("*.segment"))[0].unlink()
    journal = opened(tmp_path)
    for _ in range(2):
        assert next(journal.read(2))[0] == journal.first
        assert journal.lost == journal.first - 3
    journal.close()


@pytest.mark.parametrize("full", ["block", "drop-oldest"])
def test_the_bound_holds(tmp_path, full):
    """It blocks until something is released, or drops the oldest and counts records and samples."""
    journal = opened(tmp_path, max_bytes=5000, full=full)
    if full == "block":
        with pytest.raises(JournalError, match="must stay within 5000 bytes") as caught:
            appended(journal, 100)
        assert caught.value.full
        assert journal.trouble == str(caught.value)
        last = journal.last
        journal.release(last)
        assert appended(journal, 1)[0] == last + 1
        assert (journal.trouble, journal.dropped) == ("", 0)
    else:
        appended(journal, 100)
        assert journal.bytes <= 5000
        assert journal.dropped == journal.first - 1 > 100
        assert journal.dropped_samples == 3 * journal.dropped
        assert [number for number, _ in journal.read(0)] == list(range(journal.first, 201))
        assert [number for number, _ in journal.read(1)][-1] == 200
        assert journal.lost == 0
    with pytest.raises(JournalError, match="must stay within"):
        journal.append_many([bytes(6000)], [1])
    assert appended(journal, 1)
    journal.close()


def test_a_batch_larger_than_a_segment_has_one_of_its_own(tmp_path):
    """Whatever its size, it is one write."""
    journal = opened(tmp_path)
    appended(journal, 1)
    journal.append_many([bytes(5000), b"x"], [1, 1])
    appended(journal, 1)
    journal.close()
    journal = opened(tmp_path)
    assert [len(each) for _, each in journal.read(2)][:2] == [5000, 1]
    journal.close()


def test_one_process_uses_a_folder(tmp_path):
    """The second is told in one line, and gets it when the first has ended."""
    journal = opened(tmp_path)
    with pytest.raises(InputError, match="one gateway at a time. Received: one that process"):
        opened(tmp_path)
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append_many([b"x"], [1])
    opened(tmp_path).close()


@pytest.mark.parametrize("options", [{"max_bytes": 10}, {"segment_bytes": 0}, {"full": "drop"}])
def test_bounds_that_cannot_be(tmp_path, options):
    """They are refused before anything is written."""
    with pytest.raises(InputError, match="Received"):
        opened(tmp_path / "journal", **options)
    assert not (tmp_path / "journal").exists()


def test_a_file_is_no_folder(tmp_path):
    """It is said, and not written over."""
    (tmp_path / "journal").write_text("mine")
    with pytest.raises(InputError, match="must lie in a folder"):
        opened(tmp_path / "journal")
    assert (tmp_path / "journal").read_text() == "mine"


def test_an_interrupt_in_the_middle_of_a_write(tmp_path):
    """Nothing follows half a record, and the batch was not appended."""
    disk = FaultyDisk()
    journal = opened(tmp_path, disk, segment_bytes=10_000)
    done = appended(journal, 2)
    disk.fails = lambda _, name: KeyboardInterrupt() if name == "write" else None
    with pytest.raises(KeyboardInterrupt):
        appended(journal, 1)
    disk.heal()
    done += appended(journal, 2)
    journal.close()
    journal = opened(tmp_path)
    assert list(journal.read(0)) == [(number, payload(number)) for number in done]
    journal.close()


def test_a_folder_that_somebody_deleted(tmp_path):
    """Nothing is acknowledged into a file that is nowhere; what was in it is lost and counted."""
    journal = opened(tmp_path / "journal", segment_bytes=10_000)
    appended(journal, 3)
    shutil.rmtree(tmp_path / "journal")
    appended(journal, 2)
    assert [number for number, _ in journal.read(0)] == [7, 8, 9, 10]
    assert journal.lost == 6
    journal.close()
    journal = opened(tmp_path / "journal")
    assert [number for number, _ in journal.read(0)] == [7, 8, 9, 10]
    journal.close()


def test_no_sequence_is_used_twice(tmp_path):
    """Where the end of the journal was lost, it goes on behind what a snapshot has seen."""
    journal = opened(tmp_path)
    appended(journal, 3)
    journal.close()
    journal = opened(tmp_path, start=51)
    assert journal.append_many([b"x"], [1]) == 51
    assert [number for number, _ in journal.read(0)] == [1, 2, 3, 4, 5, 6, 51]
    assert journal.lost == 44
    journal.close()
    journal = opened(tmp_path, start=51)
    assert journal.last == 51
    journal.close()


def test_a_read_only_disk_is_replayed_and_recovers(tmp_path):
    """It opens, says why it cannot append, and appends as soon as the disk lets it."""
    journal = opened(tmp_path)
    done = appended(journal, 5)
    journal.close()
    (tmp_path / "lock").unlink()
    disk = FaultyDisk(
        lambda _, name: None if name in {"names", "size", "open_read", "read"} else errno.EROFS
    )
    journal = opened(tmp_path, disk)
    assert "Read-only file system" in journal.trouble
    assert [number for number, _ in journal.read(0)] == done
    for _ in range(3):
        with pytest.raises(JournalError, match="Read-only") as caught:
            appended(journal, 1)
        assert not caught.value.full
    disk.heal()
    done += appended(journal, 2)
    assert journal.trouble == ""
    assert list(journal.read(0)) == [(number, payload(number)) for number in done]
    journal.close()


def test_nobody_else_may_have_begun_meanwhile(tmp_path):
    """A lock that could not be taken on opening is taken before the first append."""
    disk = FaultyDisk(lambda _, name: errno.EROFS if name == "open_update" else None)
    first = opened(tmp_path, disk)
    with pytest.raises(JournalError, match="Read-only"):
        appended(first, 1)
    second = opened(tmp_path)
    disk.heal()
    with pytest.raises(JournalError, match="one gateway at a time"):
        appended(first, 1)
    appended(second, 3)
    second.close()
    assert first.append_many([payload(7), payload(8)], [1, 1]) == 8
    assert list(first.read(0)) == [(number, payload(number)) for number in range(1, 9)]
    first.close()


def _scenario(folder, disk, attempts=3):
    """Appends, releases, restarts: what was acknowledged, what may be deleted, and notes."""
    done, released, notes, errors, journal = {}, 0, [], [], None
    for step in range(6):
        for _ in range(attempts):
            try:
                if journal is None:
                    journal = opened(folder, disk, start=max(done, default=0) + 1)
                    notes += journal.notes
                numbers = [journal.last + 1, journal.last + 2]
                batch = [payload(n) + b"%d" % disk.calls for n in numbers]
                last = journal.append_many(batch, [1, 1])
            except JournalError as error:
                errors.append(str(error))
                continue
            done.update(zip((last - 1, last), batch, strict=True))
            assert journal.trouble == ""
            break
        if journal is not None and step == 3:
            released = journal.last - 3
            journal.release(released)
        if journal is not None and step in {2, 4}:
            journal.close()
            journal = None
    if journal is not None:
        journal.close()
    assert all("Received: " in error and "\n" not in error for error in errors)
    return done, released, notes


def _check(folder, done, released, *, exact):
    journal = opened(folder)
    found = list(journal.read(0))
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert {number: each for number, each in found if number in done and number >= released} == {
        number: each for number, each in done.items() if number >= released
    }
    assert journal.lost == 0 or not exact
    journal.close()


@pytest.mark.parametrize("burst", [1, 2, 25])
@pytest.mark.parametrize("code", [*CODES, "short"])
def test_a_disk_that_refuses_at_any_call(tmp_path, code, burst):
    """One error type, the same sequences again, and nothing that was acknowledged is lost."""
    counter = FaultyDisk()
    done, *_ = _scenario(tmp_path / "none", counter)
    assert len(done) == 12
    every = burst == 1 and code in {errno.ENOSPC, errno.EIO}
    for at in range(1, counter.calls + 1, 1 if every else 5):
        disk = PlugDisk(lambda call, _, at=at: code if at <= call < at + burst else None)
        folder = tmp_path / f"{at}"
        done, released, notes = _scenario(folder, disk)
        assert done
        assert burst == 25 or not notes
        # A segment that could not be read leaves a gap of its utmost length, and what was not
        # acknowledged may count as lost where it could be read before the plug was pulled.
        _check(folder, done, released, exact=not notes)
        disk.pull(folder, random.Random(at))  # noqa: S311
        _check(folder, done, released, exact=burst < 25)


def test_syncs_that_fail_lose_nothing_when_the_plug_is_pulled(tmp_path):
    """Any number of failed calls, at random: what was acknowledged outlasts a loss of power."""
    rng = random.Random(5)  # noqa: S311
    for number in range(60):
        rate = rng.choice([0.02, 0.1, 0.3])
        disk = PlugDisk(lambda *_, rate=rate: rng.choice(CODES) if rng.random() < rate else None)
        folder = tmp_path / f"{number}"
        done, released, _ = _scenario(folder, disk)
        disk.pull(folder, rng)
        _check(folder, done, released, exact=False)


def test_a_failed_sync_is_never_tried_again_on_its_descriptor(tmp_path):
    """The batch is written again, with its sequences, into a new segment."""
    disk = FaultyDisk()
    journal = opened(tmp_path, disk, segment_bytes=10_000)
    appended(journal, 2)
    disk.fails = lambda _, name: errno.EIO if name == "sync_data" else None
    with pytest.raises(JournalError, match="Input/output error"):
        appended(journal, 1)
    disk.heal()
    assert journal.append_many([b"more", b"than", b"before"], [1, 1, 1]) == 7
    assert len(list(tmp_path.glob("*.segment"))) == 2
    journal.close()
    journal = opened(tmp_path)
    assert [each for _, each in journal.read(4)] == [b"more", b"than", b"before"]
    journal.close()


def test_killed_at_any_moment(tmp_path):
    """What a killed process had acknowledged is read back, in order, once; 20 times in a row."""
    rng, acknowledged = random.Random(3), 0  # noqa: S311
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], **pipes) as child:
        for number in range(20):
            print(number, file=child.stdin, flush=True)
            process = int(child.stdout.readline())
            for _ in range(rng.randint(1, 20)):
                acknowledged = int(child.stdout.readline())
            threading.Event().wait(rng.random() * 0.01)
            os.kill(process, signal.SIGKILL)
            while (line := child.stdout.readline()) != "ended\n":
                acknowledged = int(line)
            journal = opened(tmp_path)
            found = list(journal.read(0))
            assert found == [(n, b"%d:" % n + bytes(n % 700)) for n in range(1, journal.last + 1)]
            assert journal.last >= acknowledged
            assert journal.lost == 0
            journal.close()


def test_it_is_read_while_it_is_written(tmp_path):
    """A reader in another thread gets what there was when it began, while segments go."""
    journal = opened(tmp_path, max_bytes=8000, full="drop-oldest")
    appended(journal, 10)
    found = []

    def read():
        after = 0
        while after < 600:
            for after, each in journal.read(after):  # noqa: B020
                found.append((after, each))

    reader = threading.Thread(target=read)
    reader.start()
    appended(journal, 300)
    reader.join(30)
    assert not reader.is_alive()
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert all(each == payload(number) for number, each in found)
    assert numbers[-1] >= 600
    journal.close()
