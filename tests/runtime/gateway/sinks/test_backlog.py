"""Scores of an outage: on a disk, in order, within a bound, and there after a kill."""

import errno
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.gateway.journal.outbox import Outbox
from runtime.gateway.protocols import Publication
from runtime.gateway.sinks import delivery
from runtime.gateway.sinks.delivery import Delivery
from toys.disks import FaultyDisk
from toys.fake_client import FakeClient


def opened(folder, max_bytes=2**20, disk=None):
    return Outbox.open(folder, max_bytes=max_bytes, segment_bytes=1024, disk=disk or FaultyDisk())


def score(sequence, n=0, *, repeat=False, size=0):
    document = {"s": f"{sequence}.{n}", "repeat": repeat, "x": "x" * size}
    return Publication("t", json.dumps(document, separators=(",", ":")).encode())


def names(publications):
    return [json.loads(one.payload)["s"] for one in publications]


def put(queue, sequence, count=1, size=0):
    queue.put(sequence, scores=[score(sequence, n, size=size) for n in range(count)])
    queue.pump()


def made(outbox, client=None, most_bytes=3000, **options):
    client = client or FakeClient()
    return client, Delivery(client, most_bytes=most_bytes, score_outbox=outbox, **options)


def drained(queue, client):
    for _ in range(200):
        queue.pump()
        client.acknowledge()
    queue.pump()
    assert queue.waiting == 0


def test_while_the_client_takes_what_comes_nothing_is_written(tmp_path):
    """Nor in an outage so short that memory has room for it."""
    outbox = opened(tmp_path)
    client, queue = made(outbox)
    client.up()
    for sequence in range(1, 200):
        put(queue, sequence, 20)
        client.acknowledge()
    client.down()
    put(queue, 200, 5)
    client.up()
    drained(queue, client)
    assert outbox.last == 0
    assert len(client.arrived) == 199 * 20 + 5
    assert (queue.acknowledged, queue.dropped) == (200, 0)


def test_an_outage_is_written_in_batches_and_goes_out_in_order_before_what_is_newer(tmp_path):
    outbox = opened(tmp_path)
    client, queue = made(outbox)
    client.up()
    put(queue, 1, 3)
    client.acknowledge()
    client.down()
    writes, last = 0, 0
    for sequence in range(2, 302):
        put(queue, sequence, 3)
        writes, last = writes + (outbox.last != last), outbox.last
    # 3,000 bytes of memory have 9 scores.
    assert 80 < writes <= 100
    assert queue.acknowledged == 1
    client.up()
    put(queue, 302, 3)
    assert names(client.taken)[-1] == "302.2"
    assert names(client.taken) == [f"{s}.{n}" for s in range(1, 303) for n in range(3)]
    assert queue.acknowledged == 1
    drained(queue, client)
    assert (queue.acknowledged, queue.dropped, outbox.waiting) == (302, 0, 0)
    assert not any(json.loads(one.payload)["repeat"] for one in client.taken)


def test_nothing_is_acknowledged_before_its_scores_have_arrived(tmp_path):
    client, queue = made(opened(tmp_path))
    for sequence in range(1, 101):
        put(queue, sequence, 2)
    client.up()
    queue.pump()
    found = []
    for arrived in range(1, 201):
        client.acknowledge(1)
        found.append(queue.acknowledged)
        assert found[-1] <= arrived // 2
    assert found == sorted(found)
    # It moves by batches of an outage, not at its end alone.
    assert len(set(found)) > 20
    assert found[-1] == 100


def test_events_go_before_scores_of_an_outage(tmp_path):
    client, queue = made(opened(tmp_path))
    for sequence in range(1, 51):
        put(queue, sequence)
    queue.put(51, lasting=[Publication("e", b'{"s":"event"}')])
    client.up()
    queue.pump()
    assert names(client.taken) == ["event", *(f"{s}.0" for s in range(1, 51))]


def test_it_is_read_as_the_client_takes_it(tmp_path, monkeypatch):
    """A pump reads once, and live scores wait behind without driving anything out."""
    monkeypatch.setattr(delivery, "_LOADED", 20)
    client, queue = made(opened(tmp_path), window=10**6)
    for sequence in range(1, 501):
        put(queue, sequence)
    client.up()
    for sequence in range(501, 701):
        before = len(client.taken)
        put(queue, sequence)
        assert len(client.taken) - before <= 40
        client.acknowledge()
    drained(queue, client)
    assert names(client.arrived) == [f"{s}.0" for s in range(1, 701)]
    assert queue.dropped == 0


def test_large_publications_are_read_a_few_at_a_time(tmp_path):
    client, queue = made(opened(tmp_path, max_bytes=2**27), most_bytes=10**8)
    for sequence in range(1, 41):
        put(queue, sequence, size=500_000)
    assert queue.held < 20
    client.up()
    drained(queue, client)
    assert names(client.arrived) == [f"{s}.0" for s in range(1, 41)]


