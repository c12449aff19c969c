"""Topic templates: filters, names, what does not fit."""

import pytest

from runtime.errors import ConfigError
from runtime.gateway.payloads.topics import NameTemplate, TopicTemplate, fits


@pytest.mark.parametrize(
    ("template", "wanted", "topic", "names"),
    [
        ("plant/{line}/{device}/data", "plant/+/+/data", "plant/a/p7/data", "line=a;device=p7"),
        ("plant/{line}/+/{channel}", "plant/+/+/+", "plant/a/x/flow", "line=a;channel=flow"),
        ("zigbee2mqtt/{device}", "zigbee2mqtt/+", "zigbee2mqtt/pump room", "device=pump room"),
        ("z/{device#}", "z/#", "z/hall/pump", "device=hall/pump"),
        ("{site}/#", "+/#", "north/a/b", "site=north"),
        ("{site}/#", "+/#", "north", "site=north"),
        ("v1/gateway/telemetry", "v1/gateway/telemetry", "v1/gateway/telemetry", ""),
        ("$aws/{thing}", "$aws/+", "$aws/p7", "thing=p7"),
    ],
)
def test_a_topic_becomes_names(template, wanted, topic, names):
    made = TopicTemplate(template)
    assert made.filter == wanted
    assert made.match(topic) == dict(pair.split("=") for pair in names.split(";") if pair)
    assert fits(topic, made.filter)


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("plant/{line}/{device}/data", "plant/a/p7/score"),
        ("plant/{line}/{device}/data", "plant/a/p7/data/more"),
        ("plant/{line}/{device}/data", "plant/a"),
        ("plant/{line}", "plant/"),
        ("z/{device#}", "z"),
        ("{site}/#", "$SYS/broker"),
        ("+/{x}", "$SYS/broker"),
        ("plant/{line}", ""),
    ],
)
def test_what_does_not_fit(template, topic):
    assert TopicTemplate(template).match(topic) is None


@pytest.mark.parametrize(
    "template",
    ["", "a/{x}/{x}", "a/#/b", "a/{x", "a/b{x}", "a/b+", "$share/g/a", "a/{x#}/b", "a\0"],
)
def test_a_template_that_cannot_be_used_is_an_error(template):
    with pytest.raises(ConfigError, match="Received"):
        TopicTemplate(template)


@pytest.mark.parametrize(
    ("topic", "pattern", "expected"),
    [
        ("z/bridge/state", "z/bridge/#", True),
        ("z/bridge", "z/bridge/#", True),
        ("z/pump", "z/bridge/#", False),
        ("a/b", "a/+", True),
        ("a/b/c", "a/+", False),
        ("a", "a/+", False),
        ("$SYS/a", "#", False),
    ],
)
def test_filters(topic, pattern, expected):
    assert fits(topic, pattern) is expected


def test_names_are_put_together():
    made = NameTemplate("{line}/{device}-x")
    assert made.fill({"line": "a", "device": "{line}"}) == "a/{line}-x"
    assert made.fill({"line": "a"}) is None
    for text in ("", "{}", "{a", "a}"):
        with pytest.raises(ConfigError, match="stream must be"):
            NameTemplate(text)
