"""Floods, chattering streams, standing events."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.floods import FloodRules, Floods

SECOND = 10**9
MINUTE = 60 * SECOND


def kept(floods, rules=None):
    """The same, after a way through JSON."""
    other = Floods(rules)
    other.restore(json.loads(json.dumps(floods.state(), allow_nan=False)))
    return other


def test_more_than_ten_in_ten_minutes_are_a_flood_until_fewer_than_five():
    """The eleventh makes it, and stands in the summary; those before were told."""
    floods = Floods()
    for number in range(10):
        assert floods.started(f"e{number}", f"s{number}", number * MINUTE // 2) == ("told", None)
    told, change = floods.started("e10", "s3", 5 * MINUTE)
    assert told == "flood"
    assert (change.phase, change.start_ns, change.events) == ("start", 0, 1)
    assert change.streams[0] == ("s3", 2)
    assert floods.is_flood
    assert floods.started("e11", "s11", 6 * MINUTE) == ("flood", None)
    assert floods.advance(13 * MINUTE) is None
    change = floods.advance(27 * MINUTE // 2)
    assert (change.phase, change.time_ns, change.events) == ("end", 27 * MINUTE // 2, 2)
    assert not floods.is_flood
    assert floods.started("e12", "s1", 14 * MINUTE) == ("told", None)
    assert floods.counts == {
        "events": 13, "floods": 1, "flood_events": 2, "chattering_events": 0
    }  # fmt: skip


def test_ten_in_ten_minutes_and_many_in_more_are_none():
    """One a minute for hours."""
    floods = Floods()
    for number in range(300):
        told, change = floods.started(f"e{number}", f"s{number}", number * MINUTE)
        assert (told, change, floods.advance(number * MINUTE)) == ("told", None, None)


def test_one_wrong_clock_hides_no_flood_and_ends_none():
    """A device in 2036 among others; those that are a second ahead count."""
    floods = Floods()
    for number in range(11):
        floods.started(f"x{number}", "future", 10**18 + number * 20 * MINUTE)
        told, _ = floods.started(f"e{number}", f"s{number}", number * SECOND)
    assert told == "flood"
    assert floods.advance(5 * SECOND) is None


def test_a_stream_that_chatters_is_told_again_once_it_was_quiet():
    """The third start in a minute is kept back, and all until ten minutes without any."""
    floods = Floods()
    found = [
        floods.started(str(second), "p", second * SECOND)[0]
        for second in (0, 30, 59, 70, 600, 1199, 1800, 1801, 1900)
    ]
    assert found == ["told"] * 2 + ["chattering"] * 4 + ["told"] * 2 + ["told"]
    assert floods.started("q", "q", 60 * SECOND)[0] == "told"
    floods.started("a", "p", 1901 * SECOND)
    floods.started("b", "p", 1902 * SECOND)
    assert floods.chattering == ("p",)
    floods.advance(2502 * SECOND)
    assert floods.chattering == ()


def test_what_goes_on_for_more_than_a_day_is_standing():
    """Oldest first, until it ends."""
    floods = Floods()
    day = 24 * 60 * MINUTE
    for event, start in (("b", 5), ("a", 0), ("c", day)):
        floods.started(event, event, start)
    assert floods.standing(day) == []
    assert kept(floods).standing(day + 6) == [("a", 0), ("b", 5)]
    floods.ended("a")
    floods.ended("unknown")
    assert floods.standing(day + 6) == [("b", 5)]


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(
        st.one_of(st.tuples(st.sampled_from("pqrs"), st.integers(-30, 60)), st.integers(0, 400)),
        max_size=60,
    )
)
def test_a_restart_anywhere_changes_nothing(steps):
    """With a way through JSON at each step."""
    rules = FloodRules(events=4, window_s=120, over=2, chatter_events=3, chatter_s=20, quiet_s=60)
    whole, parts, now = Floods(rules), Floods(rules), 0
    for number, step in enumerate(steps):
        if isinstance(step, int):
            now += step * SECOND
            assert parts.advance(now) == whole.advance(now)
            assert parts.standing(now) == whole.standing(now)
        else:
            now += step[1] * SECOND
            event = (str(number), step[0], now)
            assert parts.started(*event) == whole.started(*event)
            if number % 3 == 0:
                parts.ended(str(number))
                whole.ended(str(number))
        parts = kept(parts, rules)
        assert parts.state() == whole.state()


def test_forgotten_streams_and_figures_of_ones_own():
    """None at all, too."""
    rules = FloodRules(events=0, over=1, chatter_events=0)
    floods = Floods(rules)
    assert {floods.started(str(i), "p", 0)[0] for i in range(50)} == {"told"}
    chatter = Floods()
    for number in range(3):
        chatter.started(str(number), "p", 0)
    chatter.forget(["p", "none"])
    assert chatter.started("9", "p", 0)[0] == "told"


@pytest.mark.parametrize(
    "options",
    [{"events": -1}, {"events": True}, {"over": 0}, {"over": 11}, {"window_s": 0},
     {"chatter_s": "1"}, {"quiet_s": float("nan")}, {"standing_s": 1e99}],
)  # fmt: skip
def test_rules_are_checked(options):
    """In a line."""
    with pytest.raises(ConfigError, match=r"must be .*Received"):
        FloodRules(**options)


def test_other_states_are_refused():
    """And nothing has changed."""
    floods = Floods()
    floods.started("e", "p", 5)
    before = floods.state()
    for wrong in (
        None, {}, {**before, "starts": [[1]]}, {**before, "starts": [[True, "p"]]},
        {**before, "flood": {"kept": 1}}, {**before, "open": {"e": 2**63}}, {**before, "more": 1},
        {**before, "counts": {}}, {**before, "recent": {"p": [1.5]}}, {**before, "chattering": []},
    ):  # fmt: skip
        with pytest.raises(InputError, match="must continue"):
            floods.restore(wrong)
    assert floods.state() == before
