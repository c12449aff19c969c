"""What a start finds in the state folder: how far sinks were, and what they had not delivered."""

import pytest

from runtime.gateway.config.options import JournalOptions
from runtime.gateway.operate.logs import Log
from runtime.gateway.pipeline.kept import Kept, pending_parts
from runtime.gateway.records import Record
from toys.engines import engine


class Sink:
    """A sink with something that has not arrived."""

    name = "mqtt"

    def pending(self):
        return b"two scores"

    def resume(self, pending):
        self.resumed = pending


@pytest.fixture
def opened(tmp_path):
    """Opens a state folder, which is closed with the test or by hand."""
    kept = []

    def open_one():
        for one in kept:
            one.close()
        kept[:] = [Kept.open(tmp_path / "state", JournalOptions(), journal=True)]
        return kept[0]

    yield open_one
    for one in kept:
        one.close()


def test_how_far_sinks_were_is_known_before_the_replay(opened):
    """The newest word of each, which stands behind what it is about; damage is passed over."""
    records = [Record(acknowledged={"a": 1, "b": 1}), Record(), Record(acknowledged={"a": 2})]
    payloads = [record.encode() for record in records]
    opened().journal.append_many([*payloads, b"of another version"], [0, 0, 0, 0])
    kept = opened()
    assert kept.acknowledged(0) == {"a": 2, "b": 1}
    assert kept.acknowledged(1) == {"a": 2}
    assert kept.acknowledged(4) == {}


def test_what_was_not_delivered_comes_back_from_the_snapshot(opened, tmp_path):
    """Beside the engine's parts, which do not notice."""
    running = engine(tmp_path)
    kept = opened()
    writer = kept.snapshots.begin(1)
    for name, content in [*running.snapshot(), *pending_parts([Sink(), object()])]:
        writer.add(name, 1, content)
    writer.commit({})
    kept = opened()
    assert kept.pending() == {"mqtt": b"two scores"}
    said = []
    again = engine(tmp_path / "again", said=said)
    kept.restore(again, Log())
    assert again.sequence == running.sequence
    assert said == []
