"""The outbox: what a sink has not taken yet is there after any end, within a bound."""

import os
import random
import signal
import subprocess
import sys

import pytest

from runtime.errors import JournalError
from runtime.gateway.journal.outbox import Outbox
from toys.disks import CODES, FaultyDisk

CHILD = """
import os, sys
from runtime.gateway.journal.outbox import Outbox
outbox = Outbox.open(sys.argv[1], max_bytes=10**8, segment_bytes=2000)
print(os.getpid(), flush=True)
while True:
    first = outbox.last + 1
    print(outbox.put([b"item %d" % number for number in range(first, first + 3)]), flush=True)
    if first % 2:
        outbox.ack(outbox.peek(2)[-1][0])
"""


def item(number):
    """Of any length."""
    return b"%d" % number * (1 + number % 9)


def opened(folder, disk=None, **options):
    """An outbox of small segments on a fast disk."""
    options = {"max_bytes": 20_000, "segment_bytes": 300, **options}
    return Outbox.open(folder, disk=disk or FaultyDisk(), **options)


def put(outbox, count):
    """Puts items of the next numbers, one by one."""
    for _ in range(count):
        assert outbox.put([item(outbox.last + 1)]) == outbox.last


def test_items_go_out_in_order_and_are_forgotten(tmp_path):
    """What is acknowledged does not come again, after a restart either."""
    outbox = opened(tmp_path)
    assert (outbox.peek(5), outbox.waiting, outbox.last) == ([], 0, 0)
    put(outbox, 50)
    assert outbox.peek(3) == [(1, item(1)), (2, item(2)), (3, item(3))]
    assert outbox.peek(2) == outbox.peek(3)[:2]
    outbox.ack(2)
    assert outbox.peek(1) == [(3, item(3))]
    outbox.ack(30)
    outbox.ack(20)
    outbox.close()
    outbox = opened(tmp_path)
    assert (outbox.waiting, outbox.acknowledged, outbox.lost) == (20, 30, 0)
    assert outbox.peek(100) == [(number, item(number)) for number in range(31, 51)]
    put(outbox, 1)
    outbox.ack(10_000)
    assert (outbox.waiting, outbox.peek(9)) == (0, [])
    assert outbox.bytes <= 400
    put(outbox, 1)
    assert outbox.peek(9) == [(52, item(52))]
    outbox.close()


def test_more_than_fits_into_memory(tmp_path):
    """What is not held is read from the disk, in order, while more is put."""
    outbox = opened(tmp_path, max_bytes=10**7)
    outbox.put([item(number) for number in range(1, 1501)])
    seen = []
    while outbox.waiting:
        found = outbox.peek(200)
        seen += found
        outbox.ack(found[-1][0])
        if outbox.last < 2500:
            put(outbox, 100)
    assert seen == [(number, item(number)) for number in range(1, outbox.last + 1)]
    outbox.close()


@pytest.mark.parametrize("full", ["block", "drop-oldest"])
def test_the_bound_holds(tmp_path, full):
    """It blocks until something is acknowledged, or drops what was not, and counts it alone."""
    outbox = opened(tmp_path, max_bytes=5000, full=full)
    put(outbox, 20)
    outbox.ack(10)
    if full == "block":
        with pytest.raises(JournalError, match="outbox .* must stay within 5000") as caught:
            put(outbox, 1000)
        assert caught.value.full
        assert outbox.dropped == 0
        last = outbox.last
        outbox.ack(last)
        put(outbox, 5)
        assert [number for number, _ in outbox.peek(10)] == list(range(last + 1, last + 6))
    else:
        assert outbox.peek(2)[0][0] == 11
        put(outbox, 1000)
        assert outbox.bytes <= 5000
        numbers = [number for number, _ in outbox.peek(2000)]
        assert numbers == list(range(numbers[0], 1021))
        assert outbox.dropped == numbers[0] - 11 > 500
        assert outbox.waiting == len(numbers)
    outbox.close()


