"""What waits, what is dropped, what has arrived."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.protocols import Publication
from runtime.gateway.sinks import delivery
from runtime.gateway.sinks.delivery import Delivery
from toys.fake_client import FakeClient
from toys.memory_outbox import MemoryOutbox


def one(text, topic="t", *, retain=False):
    return Publication(topic, str(text).encode(), 1, retain)


def put(queue, sequence, lasting=(), scores=()):
    queue.put(sequence, lasting=[one(x) for x in lasting], scores=[one(x) for x in scores])
    queue.pump()


def payloads(publications):
    return [p.payload.decode() for p in publications]


def up(window=10**9, *, strict=False):
    client = FakeClient(window, strict=strict)
    client.up()
    return client


def test_acknowledged_follows_the_client_and_never_leads():
    client = up()
    queue = Delivery(client)
    put(queue, 1, ["e1"], ["s1"])
    put(queue, 2)
    put(queue, 3, [], ["s3a", "s3b"])
    assert queue.acknowledged == 0
    found = []
    for _ in range(4):
        client.acknowledge(1)
        found.append(queue.acknowledged)
    assert found == [0, 2, 2, 3]
    assert queue.waiting == 0


def test_outputs_of_many_records_count_as_none_until_all_have_arrived():
    """Their number is that of the last: what lies between it and the one before is theirs."""
    client = up()
    queue = Delivery(client)
    put(queue, 3, [], ["s1 to s3"])
    put(queue, 9, [], ["s4", "s9"])
    client.acknowledge(2)
    assert queue.acknowledged == 3
    client.acknowledge(1)
    assert queue.acknowledged == 9


def test_outputs_that_say_nothing_are_done_at_once():
    queue = Delivery(up())
    put(queue, 7)
    assert queue.acknowledged == 7


def test_acknowledged_is_the_first_gap_where_events_overtake_scores():
    """Events go before scores that wait, so later sequences may arrive first."""
    client = up(window=1)
    queue = Delivery(client)
    put(queue, 1, [], ["s1"])
    put(queue, 2, [], ["s2"])
    put(queue, 3, ["e3"], [])
    client.acknowledge()
    queue.pump()
    client.acknowledge()
    assert payloads(client.taken) == ["s1", "e3"]
    assert queue.acknowledged == 1
    queue.pump()
    client.acknowledge()
    assert queue.acknowledged == 3


def test_away_for_long_it_is_bounded_counts_and_keeps_every_event_in_order():
    client = up(window=0)
    queue = Delivery(client, most_bytes=50_000)
    for n in range(1, 2001):
        put(queue, n, [f"e{n}"] if n % 10 == 0 else [], [f"s{n}"])
    scores = queue.held - 200
    assert scores * 300 < 50_000
    assert queue.dropped == 2000 - scores
    # The oldest event is still here, so nothing behind it counts as done.
    assert queue.acknowledged == 9
    client.window = 10**9
    client.up()
    queue.pump()
    client.acknowledge()
    arrived = payloads(client.arrived)
    assert [x for x in arrived if x[0] == "e"] == [f"e{n}" for n in range(10, 2001, 10)]
    kept = [x for x in arrived if x[0] == "s"]
    assert kept == [f"s{n}" for n in range(2001 - scores, 2001)]
    assert queue.acknowledged == 2000
    assert queue.waiting == 0


def test_dropped_scores_count_as_done():
    queue = Delivery(FakeClient(window=0), most_bytes=1000)
    for n in range(1, 11):
        put(queue, n, [], ["s"])
    assert queue.dropped == 7
    assert queue.acknowledged == 7


def test_who_is_away_gets_nothing_and_what_matters_first_when_back():
    client = up()
    queue = Delivery(client, most_bytes=1000)
    client.down()
    for n in range(1, 11):
        put(queue, n, [f"e{n}"], [f"s{n}"])
    queue.first([one("online")])
    assert client.taken == []
    client.up()
    queue.pump()
    events = [f"e{n}" for n in range(1, 11)]
    assert payloads(client.taken) == ["online", *events, "s8", "s9", "s10"]


def test_a_client_gets_a_window_at_a_time():
    client = up()
    queue = Delivery(client, window=700)
    put(queue, 1, [], range(3000))
    assert len(client.taken) == 1000
    client.acknowledge()
    queue.pump()
    assert len(client.taken) == 2000


def test_nothing_is_dropped_that_the_client_takes():
    """Also where one tick alone is more than may wait."""
    client = up()
    queue = Delivery(client, most_bytes=1000)
    put(queue, 1, [], range(500))
    assert (len(client.taken), queue.dropped, queue.fullness) == (500, 0, 0.0)
    client.window = 0
    put(queue, 2, [], ["s"])
    assert 0.3 < queue.fullness < 0.4


def test_a_client_that_takes_few_gets_smaller_batches():
    client = FakeClient(window=100, strict=True)
    client.up()
    queue = Delivery(client)
    put(queue, 1, [], range(110))
    assert payloads(client.taken) == [str(n) for n in range(100)]


def test_first_goes_first_and_the_newest_replaces_what_waits():
    client = up(window=0)
    queue = Delivery(client)
    put(queue, 1, ["e"], ["s"])
    queue.first([one("online 1")])
    queue.first([one("online 2")])
    client.window = 10
    assert not queue.first_arrived
    queue.pump()
    assert payloads(client.taken) == ["online 2", "e", "s"]
    assert not queue.first_arrived
    client.acknowledge(1)
    assert queue.first_arrived
    assert queue.acknowledged == 0


def test_again_publishes_what_topics_have_by_then():
    client = up()
    queue = Delivery(client)
    for topic, value in [("a", "ON"), ("b", "ON"), ("c", "ON"), ("a", "OFF"), ("c", "")]:
        queue.put(1, lasting=[one(value, topic, retain=True)])
    queue.pump()
    client.taken.clear()
    client.window = 0
    queue.again()
    queue.pump()
    queue.put(2, lasting=[one("OFF", "b", retain=True)])
    client.window = 10
    queue.pump()
    found = [(p.topic, p.payload.decode()) for p in client.taken]
    assert found == [("b", "OFF"), ("a", "OFF"), ("b", "OFF")]


def test_two_deliveries_share_a_client():
    client = up()
    first, second = Delivery(client), Delivery(client)
    put(first, 1, ["a"])
    put(second, 1, ["b", "b"])
    put(first, 2, ["a"])
    client.acknowledge(1)
    assert (first.acknowledged, second.acknowledged) == (1, 0)
    client.acknowledge(2)
    assert (first.acknowledged, second.acknowledged) == (1, 1)
    client.acknowledge(1)
    assert first.acknowledged == 2


def test_the_outbox_outlives_the_process():
    outbox = MemoryOutbox()
    client = up(window=2)
    queue = Delivery(client, outbox=outbox)
    put(queue, 1, ["e1", "e2"], ["s1"])
    client.acknowledge(1)
    put(queue, 2, ["e3"])
    del queue
    client = up()
    queue = Delivery(client, outbox=outbox)
    put(queue, 2, ["e3 again"])
    assert payloads(client.taken) == ["e2", "e3", "e3 again"]
    client.acknowledge(2)
    assert queue.acknowledged == 0  # what came before its first outputs it does not know
    client.acknowledge()
    queue.pump()
    assert queue.acknowledged == 2
    assert outbox.entries == []


def test_what_an_earlier_life_left_says_that_it_may_have_gone_out():
    outbox = MemoryOutbox()
    event = '{"name":"\\"repeat\\":false","repeat":false}'
    put(Delivery(up(window=0), outbox=outbox), 1, [event])
    client = up()
    queue = Delivery(client, outbox=outbox)
    put(queue, 2, [event])
    marked = '{"name":"\\"repeat\\":false","repeat":true}'
    assert payloads(client.taken) == [marked, event]


def test_what_has_not_arrived_goes_into_a_snapshot_and_comes_out_of_it_first():
    """Scores in flight and here, once more until they have arrived; events are in the outbox."""
    outbox = MemoryOutbox()
    client = up(window=3)
    queue = Delivery(client, outbox=outbox)
    score = '{"repeat":false,"n":%d}'
    put(queue, 7, ["event"], [score % n for n in range(5)])
    client.acknowledge(2)
    pending = queue.pending()
    client = up(window=2)
    queue = Delivery(client, outbox=MemoryOutbox())
    queue.resume(pending)
    put(queue, 8, [], [score % 5])
    marked = score.replace("false", "true")
    assert payloads(client.taken) == [*(marked % n for n in range(1, 5)), score % 5]
    assert queue.acknowledged == 0
    third = Delivery(up(window=0))
    third.resume(queue.pending())
    client.acknowledge(4)
    assert queue.acknowledged == 0
    client.acknowledge()
    assert queue.acknowledged == 8
    assert queue.pending() == b""
    assert third.waiting == 5
    assert third.acknowledged == 0


def test_pending_bytes_of_another_version_are_counted_and_passed_over():
    queue = Delivery(up())
    queue.resume(b"\x05\0\0\0nothing")
    put(queue, 1, [], ["s"])
    assert queue.lost == 1
    assert queue.waiting == 1


def test_of_a_full_outbox_a_part_is_in_memory(monkeypatch):
    monkeypatch.setattr(delivery, "_LOADED", 10)
    outbox = MemoryOutbox()
    client = up(window=0)
    queue = Delivery(client, outbox=outbox)
    for n in range(1, 101):
        put(queue, n, [f"e{n}"])
    assert queue.held <= 11
    assert queue.acknowledged == 0
    client.window = 3
    for n in range(1, 1000):
        queue.pump()
        client.acknowledge(1)
        assert queue.acknowledged == min(n, 100)
    assert payloads(client.arrived) == [f"e{n}" for n in range(1, 101)]
    queue.pump()
    assert outbox.entries == []
    assert queue.waiting == 0


def test_an_outbox_that_cannot_be_written_loses_nothing_and_says_so():
    outbox = MemoryOutbox()
    client = up(window=0)
    queue = Delivery(client, outbox=outbox)
    put(queue, 1, ["e1"])
    outbox.fails = True
    put(queue, 2, ["e2"])
    assert queue.trouble == "the outbox cannot be written: [Errno 28] No space left on device"
    outbox.fails = False
    put(queue, 3, ["e3"])
    client.window = 10
    queue.pump()
    put(queue, 4, ["e4"])
    client.acknowledge()
    assert payloads(client.arrived) == ["e1", "e2", "e3", "e4"]
    assert queue.acknowledged == 4
    assert queue.trouble == ""


def test_an_unreadable_entry_is_counted_and_passed_over():
    outbox = MemoryOutbox()
    outbox.put([b"of another version", b"[]\nx", b'["t",1,false]\ngood'])
    client = up()
    queue = Delivery(client, outbox=outbox)
    queue.pump()
    client.acknowledge()
    queue.pump()
    assert payloads(client.taken) == ["good"]
    assert queue.lost == 2
    assert outbox.entries == []


def test_what_a_full_disk_left_in_memory_stays_behind_what_is_on_the_disk(monkeypatch):
    monkeypatch.setattr(delivery, "_LOADED", 4)
    outbox = MemoryOutbox()
    client = up(window=0)
    queue = Delivery(client, outbox=outbox)
    put(queue, 1, [f"e{n}" for n in range(10)])
    outbox.fails = True
    put(queue, 2, ["e10"])
    outbox.fails = False
    put(queue, 3, ["e11"])
    client.window = 1
    for _ in range(20):
        queue.pump()
        client.acknowledge()
    assert payloads(client.arrived) == [f"e{n}" for n in range(12)]
    assert queue.acknowledged == 3


@pytest.mark.parametrize("dropped", [range(6), range(20), range(3, 9), range(15, 20)])
def test_what_the_outbox_drops_for_its_bound_is_counted_and_holds_nothing_up(monkeypatch, dropped):
    monkeypatch.setattr(delivery, "_LOADED", 4)
    outbox = MemoryOutbox()
    client = up(window=0)
    queue = Delivery(client, outbox=outbox)
    for n in range(10):
        put(queue, n + 1, [2 * n, 2 * n + 1])
    outbox.entries = [entry for entry in outbox.entries if entry[0] - 1 not in dropped]
    client.window = 1
    for _ in range(30):
        queue.pump()
        client.acknowledge()
    arrived = [int(text) for text in payloads(client.arrived)]
    # What was in memory by then is not lost.
    assert arrived == [n for n in range(20) if n not in dropped or n < 4]
    assert queue.lost == 20 - len(arrived)
    assert (queue.acknowledged, queue.waiting) == (10, 0)


class Life:
    """A pipeline with a journal: after a restart it makes again what was not acknowledged."""

    def __init__(self, *, durable, strict):
        self.outbox = MemoryOutbox() if durable else None
        self.strict = strict
        self.outputs = {}
        self.arrived_before = set()
        self.begin()

    def begin(self):
        self.client = up(window=5, strict=self.strict)
        self.queue = Delivery(self.client, most_bytes=1500, outbox=self.outbox)
        self.least = self.newest = 0

    def put(self, events=0, scores=0):
        sequence = len(self.outputs) + 1
        self.outputs[sequence] = (
            [f"e{sequence}.{n}" for n in range(events)],
            [f"s{sequence}.{n}" for n in range(scores)],
        )
        self.make(sequence)

    def make(self, sequence):
        put(self.queue, sequence, *self.outputs[sequence])
        self.newest = sequence

    def restart(self):
        done, self.arrived_before = self.queue.acknowledged, self.arrived()
        self.begin()
        for sequence in range(done + 1, len(self.outputs) + 1):
            self.make(sequence)

    def cut(self):
        self.client.down()

    def connection(self):
        self.client.up()
        self.queue.first([one("online")])
        self.queue.again()

    def ack(self, count):
        self.client.acknowledge(count)

    def window(self, size):
        self.client.window = size

    def disk(self, fails):
        if self.outbox is not None:
            self.outbox.fails = fails

    def pump(self):
        self.queue.pump()

    def arrived(self):
        return self.arrived_before | set(payloads(self.client.arrived))

    def check(self):
        """Nothing is claimed that has not arrived, and no claim is taken back."""
        done, arrived = self.queue.acknowledged, self.arrived()
        assert done >= self.least
        for sequence, (events, _) in self.outputs.items():
            assert sequence > done or arrived.issuperset(events)
        self.least = done

    def events(self):
        return {event for events, _ in self.outputs.values() for event in events}


ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 3), st.integers(0, 4)),
    st.tuples(st.just("ack"), st.integers(0, 6)),
    st.tuples(st.just("window"), st.sampled_from([0, 1, 5, 100])),
    st.tuples(st.just("disk"), st.booleans()),
    st.tuples(st.sampled_from(["connection", "cut", "restart", "pump"])),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTIONS, max_size=60), st.booleans(), st.booleans(), st.sampled_from([4, 10]))
def test_whatever_happens_every_event_arrives_and_nothing_is_claimed_early(
    actions, durable, strict, loaded
):
    """Any order of outputs, outages, restarts and full disks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "_LOADED", loaded)
        life = Life(durable=durable, strict=strict)
        for name, *values in actions:
            getattr(life, name)(*values)
            life.check()
        life.window(10**9)
        life.connection()
        for _ in range(3 + len(life.events())):
            life.pump()
            life.ack(10**9)
            life.check()
    assert life.arrived() >= life.events()
    assert life.queue.acknowledged == life.newest
    assert life.queue.waiting == 0
    if ("restart",) not in actions:
        sent = [text for text in payloads(life.client.arrived) if text.startswith("e")]
        assert sent == sorted(sent, key=lambda text: [int(n) for n in text[1:].split(".")])
