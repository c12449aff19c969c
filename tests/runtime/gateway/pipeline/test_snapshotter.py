"""Snapshots while scoring goes on: some parts a turn, and whole in the end."""

import errno

import pytest

from runtime.gateway.engine import cut as cut_module
from runtime.gateway.engine.aside import Aside
from runtime.gateway.journal.snapshots import Snapshots
from runtime.gateway.pipeline import snapshotter as subject
from runtime.gateway.pipeline.keeper import Keeper
from runtime.gateway.pipeline.snapshotter import Snapshotter
from runtime.gateway.records import Record
from toys.disks import FaultyDisk
from toys.engines import engine, rows, streams
from toys.histories import values
from toys.pipelines import Said, ToySink, families

COUNT = 6


class Clock:
    """Stands where a test sets it; each look at the fine one takes a second: one part a turn."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def perf_counter(self):
        self.now += 1.0
        return self.now


class Resumed(ToySink):
    def pending(self):
        return b"not delivered"

    def resume(self, pending):
        """Has nothing to do."""


@pytest.fixture
def rig(tmp_path, monkeypatch):
    monkeypatch.setattr(cut_module, "_STREAMS", 1)
    clock = Clock()
    monkeypatch.setattr(subject, "time", clock)
    return Rig(tmp_path, clock)


class Rig:
    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.disk, self.said, self.families = FaultyDisk(), Said(), families()
        self.snapshots = Snapshots(folder / "snapshots", disk=self.disk)
        self.keeper = Keeper(
            self.snapshots,
            journal=None,
            aside=Aside(folder / "aside"),
            families=self.families,
            say=self.said,
        )
        self.snapshotter = Snapshotter(
            self.keeper, [Resumed()], every_s=900.0, header={}, families=self.families
        )
        self.engine = engine(folder)
        self.number = 0
        self.take(Record(new=streams("gaussian", COUNT)))

    def take(self, record):
        self.number += 1
        list(self.engine.apply([(self.number, record)]))

    def step(self):
        samples = [(s, self.number, values(self.number, s)) for s in range(COUNT)]
        self.take(Record(rows=[rows("gaussian", samples)]))

    def turns(self, most=50):
        """Rows and turns until there is a snapshot; returns how many."""
        before = self.snapshotter.sequence
        for turn in range(1, most + 1):
            self.step()
            self.snapshotter.turn(self.engine)
            if self.snapshotter.sequence != before:
                self.keeper.finish(10)
                return turn
        raise AssertionError("no snapshot")

    def newest(self):
        """The snapshot that a start would find."""
        self.snapshots.close()
        found = Snapshots(self.folder / "snapshots")
        found.close()
        return found.load()


def test_nothing_is_done_before_it_is_due(rig):
    rig.snapshotter.turn(rig.engine)
    assert not rig.keeper.busy
    rig.clock.now += 900
    rig.snapshotter.turn(rig.engine)
    assert rig.keeper.busy
    rig.snapshotter.end(10)
    assert not rig.keeper.busy


def test_parts_are_cut_in_turns_and_a_start_continues_from_them(rig):
    """Rows between them are in it; so is what sinks have not delivered."""
    rig.snapshotter.soon()
    assert rig.turns() == COUNT + 1
    snapshot = rig.newest()
    names = [part.name for part in snapshot.parts]
    assert sum(name.startswith("streams/") for name in names) == COUNT
    assert sum(name.startswith("rows/") for name in names) == COUNT
    assert names[-2:] == ["engine", "pending/out"]
    again = engine(rig.folder)
    again.restore((p.name, p.blob) for p in snapshot.parts if not p.name.startswith("pending"))
    assert again.sequence == rig.engine.sequence == snapshot.newest
    assert snapshot.begun == rig.engine.sequence - COUNT
    assert sum(rig.families.snapshot_part._counts) == COUNT + 1


def test_one_that_is_upset_begins_again_at_once_and_at_last_is_cut_whole(rig, monkeypatch):
    """However often people change something."""
    monkeypatch.setattr(subject, "_MOST_TRIES", 3)
    rig.snapshotter.soon()
    command = {
        "command": "threshold", "id": "1", "origin": "t", "time_ns": 0, "by": "",
        "streams": "*", "threshold": 1.0, "false_alarms": None,
    }  # fmt: skip
    for _ in range(4):
        assert rig.snapshotter.sequence == 0
        rig.snapshotter.turn(rig.engine)
        rig.take(Record(commands=[command]))
        rig.keeper.finish(0.0)
        while rig.keeper.busy and rig.snapshotter._cut is None:
            rig.keeper.finish(1.0)
        rig.snapshotter.turn(rig.engine)
        rig.keeper.finish(1.0)
    assert rig.snapshotter.sequence > 0
    assert rig.newest() is not None


def test_a_disk_that_refuses_is_tried_again_soon(rig):
    """Not at once, and not only after the whole interval."""
    rig.disk.fails = lambda _, name: errno.ENOSPC if name == "write" else None
    rig.snapshotter.soon()
    rig.snapshotter.turn(rig.engine)
    rig.keeper.finish(10)
    assert rig.keeper.trouble
    rig.disk.heal()
    rig.snapshotter.turn(rig.engine)
    assert not rig.keeper.busy
    rig.clock.now += 16
    rig.turns()
    assert rig.keeper.trouble == ""
    assert rig.newest() is not None


def test_at_the_end_one_is_taken_whole(rig):
    """In place of one that is being cut."""
    rig.snapshotter.soon()
    rig.snapshotter.turn(rig.engine)
    rig.step()
    rig.snapshotter.whole(rig.engine, 10)
    snapshot = rig.newest()
    assert snapshot.newest == rig.engine.sequence == rig.snapshotter.sequence
    assert not [part for part in snapshot.parts if part.name.startswith("rows/")]
