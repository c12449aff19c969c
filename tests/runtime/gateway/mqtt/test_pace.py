"""When a socket is read again."""

from itertools import pairwise

import pytest

from runtime.gateway.mqtt.pace import Pace


def reads(pace, arrivals):
    """Returns at which times a client reads what comes at given times, 100 bytes each."""
    times, now = [], 0.0
    waiting = list(arrivals)
    while waiting:
        now = max(now + max(0.0, pace.left_s(now)), waiting[0])
        came = sum(at <= now for at in waiting)
        pace.was_read(100 * came, now)
        times.append(now)
        waiting = waiting[came:]
    return times


def test_what_comes_alone_is_read_at_once():
    arrivals = [0.0, 0.1, 0.2, 0.9]
    assert reads(Pace(gather_s=0.025), arrivals) == arrivals


def test_many_small_packets_gather():
    times = reads(Pace(gather_s=0.025), [step * 0.001 for step in range(1000)])
    assert times[:2] == [0.0, 0.001]
    assert len(times) == pytest.approx(1.0 / 0.025, abs=3)
    assert max(b - a for a, b in pairwise(times)) < 0.0251


def test_much_at_once_is_followed_at_once():
    pace = Pace(gather_s=0.025, much=1000)
    pace.was_read(999, 0.0)
    pace.was_read(999, 0.01)
    assert pace.left_s(0.01) == pytest.approx(0.025)
    pace.was_read(1000, 0.02)
    assert pace.left_s(0.02) == 0.0
