"""The keeper: snapshots beside the scoring."""

import errno

import pytest

from runtime.gateway.engine.aside import Aside
from runtime.gateway.journal.journal import Journal
from runtime.gateway.journal.snapshots import Snapshots
from runtime.gateway.pipeline import keeper as subject
from runtime.gateway.pipeline.keeper import Keeper
from toys.disks import FaultyDisk
from toys.pipelines import Said, families


@pytest.fixture
def rig(tmp_path):
    disk = FaultyDisk()
    journal = Journal.open(tmp_path / "journal", max_bytes=2**22, segment_bytes=4096)
    for number in range(40):
        journal.append_many([bytes([number]) * 1000], [1])
    said = Said()
    aside = Aside(tmp_path / "aside")
    keeper = Keeper(
        Snapshots(tmp_path / "snapshots", disk=disk),
        journal=journal,
        aside=aside,
        families=families(),
        say=said,
    )
    return keeper, journal, aside, disk, said


def keep(keeper, sequence, put_aside=()):
    keeper.begin(sequence)
    keeper.add([("engine", sequence, b"x")])
    keeper.commit({"version": "0"}, dict(put_aside))
    keeper.finish(10)
    assert not keeper.busy


def test_the_journal_forgets_what_two_snapshots_have_seen(rig):
    """And no sooner: the newer one may be damaged."""
    keeper, journal, _, _, said = rig
    keep(keeper, 20)
    assert journal.first == 1
    keep(keeper, 40)
    assert 1 < journal.first <= 21
    assert keeper.written == 2
    assert said.lines == []


def test_streams_put_aside_are_kept_as_long_as_a_replay_may_ask_for_them(rig):
    """Files of evictions that no journal has any more go."""
    keeper, _, aside, _, _ = rig
    for sequence, name in [(3, "old"), (4, "here"), (35, "new")]:
        aside.put(name, sequence, b"state")
    keep(keeper, 30)
    keep(keeper, 40, {"here": 4})
    assert aside.get("old", 3) is None
    assert aside.get("here", 4) == b"state"
    assert aside.get("new", 35) == b"state"


def test_a_disk_that_refuses_is_said_and_the_next_one_is_written(rig):
    """Nothing is released meanwhile."""
    keeper, journal, _, disk, said = rig
    keep(keeper, 10)
    disk.fails = lambda _, name: errno.ENOSPC if name == "write" else None
    keep(keeper, 20)
    assert "No snapshot" in keeper.trouble
    assert journal.first == 1
    disk.heal()
    keep(keeper, 30)
    assert keeper.trouble == ""
    assert keeper.written == 2
    assert said.kinds() == ["snapshot"]


def test_one_that_is_given_up_is_nowhere(rig, tmp_path):
    """The one before it stays, and another can begin."""
    keeper, journal, _, _, said = rig
    keep(keeper, 10)
    keeper.begin(20)
    keeper.add([("streams/0@20/m", 20, b"half")])
    keeper.abandon()
    keeper.finish(10)
    assert not keeper.busy
    assert keeper.written == 1
    assert len(list((tmp_path / "snapshots").glob("*.snapshot*"))) == 1
    assert journal.first == 1
    keep(keeper, 30)
    assert keeper.written == 2
    assert said.lines == []


def test_parts_that_the_disk_does_not_take_are_bounded(rig, monkeypatch):
    """Who cuts them is told to wait, and goes on when they are written."""
    keeper, *_ = rig
    monkeypatch.setattr(subject, "_MOST_BYTES", 1000)
    keeper.add([("a", 1, bytes(600))])
    assert not keeper.is_full
    keeper.add([("b", 1, bytes(600))])
    assert keeper.is_full
    keep(keeper, 10)
    assert not keeper.is_full
