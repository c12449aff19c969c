"""A configuration's table of a source, or what is wrong with it."""

import re
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from runtime.errors import ConfigError
from runtime.gateway.payloads.options import ON_OFF, PayloadOptions
from runtime.gateway.payloads.presets import PRESETS
from runtime.gateway.payloads.settings import payload_options

TABLE = """
preset = "tasmota"
topics = "tele/{device}/SENSOR"
timezone = "Europe/Berlin"
lateness_s = 5
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
        ('colour = "red"', "colour is no setting.*topics.*preset"),
        ("preset = 5", "preset must be text"),
        ('preset = "sparkplug"', "preset must be one of"),
        ('shape = "xml"', "shape must be one of"),
        ("shape = 5", "shape must be text"),
        ("topics = [5]", "topics must be text, or a list"),
        ("absurd = 5", "absurd must be one of arrival, drop"),
        ('hold = "yes"', "hold must be true or false"),
        ("max_depth = 1.5", "max_depth must be a whole number"),
        ("max_depth = true", "max_depth must be a whole number"),
        ('lateness_s = "5 s"', "lateness_s must be a number"),
        ("channels = 5", "channels must be a table"),
        ("channels = {a = 5}", "channels.a must be a path or a table"),
        ("channels = {a = {size = 5}}", "channels.a.size is no setting"),
        ('channels = {a = {scale = "x"}}', "channels.a.scale must be a number"),
        ("channels = {a = {scale = 0}}", "scale"),
        ('channels = {a = {words = "on"}}', "channels.a.words must be true"),
        ('channels = {a = {words = {on = "x"}}}', "channels.a.words must be true"),
    ],
)
def test_what_cannot_be_used_is_said(table, message):
    with pytest.raises(ConfigError, match=message):
        payload_options(tomllib.loads(table))