def test_killed_at_any_moment(tmp_path):
    """What was put is there, in order, once; what was acknowledged may be, but for no more."""
    rng = random.Random(4)  # noqa: S311
    for _ in range(4):
        command = [sys.executable, "-c", CHILD, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            process, last = int(child.stdout.readline()), 0
            for _ in range(rng.randint(1, 40)):
                last = int(child.stdout.readline())
            os.kill(process, signal.SIGKILL)
            last = max([last, *map(int, child.stdout.read().split())])
        outbox = Outbox.open(tmp_path, max_bytes=10**8, segment_bytes=2000)
        found = outbox.peek(10_000)
        assert found == [
            (number, b"item %d" % number)
            for number in range(outbox.acknowledged + 1, outbox.last + 1)
        ]
        assert outbox.last >= last
        assert outbox.acknowledged > 0 or last < 6
        assert (outbox.lost, outbox.dropped) == (0, 0)
        outbox.close()


def test_damage_is_passed_over(tmp_path):
    """The rest goes out, the lost are counted, and nothing waits for ever."""
    outbox = opened(tmp_path)
    put(outbox, 60)
    outbox.close()
    paths = sorted(tmp_path.glob("*.segment"))
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    content = bytearray(paths[-1].read_bytes())
    content[26] ^= 1
    paths[-1].write_bytes(content)
    outbox = opened(tmp_path)
    found = outbox.peek(100)
    assert all(each == item(number) for number, each in found)
    assert len(found) + outbox.lost == outbox.last
    outbox.ack(found[-1][0])
    assert outbox.peek(1) == []
    assert outbox.waiting == 0
    put(outbox, 1)
    assert outbox.peek(5) == [(outbox.last, item(outbox.last))]
    outbox.close()


@pytest.mark.parametrize("content", [b"", b"x" * 7, bytes(24), b"\xff" * 24])
def test_a_damaged_mark_repeats_and_loses_nothing(tmp_path, content):
    """Without knowing how far it came, it begins with the oldest that is kept."""
    outbox = opened(tmp_path)
    put(outbox, 3)
    outbox.ack(2)
    outbox.close()
    (tmp_path / "acknowledged").write_bytes(content)
    outbox = opened(tmp_path)
    assert [number for number, _ in outbox.peek(9)] == [1, 2, 3]
    outbox.close()


def test_a_torn_mark_leaves_the_one_before(tmp_path):
    """Marks are written to two places in turn."""
    outbox = opened(tmp_path)
    put(outbox, 5)
    for number in (1, 2, 4):
        outbox.ack(number)
    outbox.close()
    content = bytearray((tmp_path / "acknowledged").read_bytes())
    content[15] ^= 1
    (tmp_path / "acknowledged").write_bytes(content)
    outbox = opened(tmp_path)
    assert outbox.acknowledged == 2
    outbox.close()


def test_numbers_are_not_used_again_where_the_items_are_lost(tmp_path):
    """A mark outlasts the items: what comes next is behind it."""
    outbox = opened(tmp_path)
    put(outbox, 5)
    outbox.ack(4)
    outbox.close()
    for path in tmp_path.glob("*.segment"):
        path.unlink()
    outbox = opened(tmp_path)
    assert outbox.put([b"x"]) == 5
    assert outbox.peek(3) == [(5, b"x")]
    outbox.close()


@pytest.mark.parametrize("code", [*CODES, "short"])
def test_a_disk_that_refuses_at_any_call(tmp_path, code):
    """What was taken goes out in order, and comes again rather than not at all."""

    def scenario(folder, disk):
        taken, sent, outbox = {}, [], None
        for step in range(8):
            for _ in range(2):
                try:
                    outbox = outbox or opened(folder, disk)
                    last = outbox.put([item(step)])
                except JournalError:
                    continue
                taken[last] = item(step)
                break
            if outbox and step % 3 == 2:
                found = outbox.peek(2)
                sent += found
                outbox.ack(found[-1][0])
            if outbox and step == 4:
                outbox.close()
                outbox = None
        outbox.close()
        return taken, sent

    counter = FaultyDisk()
    scenario(tmp_path / "none", counter)
    for at in range(1, counter.calls + 1):
        disk = FaultyDisk(lambda call, _, at=at: code if call == at else None)
        folder = tmp_path / f"{at}"
        taken, sent = scenario(folder, disk)
        outbox = opened(folder)
        rest = outbox.peek(100)
        assert {**dict(sent), **dict(rest)} == taken
        assert len(taken) == 8
        assert len({number for number, _ in rest}) == len(rest)
        outbox.close()
