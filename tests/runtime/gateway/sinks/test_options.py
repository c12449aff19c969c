"""Options that cannot be used are refused; topics are topics whatever streams are called."""

import pytest

from runtime.errors import ConfigError
from runtime.gateway.sinks.options import Publishing, Topics

NAMES = ["a/p7", "a+b", "a#b", "a%2Bb", "a%b", "a\0b", "a\nb", "half \ud800", "泵 7", "$S", ""]
NAMES += ["x" * 100_000, "x" * 100_001, "\n" * 50_000]


@pytest.mark.parametrize(
    "values",
    [
        {"scores": "some"},
        {"step": -1},
        {"step": float("nan")},
        {"heartbeat_s": 0},
        {"n": 0},
        {"array_bytes": 10},
        {"qos": 2},
    ],
)
def test_a_policy_that_cannot_be(values):
    with pytest.raises(ConfigError, match=f"`{next(iter(values))}` must be"):
        Publishing(**values)


def test_the_topics_of_the_convention():
    topics = Topics(gateway="gw1")
    assert topics.of_stream("score", "a/p7") == "kad/a/p7/score"
    assert topics.of_stream("event", "a/p7") == "kad/a/p7/event"
    assert topics.of_stream("state", "a/p7") == "kad/a/p7/state"
    assert topics.of_gateway("status") == "kad/gw1/status"
    assert topics.of_gateway("scores") == "kad/gw1/scores"


def test_a_template_may_name_the_gateway_too():
    topics = Topics(gateway="gw 1+", score="plant/{gateway}/{stream}/score")
    assert topics.of_stream("score", "a/p7") == "plant/gw 1%2B/a/p7/score"


def test_any_name_gives_a_topic_of_its_own():
    topics = Topics(gateway="gw1")
    found = [topics.of_stream("score", name) for name in NAMES]
    assert len(set(found)) == len(NAMES)
    for topic in found:
        assert not set(topic) & set("+#\0\n")
        assert len(topic.encode()) < 65_536


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("score", "kad/score"),
        ("score", "kad/{stream}/#"),
        ("score", "kad/{device}/score"),
        ("score", "kad/{stream!r}/score"),
        ("score", "kad/{stream:>9}/score"),
        ("score", "kad/{stream"),
        ("score", "kad/{}/score"),
        ("score", ""),
        ("status", "kad/{stream}/status"),
        ("status", "$SYS/status"),
        ("state", "kad/{stream}/score"),
        ("gateway", ""),
    ],
)
def test_a_template_that_cannot_be(name, template):
    with pytest.raises(ConfigError, match="must be"):
        Topics(**{"gateway": "gw1", name: template})
