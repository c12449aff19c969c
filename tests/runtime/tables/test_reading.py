"""How a file was read: kept, written, read back, laid over what was learnt."""

import pytest

from runtime.clock.forms import TimeForm
from runtime.errors import InputError, ModelFileError
from runtime.tables.reading import Reading, learnt_reading

FULL = Reading(
    time="Date + Time",
    form=TimeForm("day-first", aware=True),
    timezone="Europe/Berlin",
    decimal=",",
    missing=(-9999, "X"),
    id="tag",
    value="value",
    units={"power": "W"},
    registers={"flow": (65535.0,)},
    switches=("pump",),
)


def test_round_trip():
    """What is written is what is read; what is not said is not written."""
    assert Reading.from_dict(FULL.to_dict()) == FULL
    assert Reading().to_dict() == {}
    assert learnt_reading({"reading": FULL.to_dict()}) == FULL
    assert learnt_reading({}) == Reading()


@pytest.mark.parametrize(
    "raw",
    [
        *({"other": 1}, {"time": 5}, {"decimal": ";"}, {"missing": "X"}, {"missing": [True]}),
        *({"missing": [float("nan")]}, {"units": {"a": 1}}, {"units": []}, {"switches": [1]}),
        *({"registers": {"a": ["x"]}}, {"registers": {"a": 5}}, {"form": {"kind": "other"}}),
        {"form": []},
    ],
)
def test_what_kad_did_not_write(raw):
    """It is refused, in a detector by naming it."""
    with pytest.raises(InputError):
        Reading.from_dict(raw)
    with pytest.raises(ModelFileError, match="damaged"):
        learnt_reading({"reading": raw})


def test_what_is_said_goes_before_what_was_learnt():
    """The form of one column says nothing about another."""
    said = Reading(time="zeit", decimal=".")
    both = said.over(FULL)
    assert (both.time, both.decimal, both.timezone) == ("zeit", ".", "Europe/Berlin")
    assert both.form is None
    assert Reading(decimal=".").over(FULL).form == FULL.form
