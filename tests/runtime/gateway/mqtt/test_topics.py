"""Filters and topics."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.gateway.mqtt.topics import (
    check_filter,
    check_topic,
    is_shared,
    matches,
    may_match_below,
    overlap,
    overlapping,
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "yes"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("a/+/c", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("+", "/a", False),
        ("+/+", "/a", True),
        ("/+", "/a", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/#", "a/$x", True),
        ("$share/g/a/+", "a/b", True),
        ("$share/g/a/+", "$share/g/a/b", False),
    ],
)
def test_what_a_filter_matches(topic_filter, topic, yes):
    """As the specification has it, 4.7."""
    assert matches(topic_filter, topic) is yes


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a#", "a+/b", "+a", "a\0", "x" * 65_536, "\ud800",
                                   "$share/g", "$share//a", "$share/+/a", "$share/g/"])  # fmt: skip
def test_filters_that_are_none(wrong):
    """Said in one line, with what came."""
    with pytest.raises(ConfigError, match="topic filter"):
        check_filter(wrong)


@pytest.mark.parametrize("right", ["a", "/", "a//b", "+", "#", "+/#", "$share/g/a/#", "ü/+", "a b"])
def test_filters_that_are_some(right):
    """None raises."""
    assert check_filter(right) is None


@pytest.mark.parametrize("wrong", ["", "a/+", "#", "a\0", "x" * 65_536, "\ud800"])
def test_topics_that_are_none(wrong):
    """A wildcard, nothing, or what MQTT cannot carry."""
    with pytest.raises(ConfigError, match="topic"):
        check_topic(wrong)


@pytest.mark.parametrize(
    ("one", "other", "yes"),
    [
        ("z/#", "z/+", True),
        ("a/+/c", "a/b/+", True),
        ("a/+/c", "a/b/d", False),
        ("a/#", "a", True),
        ("a", "a/#", True),
        ("a/+", "a", False),
        ("+/#", "a", True),
        ("a/b/#", "a", False),
        ("#", "$SYS/#", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/+", "$SYS/#", True),
        ("$share/g/a/#", "a/b", True),
        ("a/b", "a/b", True),
    ],
)
def test_filters_that_overlap(one, other, yes):
    """A message would come twice."""
    assert overlap(one, other) is overlap(other, one) is yes


LEVELS = st.sampled_from(["a", "b", "$x", ""])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join)
FILTERS = st.tuples(
    st.lists(st.one_of(LEVELS, st.just("+")), max_size=3), st.sampled_from(["#", "+", "a", "$x"])
).map(lambda pair: "/".join([*pair[0], pair[1]]))


@settings(max_examples=150, deadline=None)
@given(one=FILTERS, other=FILTERS, topic=TOPICS)
def test_filters_that_match_one_topic_overlap(one, other, topic):
    """And one that overlaps nothing shares no topic."""
    if matches(one, topic) and matches(other, topic):
        assert overlap(one, other)
    assert overlap(one, topic) == matches(one, topic)


def test_loops_and_pairs():
    """A source that would hear what the gateway publishes."""
    assert may_match_below("#", "kad")
    assert may_match_below("+/p7/score", "kad")
    assert may_match_below("kad/gw/status", "kad/gw")
    assert may_match_below("homeassistant/#", "homeassistant/device/+")
    assert not may_match_below("plant/#", "kad")
    assert not may_match_below("kadett/#", "kad")
    assert overlapping(["a/#", "b", "a/+", "b"]) == [("a/#", "a/+"), ("b", "b")]
    assert is_shared("$share/g/a")
    assert is_shared("$queue/a")
    assert not is_shared("a/$share")
