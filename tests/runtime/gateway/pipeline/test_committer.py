"""The committer: durable before acknowledged; scoring goes on where the disk refuses."""

import errno
import threading

import pytest

from runtime.errors import JournalError
from runtime.gateway.journal.journal import Journal
from runtime.gateway.pipeline import committer as subject
from runtime.gateway.pipeline.committer import Committer
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.pipeline.tick import Tick
from runtime.gateway.records import Record
from toys.disks import FaultyDisk
from toys.pipelines import Said, ToySource, families, new, record, worker


class Rig:
    """A committer between two queues, over a journal on a disk that can refuse."""

    def __init__(self, folder, *, drops=False, journal=True, start=0, max_bytes=2**26):
        self.disk, self.source, self.said = FaultyDisk(), ToySource(), Said()
        self.ticks, self.records = Batches(10**6), Batches(10**6)
        self.families = families()
        self.folder = folder
        self.journal = (
            Journal.open(folder, max_bytes=max_bytes, start=start + 1, disk=self.disk)
            if journal
            else None
        )
        self.committer = Committer(
            self.ticks,
            self.records,
            journal=self.journal,
            start=start,
            drops=drops,
            worker=worker(),
            families=self.families,
            say=self.said,
        )
        self.token = 0

    def put(self, one, *, messages=1):
        tokens = range(self.token + 1, self.token + messages + 1)
        self.token += messages
        self.source.put(*(b"" for _ in tokens))
        some = self.source.receive(messages, 0)
        read = [(self.source, some)] if messages else []
        self.ticks.put(Tick(record=one, payload=one.encode(), messages=read), 1, timeout_s=0)

    def run(self):
        """To the end."""
        self.ticks.close()
        self.committer.run()
        return self.taken()

    def taken(self):
        return self.records.take(10**9, timeout_s=0)

    def kept(self):
        """What the journal has: sequence and record."""
        return [(n, Record.decode(p)) for n, p in self.journal.read(0)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(subject, "_RETRY_S", 0.0)
    monkeypatch.setattr(subject, "_WAIT_S", 0.01)


def same(taken, kept):
    return [(n, r.encode()) for n, r in taken] == [(n, r.encode()) for n, r in kept]


def test_records_are_durable_acknowledged_and_handed_on(tmp_path):
    """In order, with the journal's own sequences."""
    rig = Rig(tmp_path)
    for step in range(5):
        rig.put(record(2, step=step))
    taken = rig.run()
    assert same(taken, rig.kept())
    assert [n for n, _ in taken] == [1, 2, 3, 4, 5]
    assert rig.source.acknowledged == [1, 2, 3, 4, 5]
    assert rig.records.ended


def test_sequences_begin_behind_a_snapshot_that_is_newer_than_the_journal(tmp_path):
    """The journal's end was lost: no sequence is used twice."""
    rig = Rig(tmp_path, start=41)
    rig.put(record(1))
    taken = rig.run()
    assert [n for n, _ in taken] == [42]
    assert same(taken, rig.kept())


def test_a_disk_that_refuses_stops_the_acknowledging_not_the_scoring(tmp_path):
    """When it is back, all is written with the sequences that were scored, then acknowledged."""
    rig = Rig(tmp_path)
    rig.disk.fails = lambda _, name: errno.ENOSPC if name == "write" else None
    thread = threading.Thread(target=rig.committer.run)
    thread.start()
    taken = []
    for step in range(4):
        rig.put(record(1, step=step))
        while len(taken) <= step:
            taken += rig.records.take(10, timeout_s=1)
    assert rig.committer.trouble
    assert rig.source.acknowledged == []
    rig.disk.heal()
    rig.put(record(1, step=9))
    rig.ticks.close()
    thread.join(10)
    taken += rig.taken()
    assert rig.committer.trouble == ""
    assert rig.source.acknowledged == [1, 2, 3, 4, 5]
    assert same(taken, rig.kept())
    assert [n for n, _ in taken] == [1, 2, 3, 4, 5]
    assert rig.said.kinds() == ["journal"] * (len(rig.said.lines))
    assert rig.said.lines[-1][0] == "info"


def test_what_a_failed_write_left_is_no_second_record(tmp_path):
    """Fails in the middle of each write by turns: the journal has each record once."""
    rig = Rig(tmp_path)
    calls = iter(range(10**6))

    def fails(_, name):
        return errno.EIO if name in ("write", "sync_data") and next(calls) % 3 != 2 else None

    rig.disk.fails = fails
    for step in range(6):
        rig.put(record(1, step=step))
    thread = threading.Thread(target=rig.committer.run)
    thread.start()
    taken = []
    for step in range(6, 12):
        rig.put(record(1, step=step))
        while len(taken) <= step:
            taken += rig.records.take(1, timeout_s=1)
    rig.disk.heal()
    rig.ticks.close()
    thread.join(10)
    assert same(taken, rig.kept())
    assert rig.source.acknowledged == list(range(1, 13))


def test_beyond_the_bound_the_oldest_rows_are_dropped_and_nothing_else(tmp_path, monkeypatch):
    """Counted, acknowledged in order; new streams, commands and settings stay in the journal."""
    monkeypatch.setattr(subject, "_MOST_UNWRITTEN", 10)
    rig = Rig(tmp_path, drops=True)
    rig.disk.fails = lambda _, name: errno.EROFS if name == "write" else None
    rig.put(Record(acknowledged={"x": 1}), messages=1)  # messages without rows
    rig.put(record(6, new=[new()], commands=[{"command": "list"}], acknowledged={"x": 2}))
    rig.put(record(6, step=10))
    thread = threading.Thread(target=rig.committer.run)
    thread.start()
    taken = []
    while len(taken) < 3:
        taken += rig.records.take(1, timeout_s=1)
    rig.put(record(0, settings={"models": {}}), messages=0)
    while len(taken) < 4:
        taken += rig.records.take(1, timeout_s=1)
    assert rig.source.acknowledged == [1, 2]
    rig.disk.heal()
    rig.ticks.close()
    thread.join(10)
    kept = rig.kept()
    assert [n for n, _ in kept] == [n for n, _ in taken]
    assert [r.samples for _, r in kept] == [0, 0, 6, 0]
    assert kept[1][1].new == [new()]
    assert kept[1][1].commands == [{"command": "list"}]
    assert kept[1][1].acknowledged == {"x": 2}
    assert rig.families.dropped.of("journal").value == 6
    assert rig.source.acknowledged == [1, 2, 3]


def test_a_long_time_without_rows_is_no_end(tmp_path, monkeypatch):
    """Nothing is left to drop: it goes on."""
    monkeypatch.setattr(subject, "_MOST_UNWRITTEN", 3)
    rig = Rig(tmp_path, drops=True)
    rig.disk.fails = lambda _, name: errno.EROFS if name == "write" else None
    for number in range(8):
        rig.put(Record(acknowledged={"x": number}))
    taken = rig.run()
    assert len(taken) == 8


def test_a_journal_that_counts_otherwise_ends_the_process(tmp_path):
    """Scores and journal must never speak of other records: a start from the journal mends it."""
    rig = Rig(tmp_path)
    rig.journal._log._last += 7
    rig.put(record(1))
    with pytest.raises(JournalError, match="sequence"):
        rig.run()


def test_without_a_journal_all_is_acknowledged_at_once(tmp_path):
    """Sequences go on behind the snapshot."""
    rig = Rig(tmp_path, journal=False, start=7)
    rig.put(record(1))
    rig.put(record(1))
    assert [n for n, _ in rig.run()] == [8, 9]
    assert rig.source.acknowledged == [1, 2]
