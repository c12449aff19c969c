"""The reader and its intakes: messages of sources to one record a tick."""

import time
from dataclasses import replace

import pytest

from runtime.gateway.config.options import GatewayOptions
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.intake import Intake
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.pipeline.reader import Input, Reader
from runtime.gateway.pipeline.silence import Speakers
from runtime.gateway.records import Record
from toys.pipelines import Said, ToySource, families, new, roster, worker

NOW = 1_709_287_200


def sample(stream, second, **channels):
    return {"ts": NOW + second, "device": stream, **channels}


class Rig:
    def __init__(self, *sources, known=(), most=100, parts=(), may_repeat=False, **options):
        self.families, self.said, self.controls = families(), Said(), Controls()
        self.roster = roster(known=known, most=most)
        self.ticks = Batches(10**6)
        payload = PayloadOptions(device="device", stream="{device}", **options)
        inputs = []
        for source in sources:
            intake = Intake(
                source.name, payload, self.roster, self.families, self.said,
                clock_is_set=lambda: True,
            )  # fmt: skip
            intake.restore(list(parts), 0.0)
            inputs.append(Input(source, intake))
        self.heard = []
        self.reader = Reader(
            inputs,
            self.ticks,
            roster=self.roster,
            controls=self.controls,
            tick_s=0.01,
            durable=True,
            heard=lambda streams, _: self.heard.append(streams) or (),
            wall_ns=lambda: NOW * 10**9,
            clock_is_set=lambda: True,
            past_of=lambda _: None,
            may_repeat=may_repeat,
            worker=worker(),
            families=self.families,
        )

    def tick(self):
        self.reader._gather(float("inf"))
        self.reader._hand_on()
        ticks = self.ticks.take(10**6, timeout_s=0)
        return ticks[-1] if ticks else None


