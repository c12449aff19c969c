"""The watchdog: who stands still, who waits for others, who ended."""

import pytest

from runtime.gateway.operate.watchdog import Watchdog


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_who_stands_still(clock):
    """Only the worker without progress is named, and beating makes it well again."""
    watchdog = Watchdog(clock=clock)
    reader, scorer = watchdog.worker("reader"), watchdog.worker("scorer")
    clock.now += 29
    reader.beat()
    assert watchdog.standing() == []
    clock.now += 5
    assert watchdog.standing() == ["The scorer has made no progress for 34 s."]
    scorer.beat()
    assert watchdog.standing() == []
    assert [worker.name for worker in watchdog.workers] == ["reader", "scorer"]


def test_a_disk_is_nobodys_fault(clock):
    """A wait for what is not ours is no standstill: a start again would not help. It is said."""
    watchdog = Watchdog(clock=clock)
    committer = watchdog.worker("committer")
    with committer.outside("the disk"):
        clock.now += 20
        assert watchdog.waiting() == []
        clock.now += 20
        assert watchdog.standing() == []
        assert watchdog.waiting() == ["The committer has waited for the disk for 40 s."]
    assert committer.idle_s == 0
    clock.now += 31
    assert len(watchdog.standing()) == 1
    assert watchdog.waiting() == []


def test_an_error_outside_ends_the_wait(clock):
    """After an error the worker counts as working again."""
    watchdog = Watchdog(clock=clock)
    committer = watchdog.worker("committer")
    with pytest.raises(OSError, match="full"), committer.outside("the disk"):
        raise OSError("full")
    clock.now += 31
    assert watchdog.standing() == ["The committer has made no progress for 31 s."]


def test_limits_of_their_own_and_the_end(clock):
    """A slow worker has its own limit; an ended one is never late; a new one takes its place."""
    watchdog = Watchdog(clock=clock)
    slow, brief = watchdog.worker("snapshots", limit_s=300), watchdog.worker("replay")
    brief.end()
    clock.now += 200
    assert watchdog.standing() == []
    clock.now += 200
    assert slow.stands
    assert watchdog.standing() == ["The snapshots has made no progress for 400 s."]
    watchdog.worker("snapshots", limit_s=300)
    assert watchdog.standing() == []
