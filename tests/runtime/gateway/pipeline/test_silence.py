"""Streams that fall silent, are put aside, and speak again."""

from runtime.gateway.config.options import GatewayOptions
from runtime.gateway.pipeline.silence import Speakers
from runtime.gateway.records import NewStream


def speakers(put_aside=(), **options):
    wanted = {"silent_after_s": 10.0, "evict_after_s": 100.0, **options}
    return Speakers(
        GatewayOptions(name="gw1", **wanted),
        slowest_s={"m": 1.0},
        known=[NewStream(0, "a", "m"), NewStream(1, "b", "m")],
        put_aside=put_aside,
        now_s=0.0,
    )


def test_a_stream_is_silent_then_put_aside_then_back():
    """Once each; the other one goes on."""
    made = speakers()
    for now_s in range(0, 120, 5):
        assert made.heard({"b"}, float(now_s)) == []
        silent, evicted = made.check(float(now_s))
        assert silent == (["a"] if now_s == 10 else [])
        assert evicted == (["a"] if now_s == 100 else [])
    assert made.heard({"a", "b"}, 121.0) == ["a"]
    assert made.heard({"a"}, 122.0) == []


def test_nobody_is_silent_while_nothing_can_be_heard():
    """A broker that is away is not the streams' silence."""
    made = speakers()
    made.check(5.0)
    for now_s in range(6, 200):
        assert made.check(float(now_s), is_deaf=True) == ([], [])
    assert made.check(203.0) == ([], [])
    assert sorted(made.check(205.0)[0]) == ["a", "b"]


def test_who_was_put_aside_stays_so_over_a_restart():
    """And comes back when it speaks."""
    made = speakers(put_aside=["a"])
    assert made.check(50.0)[0] == ["b"]
    assert made.heard({"a"}, 51.0) == ["a"]


def test_slow_models_are_silent_after_three_periods():
    """However short the option is; without eviction where it is 0."""
    made = Speakers(
        GatewayOptions(name="gw1", silent_after_s=10.0, evict_after_s=0.0),
        slowest_s={"m": 3600.0},
        known=[NewStream(0, "a", "m")],
        put_aside=[],
        now_s=0.0,
    )
    assert made.check(10_000.0) == ([], [])
    assert made.check(10_801.0) == (["a"], [])
    assert made.check(1e9) == ([], [])