def test_a_tick_is_one_record_sorted_by_stream_and_time():
    """Messages of all sources, each acknowledged by its own."""
    one, two = ToySource("one", ended=True), ToySource("two", ended=True)
    one.put(sample("q", 3, a=1, b=2), sample("p", 2, a=3, b=4), sample("p", 1, a=5, b=6))
    two.put(sample("p", 0, a=7, b=8))
    rig = Rig(one, two)
    tick = rig.tick()
    (rows,) = tick.record.rows
    assert [s.name for s in tick.record.new] == ["q", "p"]
    assert rows.streams.tolist() == [0, 1, 1, 1]
    assert (rows.times_ns // 10**9 - NOW).tolist() == [3, 0, 1, 2]
    assert rows.values[:, 0].tolist() == [1, 7, 5, 3]
    assert [(source.name, len(some)) for source, some in tick.messages] == [("one", 3), ("two", 1)]
    assert tick.record.started
    assert rig.heard == [{"p", "q"}]
    assert rig.tick() is None


def test_bad_messages_are_counted_and_acknowledged():
    """They are part of a tick without rows."""
    source = ToySource(ended=True)
    source.put(b"{", sample("p", 1, zzz=3), b"[1, 2]")
    rig = Rig(source)
    tick = rig.tick()
    assert tick.record.samples == 0
    assert [len(some) for _, some in tick.messages] == [3]
    assert sum(one.value for _, one in rig.families.bad_messages.series()) >= 2


def test_parts_wait_over_a_restart():
    """What waits for its other channel is in the record, and the row is made in the next life."""
    first = ToySource(ended=True)
    first.put(sample("p", 1, a=1.5))
    rig = Rig(first, lateness_s=1000.0)
    tick = rig.tick()
    assert tick.record.samples == 0
    (part,) = tick.record.parts
    assert part["stream"] == "p"
    second = ToySource(ended=True)
    second.put(sample("p", 1, b=2.5))
    again = Rig(second, known=tick.record.new, parts=[part], lateness_s=1000.0)
    record = again.tick().record
    assert record.rows[0].values.tolist() == [[1.5, 2.5]]
    assert record.parts[0]["rows"] == []


def test_kept_values_survive_a_restart():
    """A source that sends changes only."""
    first = ToySource(ended=True)
    first.put(sample("p", 1, a=1.5, b=2.5))
    rig = Rig(first, hold=True)
    record = rig.tick().record
    second = ToySource(ended=True)
    second.put(sample("p", 2, a=3.5))
    again = Rig(second, known=record.new, parts=record.parts, hold=True)
    assert again.tick().record.rows[0].values.tolist() == [[3.5, 2.5]]


def test_the_cap_holds_for_streams_that_wait_for_their_first_row():
    """Each sends one channel only."""
    source = ToySource(ended=True)
    source.put(*(sample(f"p{n}", 1, a=1.0) for n in range(5)))
    rig = Rig(source, most=3, lateness_s=1000.0)
    rig.tick()
    source.put(*(sample(f"q{n}", 1, a=1.0, b=1.0) for n in range(5)))
    assert rig.tick().record.new == []
    assert rig.families.bad_messages.of("stream_cap").value == 7


def test_streams_that_are_put_aside_leave_their_places_to_others():
    """And come back where there is room: beyond the cap they are turned away as any other."""
    source = ToySource(ended=True)
    rig = Rig(source, most=2)

    def tick(*names):
        source.put(*(sample(name, rig.reader._gathered.count, a=1, b=1) for name in names))
        made = rig.tick()
        return [] if made is None else [stream.name for stream in made.record.new]

    refused = rig.families.bad_messages.of("stream_cap")
    assert tick("p", "q", "r") == ["p", "q"]
    rig.controls.evict(["p"])
    assert tick("q", "r") == []
    assert refused.value == 2
    assert tick("r", "p") == ["r"]
    assert refused.value == 3
    rig.controls.evict(["q"])
    tick("r")
    rig.reader._heard = lambda streams, _: streams & {"p"}
    assert tick("p") == []
    assert refused.value == 3
    assert tick("q") == []
    assert refused.value == 4


def test_a_stream_that_speaks_is_not_silent_in_the_same_record():
    """Nor put aside."""
    source = ToySource(ended=True)
    source.put(sample("p", 1, a=1, b=1))
    rig = Rig(source)
    rig.controls.silent(["p", "x"])
    rig.controls.evict(["p", "x"])
    record = rig.tick().record
    assert (list(record.silent), list(record.evicted)) == (["x"], ["x"])


def brought(source, *messages):
    """Messages of a broker: a step, whether it brought it before, whether it had kept it."""
    for step, again, retained in messages:
        source.put(sample("p", step, a=1, b=1))
        source.waiting[-1] = replace(source.waiting[-1], again=again, retained=retained)


@pytest.mark.parametrize("may_repeat", [False, True])
def test_what_a_broker_brings_again_at_first_may_have_gone_out(may_repeat):
    """Where the life before did not end well: up to the first message that is new."""
    source = ToySource()
    rig = Rig(source, may_repeat=may_repeat)
    found = []
    for messages in (
        [(0, False, True)], [(1, True, False)], [(2, True, False), (3, False, False)],
        [(4, False, False)], [(5, True, False)],
    ):  # fmt: skip
        brought(source, *messages)
        rig.reader._gather(time.monotonic() + 0.05)
        rig.reader._hand_on()
        found.append(rig.ticks.take(10**6, timeout_s=0)[-1].record.repeat)
    assert found == [False, may_repeat, may_repeat, False, False]
    record = Record.decode(Record(repeat=True).encode())
    assert record.repeat


@pytest.fixture
def speakers():
    options = GatewayOptions(name="g", silent_after_s=10.0, evict_after_s=100.0)
    return Speakers(options, slowest_s={"m": 1.0}, known=[new()], put_aside=[], now_s=0.0)


def test_silent_then_put_aside_then_back(speakers):
    """Each is said once."""
    assert speakers.check(9.0) == ([], [])
    assert speakers.check(10.0) == (["p1"], [])
    assert speakers.check(11.0) == ([], [])
    assert speakers.check(100.0) == ([], ["p1"])
    assert speakers.check(200.0) == ([], [])
    assert speakers.heard({"p1"}, 300.0) == ["p1"]
    assert speakers.heard({"p1"}, 301.0) == []
    assert speakers.check(311.0) == (["p1"], [])
