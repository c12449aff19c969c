"""Numbers of channels: what is a value, what is missing, what is bad."""

import math

import pytest

from runtime.errors import ConfigError
from runtime.gateway.payloads.numbers import ChannelReader
from runtime.gateway.payloads.options import ON_OFF, ChannelOptions
from runtime.gateway.samples import BadInputError


def reader(**options):
    return ChannelReader("flow", ChannelOptions(**options))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(12.5, 12.5), (3, 3.0), ("12.5", 12.5), (" 1e3 ", 1000.0), ("-.5", -0.5), ("+2", 2.0)],
)
def test_numbers(value, expected):
    assert reader().read(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "  ", "NaN", "nan", "unavailable", "Unknown", "null", "Infinity", "1e999"),
        *(math.nan, math.inf, 10**400),
    ],
)
def test_missing(value):
    assert math.isnan(reader(scale=2.0).read(value))


@pytest.mark.parametrize(
    "value", [True, False, "12,5", "abc", "1_000", "٣", "0x10", [], {}, "1" * 500, "1e", "ON"]
)
def test_bad(value):
    with pytest.raises(BadInputError, match="flow must be a number") as caught:
        reader().read(value)
    assert caught.value.kind == "value"
    assert len(str(caught.value)) < 400


def test_words_are_numbers_where_the_channel_says_so():
    switch = reader(words={**ON_OFF, "Standby": 0.5})
    words = (True, "ON", "off", False, "STANDBY", "1")
    assert [switch.read(word) for word in words] == [1, 1, 0, 0, 0.5, 1]


def test_scale_offset_and_unit():
    assert reader(scale=0.1, offset=-40.0).read("500") == 10.0
    kilowatt = reader(unit="W")
    assert [kilowatt.read(2.0, unit) for unit in ("kW", "W", "")] == [2000.0, 2.0, 2.0]
    with pytest.raises(BadInputError) as caught:
        kilowatt.read(2.0, "Cel")
    assert caught.value.kind == "unit"
    for wrong in ({"scale": 0.0}, {"offset": math.nan}, {"words": {"on": math.inf}}):
        with pytest.raises(ConfigError):
            ChannelOptions(**wrong)