def test_beyond_the_bound_the_oldest_are_dropped_counted_and_done(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "_LOADED", 4)
    outbox = opened(tmp_path, max_bytes=8192)
    client, queue = made(outbox)
    for sequence in range(1, 1001):
        put(queue, sequence)
        assert outbox.bytes <= 8192
    assert queue.dropped > 500
    assert queue.fullness >= 0.8
    dropped = queue.dropped
    client.up()
    drained(queue, client)
    arrived = names(client.arrived)
    assert queue.dropped == dropped
    assert len(arrived) + dropped == 1000
    # What was in memory by then is not lost: the first four at most.
    numbers = [int(float(name)) for name in arrived]
    assert numbers == sorted(numbers)
    newest = [number for number in numbers if number > 4]
    assert newest == list(range(1001 - len(newest), 1001))
    assert queue.acknowledged == 1000


@pytest.mark.parametrize("loaded", [4, 2000])
def test_what_was_written_goes_out_after_a_kill_marked_and_before_the_new(
    tmp_path, monkeypatch, loaded
):
    monkeypatch.setattr(delivery, "_LOADED", loaded)
    outbox = opened(tmp_path / "a")
    _, queue = made(outbox)
    for sequence in range(1, 101):
        put(queue, sequence)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    again = opened(tmp_path / "b")
    client, queue = made(again)
    put(queue, 101)
    client.up()
    drained(queue, client)
    written = [f"{s}.0" for s in range(1, outbox.last + 1)]
    assert outbox.last > 90
    assert names(client.arrived) == [*written, "101.0"]
    marks = [json.loads(one.payload)["repeat"] for one in client.arrived]
    assert marks == [True] * outbox.last + [False]
    assert (queue.acknowledged, again.waiting) == (101, 0)


def test_a_snapshot_has_what_is_not_on_the_disk(tmp_path):
    """In flight or in memory; with the outbox it is all that has not arrived."""
    outbox = opened(tmp_path)
    client, queue = made(outbox)
    client.up()
    put(queue, 1, 3)
    client.down()
    for sequence in range(2, 61):
        put(queue, sequence)
    pending = queue.pending()
    outbox.close()
    client, queue = made(opened(tmp_path))
    queue.resume(pending)
    put(queue, 61)
    client.up()
    queue.pump()
    assert queue.acknowledged == 0
    drained(queue, client)
    every = ["1.0", "1.1", "1.2", *(f"{s}.0" for s in range(2, 62))]
    assert sorted(names(client.arrived)) == sorted(every)
    assert names(client.arrived)[-1] == "61.0"
    assert queue.acknowledged == 61


def test_at_a_calm_end_what_nobody_makes_again_is_written(tmp_path):
    """Without a journal; with one, outputs that were not acknowledged are made again."""
    for number, sequence in enumerate([None, 1]):
        outbox = opened(tmp_path / str(number))
        _, queue = made(outbox)
        put(queue, sequence, 3)
        queue.keep()
        queue.keep()
        assert outbox.last == (0 if sequence else 3)
    outbox = opened(tmp_path / "none")
    made(outbox)[1].keep()
    assert outbox.last == 0


def test_what_an_earlier_life_left_is_counted_where_the_bound_drops_it(tmp_path):
    outbox = opened(tmp_path, max_bytes=8192)
    _, queue = made(outbox)
    for sequence in range(1, 41):
        put(queue, sequence)
    left = outbox.last
    outbox.close()
    client, queue = made(opened(tmp_path, max_bytes=8192))
    for sequence in range(1, 401):
        put(queue, sequence)
    client.up()
    drained(queue, client)
    assert queue.dropped + len(client.arrived) == left + 400
    assert queue.acknowledged == 400


def test_a_disk_that_refuses_is_said_memory_stays_bounded_and_it_recovers(tmp_path):
    disk = FaultyDisk()
    outbox = opened(tmp_path, disk=disk)
    client, queue = made(outbox, most_bytes=30_000)
    put(queue, 1, 100)
    assert (queue.trouble, outbox.last) == ("not connected yet", 100)
    disk.fails = lambda *_: errno.ENOSPC
    for sequence in range(2, 200):
        put(queue, sequence)
    assert "the outbox cannot be written: The outbox at" in queue.trouble
    assert queue.trouble.startswith("not connected yet; ")
    assert queue.dropped > 90
    disk.heal()
    dropped = queue.dropped
    for sequence in range(200, 300):
        put(queue, sequence)
    assert queue.trouble == "not connected yet"
    assert queue.dropped == dropped
    client.up()
    drained(queue, client)
    assert queue.trouble == ""
    assert queue.dropped + len(client.arrived) == 100 + 298
    assert queue.acknowledged == 299


def test_a_slow_client_is_waited_for_and_what_comes_all_the_same_is_kept(tmp_path):
    """Fullness is of what waits in memory and of what did not fit there."""
    outbox = opened(tmp_path)
    client, queue = made(outbox, FakeClient(window=1, strict=True), most_bytes=3000)
    client.up()
    put(queue, 1, 8)
    assert 0.5 < queue.fullness < 1
    assert outbox.last == 0
    put(queue, 2, 50)
    assert outbox.last > 0
    assert queue.fullness >= 1
    client.window = 10**6
    drained(queue, client)
    assert queue.fullness == 0
    assert len(client.arrived) == 58
    assert queue.dropped == 0


