"""Streams that fall silent and speak again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.silence import Listening, Presence, SilenceRules


def kept(listening, rules, now, later):
    """The same, after a way through JSON and some time in which nothing ran."""
    other = Listening(rules)
    other.restore(json.loads(json.dumps(listening.state(now), allow_nan=False)), later)
    return other


def test_each_silence_is_said_once():
    """And again once the stream has spoken in between."""
    listening = Listening(SilenceRules(silent_s=10))
    listening.heard(["a", "b", "a"], 0)
    listening.heard(["b"], 5)
    assert listening.check(9.9) == []
    assert listening.check(10) == ["a"]
    assert listening.check(14) == []
    assert listening.check(15) == ["b"]
    listening.heard(["a"], 20)
    assert listening.check(30) == ["a"]


def test_while_the_broker_is_away_nobody_falls_silent():
    """That time does not count."""
    listening = Listening(SilenceRules(silent_s=10))
    listening.heard(["a"], 0)
    listening.excuse(1000)
    assert listening.check(1009) == []
    assert listening.check(1010) == ["a"]


def test_streams_are_put_away_the_longest_silent_first():
    """Once they have been silent for long; then there is room for others."""
    listening = Listening(SilenceRules(silent_s=10, evict_s=100, most=2))
    assert listening.admit("a", 5)
    assert listening.admit("b", 0)
    assert not listening.admit("c", 50)
    assert listening.admit("a", 6)
    assert listening.evict(99) == []
    assert listening.evict(106) == ["b", "a"]
    assert len(listening) == 0
    assert listening.admit("c", 107)
    assert listening.turned_away == 1


def test_patterns_have_times_of_their_own():
    """The first that fits; never is a time too."""
    rules = SilenceRules(silent_s=10, silent_by_pattern=(("slow/*", 100), ("x", None)))
    listening = Listening(rules)
    listening.heard(["slow/1", "x", "y"], 0)
    assert listening.check(50) == ["y"]
    assert listening.check(1e6) == ["slow/1"]
    never = Listening(SilenceRules(silent_s=None))
    never.heard(["y"], 0)
    assert never.check(1e12) == []
    assert never.evict(1e12) == []


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 9), st.lists(st.sampled_from("abc"), max_size=3)), max_size=20
    ),
    away=st.integers(0, 1000),
)
def test_a_restart_changes_nothing(steps, away):
    """The time in which nothing ran does not count, whatever the clock says then."""
    rules = SilenceRules(silent_s=6, evict_s=20)
    whole, parts = Listening(rules), Listening(rules)
    now = shift = 0
    for passed, names in steps:
        now += passed
        whole.heard(names, now)
        parts.heard(names, now + shift)
        parts = kept(parts, rules, now + shift, now + shift + away)
        shift += away
        assert parts.check(now + shift) == whole.check(now)
        assert parts.evict(now + shift) == whole.evict(now)
        assert parts.state(now + shift) == whole.state(now)


def test_presence_follows_rows_and_entries():
    """A late entry about a stream that is silent, or unknown, changes nothing."""
    presence = Presence()
    assert presence.spoke(["a", "b", "a"]) == ["a", "b"]
    assert presence.spoke(["a"]) == []
    assert presence.fell_silent(["a", "a", "z"]) == ["a"]
    assert presence.fell_silent(["a"]) == []
    assert presence.silent == ("a",)
    other = Presence()
    other.restore(json.loads(json.dumps(presence.state())))
    assert other.state() == presence.state()
    assert other.spoke(["a"]) == ["a"]
    assert other.gone(["a", "z"]) == ["a"]
    assert "a" not in other
    assert len(other) == 1


@pytest.mark.parametrize(
    "options",
    [{"silent_s": 0}, {"silent_s": "5"}, {"evict_s": 300}, {"most": 0}, {"most": 1.5},
     {"silent_by_pattern": (("a", -1),)}, {"evict_s": 400, "silent_by_pattern": (("a", 400),)}],
)  # fmt: skip
def test_rules_are_checked(options):
    """In a line."""
    with pytest.raises(ConfigError, match=r"must be .*Received"):
        SilenceRules(**options)


@pytest.mark.parametrize(
    "state", [None, [], {"a": 1}, {"a": [-1, True]}, {"a": [1, 1]}, {"a": [1]}, {"a": ["1", True]}]
)
def test_other_states_are_refused(state):
    """Of either half."""
    for half in (lambda s: Listening(SilenceRules()).restore(s, 0), Presence().restore):
        with pytest.raises(InputError, match="must continue"):
            half(state)
