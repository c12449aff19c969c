"""The queue between two workers."""

import threading

from runtime.gateway.pipeline.queues import Batches


def test_what_is_put_comes_out_in_order_and_by_weight():
    """At most so much, at least one."""
    queue = Batches(100)
    for number, weight in enumerate([5, 5, 30, 1]):
        assert queue.put(number, weight, timeout_s=0)
    assert queue.weight == 41
    assert queue.take(10, timeout_s=0) == [0, 1]
    assert queue.take(10, timeout_s=0) == [2]
    assert queue.take(10, timeout_s=0) == [3]
    assert queue.take(10, timeout_s=0) == []
    assert queue.weight == 0


def test_it_is_bounded():
    """What does not fit is not taken; what is heavier than the queue passes alone."""
    queue = Batches(10)
    assert queue.put("heavy", 50, timeout_s=0)
    assert not queue.put("light", 1, timeout_s=0)
    assert queue.take(1, timeout_s=0) == ["heavy"]
    assert queue.put("a", 6, timeout_s=0)
    assert not queue.put("b", 6, timeout_s=0)
    assert queue.put("c", 4, timeout_s=0)


def test_a_writer_waits_for_room():
    """Until somebody takes."""
    queue = Batches(1)
    assert queue.put(1, 1, timeout_s=0)
    done = []
    thread = threading.Thread(target=lambda: done.append(queue.put(2, 1, timeout_s=10)))
    thread.start()
    assert queue.take(1, timeout_s=10) == [1]
    thread.join(10)
    assert done == [True]
    assert queue.take(1, timeout_s=0) == [2]


def test_it_is_at_its_end_when_it_is_closed_and_empty():
    """A reader that waits is woken."""
    queue = Batches(10)
    queue.put(1, 1, timeout_s=0)
    queue.close()
    assert not queue.ended
    assert queue.take(10, timeout_s=10) == [1]
    assert queue.ended
    assert queue.take(10, timeout_s=10) == []