def test_a_client_that_catches_up_is_not_waited_for(tmp_path):
    """Live scores go on while an outage goes out, until the disk is full of it."""
    client, queue = made(opened(tmp_path, max_bytes=40_000), FakeClient(window=1, strict=True))
    for sequence in range(1, 101):
        put(queue, sequence, 2)
    client.up()
    queue.pump()
    assert queue.fullness < 1
    for sequence in range(101, 1000):
        put(queue, sequence, 2)
        if queue.fullness >= 1:
            break
    assert queue.dropped == 0
    assert sequence > 200


class Life:
    """A pipeline with a journal, a disk and kills; what is made again says so."""

    def __init__(self, folder, max_bytes):
        self.folder, self.max_bytes = Path(folder), max_bytes
        self.lives = self.made = self.dropped = 0
        self.counts = {}
        self.arrived_before = []
        self.least = self.before = 0
        self.begin()

    def begin(self):
        place = self.folder / str(self.lives)
        self.disk = FaultyDisk()
        self.outbox = opened(place, self.max_bytes, self.disk)
        self.client, self.queue = made(self.outbox, FakeClient(window=5), most_bytes=2000)

    @property
    def done(self):
        """A new queue knows of no outputs: what was done before is kept beside it."""
        return max(self.before, self.queue.acknowledged)

    def put(self, count):
        sequence = len(self.counts) + 1
        self.counts[sequence] = count
        self.make(sequence, repeat=False)

    def make(self, sequence, *, repeat):
        count = self.counts[sequence]
        self.made += count
        scores = [score(sequence, n, repeat=repeat) for n in range(count)]
        self.queue.put(sequence, scores=scores)
        self.queue.pump()

    def restart(self):
        """A kill: the files are as they are, the process knows nothing any more."""
        self.before, committed = self.done, self.outbox.peek(10**9)
        self.dropped += self.queue.dropped
        self.arrived_before += self.client.arrived
        before = self.folder / str(self.lives)
        self.lives += 1
        shutil.copytree(before, self.folder / str(self.lives))
        self.begin()
        assert self.outbox.peek(10**9) == committed
        for sequence in range(self.before + 1, len(self.counts) + 1):
            self.make(sequence, repeat=True)

    def cut(self):
        self.client.down()

    def connection(self):
        self.client.up()

    def ack(self, count):
        self.client.acknowledge(count)

    def window(self, size):
        self.client.window = size

    def fails(self, fails):
        self.disk.fails = (lambda *_: errno.EIO) if fails else (lambda *_: None)

    def pump(self):
        self.queue.pump()

    def arrived(self):
        return self.arrived_before + self.client.arrived

    def check(self):
        """What counts as done has arrived or was dropped, and no claim is taken back."""
        done, arrived = self.done, set(names(self.arrived()))
        assert done >= self.least
        self.least = done
        claimed = {f"{s}.{n}" for s in range(1, done + 1) for n in range(self.counts[s])}
        assert len(claimed - arrived) <= self.dropped + self.queue.dropped
        assert self.outbox.bytes <= self.max_bytes


ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 12)),
    st.tuples(st.just("ack"), st.integers(0, 12)),
    st.tuples(st.just("window"), st.sampled_from([0, 1, 5, 100])),
    st.tuples(st.just("fails"), st.booleans()),
    st.tuples(st.sampled_from(["connection", "cut", "cut", "restart", "pump"])),
)


@settings(max_examples=60, deadline=None)
@example([("put", 0), ("restart",)], 4, 8192)
@example([("put", 0), ("restart",), ("restart",), ("put", 1)], 4, 8192)
@given(
    st.lists(ACTIONS, max_size=50),
    st.sampled_from([4, 10, 2000]),
    st.sampled_from([8192, 2**20]),
)
def test_whatever_happens_scores_arrive_in_order_or_are_counted(actions, loaded, max_bytes):
    """Any order of scores, outages, kills and disks that refuse."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "_LOADED", loaded)
        life = Life(folder, max_bytes)
        for name, *values in actions:
            getattr(life, name)(*values)
            life.check()
        life.fails(fails=False)
        life.window(10**9)
        life.connection()
        drained(life.queue, life.client)
        life.check()
    every = {f"{s}.{n}" for s, count in life.counts.items() for n in range(count)}
    arrived = life.arrived()
    missing = every - set(names(arrived))
    assert len(missing) <= life.dropped + life.queue.dropped
    assert life.done == len(life.counts)
    seen = set()
    for one in arrived:
        document = json.loads(one.payload)
        assert document["repeat"] or document["s"] not in seen
        seen.add(document["s"])
    if ("restart",) not in actions:
        order = [[int(part) for part in name.split(".")] for name in names(arrived)]
        assert order == sorted(order)
        assert len(missing) == life.queue.dropped
