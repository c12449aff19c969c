"""A configuration's table of a source, or what is wrong with it."""

import re
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from runtime.errors import ConfigError
from runtime.gateway.config.payload_table import payload_options as options_of
from runtime.gateway.payloads.options import ON_OFF, PayloadOptions
from runtime.gateway.payloads.presets import PRESETS


def payload_options(table):
    return options_of(table, "[[source]] 1")


TABLE = """
preset = "tasmota"
topics = "tele/{device}/SENSOR"
timezone = "Europe/Berlin"
lateness_s = "5 s"
max_depth = 6
hold = true
absurd = "drop"

[channels]
temp = "DHT22.Temperature"

[channels.pump]
path = "POWER"
words = true
scale = 2
unit = "W"

[channels.valve]
words = {open = 1, CLOSED = 0.0}
"""


def test_a_table_becomes_options():
    options = payload_options(tomllib.loads(TABLE))
    assert (options.shape, options.time) == ("tasmota", ("Time",))
    assert options.topics == ("tele/{device}/SENSOR",)
    assert (options.lateness_s, options.max_depth, options.hold) == (5, 6, True)
    assert options.channels["temp"].path == "DHT22.Temperature"
    assert options.channels["pump"].words == ON_OFF
    assert options.channels["valve"].words == {"open": 1.0, "CLOSED": 0.0}
    assert payload_options({}) == PayloadOptions()
    assert payload_options({"time": ["a", "b"]}).time == ("a", "b")


def test_the_tables_of_the_document_are_read():
    text = (Path(__file__).parents[4] / "docs" / "gateway-messages.md").read_text()
    tables = [block for block in text.split("\n\n") if block.startswith("    ")]
    options = [payload_options(tomllib.loads(dedent(table))) for table in tables]
    assert [len(one.topics) for one in options] == [2, 0]
    assert [*options[1].channels] == ["temp", "pump", "level"]
    named = set(re.findall(r"^\| [^|]+\| (.+?) \|", text.split("## Channels")[0], re.MULTILINE))
    assert {name.strip("`") for names in named for name in names.split(", ")} >= set(PRESETS) - {
        *("zigbee2mqtt", "tasmota", "shelly"),
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('colour = "red"', "1 of the configuration has no key `colour`. It has topics"),
        ("preset = 5", "`preset` in .* must be one of"),
        ('preset = "sparkplug"', "`preset` in .* must be one of"),
        ('shape = "xml"', "shape must be one of"),
        ("shape = 5", "`shape` in .* must be text"),
        ("topics = [5]", "`topics` in .* must be text"),
        ("topics = 5", "`topics` in .* must be a list"),
        ("absurd = 5", "`absurd` in .* must be one of arrival, drop"),
        ('hold = "yes"', "`hold` in .* must be true or false"),
        ("max_depth = 1.5", "`max_depth` in .* must be a whole number"),
        ("max_depth = true", "`max_depth` in .* must be a whole number"),
        ("lateness_s = true", "`lateness_s` in .* must be a duration"),
        ('lateness_s = "5 parsecs"', "`lateness_s` in .* must be seconds"),
        ("channels = 5", "`channels` in .* must be a table"),
        ("channels = {a = 5}", "channels.a of .* must be a path or a table"),
        ("channels = {a = {size = 5}}", "channels.a of .* has no key `size`"),
        ('channels = {a = {scale = "x"}}', "`scale` in .*channels.a of .* must be a number"),
        ("channels = {a = {scale = 0}}", "scale"),
        ('channels = {a = {words = "on"}}', "`words` in .* must be a table"),
        ('channels = {a = {words = {on = "x"}}}', "`words.on` in .* must be a number"),
    ],
)
def test_what_cannot_be_used_is_said(table, message):
    with pytest.raises(ConfigError, match=message):
        payload_options(tomllib.loads(table))
