"""The scorer: what goes to which sink, what is marked, what is acknowledged."""

import pytest

from runtime.gateway.outputs import Outputs, ScoredRows
from runtime.gateway.pipeline import scorer as subject
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.pipeline.scorer import Scorer
from runtime.gateway.records import Record
from toys.gateway_outputs import scored
from toys.pipelines import ToySink, families, record, worker


class ToyEngine:
    """Says which records were taken together; rows lead to a score."""

    def __init__(self):
        self.calls = []

    def apply(self, records):
        self.calls.append([sequence for sequence, _ in records])
        rows = [scored(["p1"])] if any(one.samples for _, one in records) else []
        yield Outputs(sequence=records[-1][0], scored=rows)

    def flush(self):
        return Outputs(sequence=self.calls[-1][-1] if self.calls else 0, scored=[scored(["p1"])])


class Rig:
    def __init__(self, *sinks, repeat_to=0, acknowledged=()):
        self.engine, self.controls, self.sinks = ToyEngine(), Controls(), sinks
        self.records, self.seen = Batches(10**6), []
        self.families = families()
        self.scorer = Scorer(
            self.records,
            self.engine,
            sinks,
            controls=self.controls,
            repeat_to=repeat_to,
            acknowledged=dict(acknowledged),
            watch=self.seen.append,
            look=lambda _: None,
            snapshot=lambda _: None,
            worker=worker(),
            families=self.families,
        )

    def take(self, *sequences):
        self.scorer.take([(sequence, record(1)) for sequence in sequences])


def test_records_are_taken_together_up_to_what_a_sink_has():
    """Each sink gets what it lacks, and no more; what may have gone out is marked."""
    ahead, behind = ToySink("ahead"), ToySink("behind")
    rig = Rig(ahead, behind, repeat_to=6, acknowledged={"ahead": 4, "behind": 2})
    rig.take(1, 2, 3, 4, 5, 6, 7, 8)
    assert rig.engine.calls == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert ahead.sequences == [6, 8]
    assert behind.sequences == [4, 6, 8]
    assert [outputs.repeat for outputs in behind.written] == [True, True, False]
    assert [outputs.sequence for outputs in rig.seen] == [2, 4, 6, 8]


def test_what_is_held_goes_out_at_the_end_also_where_all_was_acknowledged():
    """Rows that waited for late ones: new outputs under an old sequence."""
    sink = ToySink()
    rig = Rig(sink, repeat_to=2, acknowledged={"out": 2})
    rig.take(1, 2)
    assert sink.written == []
    rig.scorer.flush()
    assert [(o.sequence, o.repeat) for o in sink.written] == [(2, False)]
    assert isinstance(sink.written[0].scored[0], ScoredRows)


def test_what_may_have_gone_out_in_an_earlier_life_is_marked():
    """Record by record: the journal of that life did not have it."""
    sink = ToySink()
    rig = Rig(sink, repeat_to=1)
    rig.scorer.take([(n, record(1, repeat=n in (3, 4))) for n in range(1, 7)])
    assert rig.engine.calls == [[1], [2], [3, 4], [5, 6]]
    assert [outputs.repeat for outputs in sink.written] == [True, False, True, False]


@pytest.fixture
def every_time(monkeypatch):
    monkeypatch.setattr(subject, "_ACKNOWLEDGED_S", 0.0)


@pytest.mark.usefixtures("every_time")
def test_how_far_a_sink_is_becomes_an_entry_once():
    """An entry that leads to nothing leads to no other entry: no endless loop."""
    sink = ToySink()
    rig = Rig(sink)
    rig.records.put((1, record(1)), 1, timeout_s=0)
    rig.records.close()
    sink.write = lambda outputs: setattr(sink, "acknowledged", outputs.sequence)
    rig.scorer.run()
    assert rig.controls.take().acknowledged == {"out": 1}
    for sequence in (2, 3, 4):
        rig.scorer.take([(sequence, Record(acknowledged={"out": sequence - 1}))])
        rig.scorer._say_acknowledged()
        assert rig.controls.take().acknowledged == {}
    rig.take(5)
    rig.scorer._say_acknowledged()
    assert rig.controls.take().acknowledged == {"out": 5}


def test_a_full_sink_is_waited_for_and_one_that_is_away_is_not(monkeypatch):
    """Those before wait, up to the source; at the end nobody does."""
    monkeypatch.setattr(subject, "_FULL_S", 0.0)
    sink, ticks = ToySink(), []
    sink.fullness = 1.0

    def tick():
        ticks.append(1)
        sink.fullness = 0.0 if len(ticks) == 3 else 1.0

    sink.tick = tick
    rig = Rig(sink)
    rig.take(1)
    assert len(ticks) == 3
    sink.fullness, sink.trouble = 1.0, "away"
    rig.take(2)
    sink.fullness, sink.trouble = 1.0, ""
    rig.scorer.hurry()
    rig.take(3)
    assert sink.sequences == [1, 2, 3]
    assert len(ticks) == 3
