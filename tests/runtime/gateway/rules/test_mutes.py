"""Mutes: who, until when, and why."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.mutes import Mute, Mutes

HOUR = 3600 * 10**9


def kept(mutes):
    """The same mutes, after a way through JSON."""
    other = Mutes()
    other.restore(json.loads(json.dumps(mutes.state(), allow_nan=False)))
    assert other.state() == mutes.state()
    return other


def test_streams_channels_and_patterns():
    """A name with brackets is itself before it is a pattern."""
    mutes = Mutes()
    mutes.mute(Mute(streams="a/p7", by="eva", why="bearing is being changed"))
    mutes.mute(Mute(streams="b/*", channel="flow"))
    mutes.mute(Mute(streams="c[1]"))
    assert mutes.muted("a/p7")
    assert not mutes.muted("a/p77")
    assert not mutes.muted("b/p1")
    assert mutes.muted_channels("b/p1") == {"flow"}
    assert mutes.muted_channels("a/p7") == frozenset()
    assert mutes.muted("c[1]")
    assert mutes.muted("c1")
    assert [m.why for m in mutes.of("a/p7")] == ["bearing is being changed"]
    mutes.mute(Mute(streams="a/p7", by="ole"))
    assert [m.by for m in mutes.of("a/p7")] == ["ole"]
    assert len(kept(mutes)) == 3


@pytest.mark.parametrize(
    ("blamed", "expected"),
    [(["flow"], True), (["flow", "temp"], False), (["temp"], False), ([], False)],
)
def test_events_with_muted_channels_alone_are_not_told(blamed, expected):
    """One other channel to blame, and they are."""
    mutes = Mutes()
    assert not mutes.silences("b", blamed)
    mutes.mute(Mute(streams="b", channel="flow"))
    assert mutes.silences("b", blamed) is expected
    mutes.mute(Mute(streams="*"))
    assert mutes.silences("b", blamed)


def test_mutes_end_by_durations_and_not_by_a_clock_that_jumps():
    """Of 1970 to 2026, such as when a network comes up."""
    mutes = Mutes()
    mutes.mute(Mute(streams="a", rest_s=3600, since_ns=5))
    mutes.mute(Mute(streams="b"))
    assert mutes.advance(1800, 500_000 * HOUR) == []
    (mute,) = mutes.of("a")
    assert (mute.rest_s, mute.until_ns) == (1800, 500_000 * HOUR + HOUR // 2)
    assert mutes.advance(1799, 900_000 * HOUR) == []
    assert [m.streams for m in mutes.advance(1)] == ["a"]
    assert not mutes.muted("a")
    assert [m.streams for m in mutes.listing()] == ["b"]


@pytest.mark.parametrize(
    ("wall", "rest"), [(None, 7200), (10 * HOUR, 3600), (5 * HOUR, 7200), (11 * HOUR, None)]
)
def test_after_a_start_the_wall_clock_counts_where_it_can_be_trusted(wall, rest):
    """One that was set back makes no mute longer; one that is not known ends none."""
    mutes = Mutes()
    mutes.mute(Mute(streams="a", rest_s=7200, until_ns=11 * HOUR, since_ns=9 * HOUR))
    mutes = kept(mutes)
    ended = mutes.recover(wall)
    assert [m.rest_s for m in mutes.listing()] == ([] if rest is None else [rest])
    assert len(ended) == (rest is None)


def test_a_row_behind_the_end_is_told():
    """By its own time, before the mute is taken away."""
    mutes = Mutes()
    mutes.mute(Mute(streams="a", rest_s=1, until_ns=HOUR))
    mutes.mute(Mute(streams="a", channel="flow", rest_s=1))
    assert mutes.muted("a", HOUR - 1)
    assert not mutes.muted("a", HOUR)
    assert mutes.muted("a")
    assert mutes.muted_channels("a", HOUR) == {"flow"}


def test_unmute():
    """As it was written; a stream's name never ends a pattern for all."""
    mutes = Mutes()
    for streams, channel in (("a", ""), ("a", "flow"), ("*", "")):
        mutes.mute(Mute(streams=streams, channel=channel))
    assert mutes.unmute("b") == []
    assert [m.key for m in mutes.unmute("a", "flow")] == [("a", "flow")]
    assert mutes.muted("a")
    assert [m.key for m in mutes.unmute("a", None)] == [("a", "")]
    assert mutes.muted("a")
    assert len(mutes.unmute("*")) == 1
    assert not mutes.muted("a")


def test_the_listing_shows_what_has_no_end_first():
    """Then the longest."""
    mutes = Mutes()
    for streams, rest in (("a", 5), ("b", None), ("c", 50)):
        mutes.mute(Mute(streams=streams, rest_s=rest))
    assert [m.streams for m in mutes.listing()] == ["b", "c", "a"]


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["a", "b", "*", "[ab]"]),
                st.sampled_from(["", "x"]),
                st.one_of(st.none(), st.integers(1, 50)),
            ),
            st.integers(0, 20),
        ),
        max_size=20,
    ),
    cut=st.integers(1, 5),
)
def test_any_split_of_time_and_any_restart_gives_the_same(steps, cut):
    """Time in one piece or many, with a way through JSON at each step."""
    whole, parts = Mutes(), Mutes()
    for step in steps:
        if isinstance(step, int):
            ended = whole.advance(step)
            pieces = [parts.advance(step // cut) for _ in range(cut)]
            pieces.append(parts.advance(step - cut * (step // cut)))
            assert {m.key for m in ended} == {m.key for piece in pieces for m in piece}
        else:
            mute = Mute(streams=step[0], channel=step[1], rest_s=step[2])
            whole.mute(mute)
            parts.mute(mute)
        parts = kept(parts)
        assert parts.state() == whole.state()
        for stream in ("a", "b", "c"):
            assert parts.muted(stream) == whole.muted(stream)
            assert parts.muted_channels(stream) == whole.muted_channels(stream)


@pytest.mark.parametrize(
    "options",
    [{"streams": ""}, {"streams": 5}, {"streams": "a" * 2000}, {"rest_s": 0}, {"rest_s": math.nan},
     {"rest_s": 1e9}, {"rest_s": True}, {"until_ns": 5}, {"rest_s": 1, "until_ns": 2**62},
     {"since_ns": 1.5}, {"why": None}, {"channel": 1}],
)  # fmt: skip
def test_mutes_are_checked(options):
    """In a line."""
    with pytest.raises(ConfigError, match=r"must|Received"):
        Mute(**{"streams": "a", **options})


def test_time_goes_forward():
    """By a number of seconds."""
    for wrong in (-1, math.nan, math.inf):
        with pytest.raises(InputError, match="forward"):
            Mutes().advance(wrong)


@pytest.mark.parametrize(
    "state",
    [None, {}, [5], [{"x": 1}], [{"streams": "a"}, {"streams": "a"}], [{"streams": ""}],
     [{5: "a"}]],
)  # fmt: skip
def test_other_states_are_refused(state):
    """And nothing has changed."""
    mutes = Mutes()
    mutes.mute(Mute(streams="z"))
    with pytest.raises(InputError):
        mutes.restore(state)
    assert mutes.muted("z")
