"""What is kept of a column's times: in the detector file, and in config.toml."""

import json

import numpy as np
import pytest

from runtime.clock.find import could_be_times
from runtime.clock.forms import KINDS, TimeForm
from runtime.clock.names import is_date_name, time_name_rank, unit_of
from runtime.errors import InputError

FORMS = [
    TimeForm(),
    TimeForm("iso", aware=True, separator="T"),
    TimeForm("day-first", interval=True),
    TimeForm("excel", digits=6),
    TimeForm("elapsed", unit="min", digits=2),
    TimeForm("strptime", aware=True, format="%d/%m/%Y %H:%M %z"),
]


@pytest.mark.parametrize("form", FORMS)
def test_forms_come_back_from_json(form):
    """Only what differs from the usual is written."""
    tree = json.loads(json.dumps(form.to_dict()))
    assert TimeForm.from_dict(tree) == form
    assert len(form.to_dict()) <= 4
    assert form.describe()


def test_every_kind_has_words():
    """For what is said of a file."""
    for kind in KINDS:
        form = TimeForm(kind, format="%Y" if kind == "strptime" else "")
        assert len(form.describe()) > 10
        assert TimeForm.from_dict(form.to_dict()) == form


@pytest.mark.parametrize(
    "tree",
    [None, [], "iso", {}, {"kind": "other"}, {"kind": "iso", "zone": 1},
     {"kind": "iso", "aware": 1},
     {"kind": "iso", "digits": True}, {"kind": "excel", "digits": 99},
     {"kind": "epoch", "unit": []},
     {"kind": "iso", "format": "%Y"}, {"kind": "strptime"}, {"kind": "strptime", "format": 5},
     {"kind": "iso", "separator": "x"}, {"kind": ["iso"]}],
)  # fmt: skip
def test_other_trees_are_refused(tree):
    """A damaged file is an error, never another form."""
    with pytest.raises(InputError, match="time form"):
        TimeForm.from_dict(tree)


@pytest.mark.parametrize(
    "name",
    ["time", "timestamp", "date", "datetime", "ts", "ds", "t", "unix_time", "epoch", "_time",
     "Time (s)", "Date/Time", "zeit", "Datum", "Uhrzeit", "Zeitstempel", "fecha", "hora",
     "horodatage", "data/ora", "last_changed", "TIMESTAMP", "time_utc", "MTU (UTC)", " Timestamp",
     "Date and time", "Elapsed", "Local Time", "dateTime", "created_at", "Zeit [ms]", "Время"],
)  # fmt: skip
def test_names_of_time_columns_are_known(name):
    """In several languages, whatever the case, punctuation and unit."""
    assert time_name_rank(name) is not None


@pytest.mark.parametrize(
    "name",
    ["response_time", "runtime", "uptime", "flow", "temperature", "lead time", "", "Unnamed: 0"],
)  # fmt: skip
def test_other_names_are_not(name):
    """Durations are channels."""
    assert time_name_rank(name) is None


def test_better_names_come_first():
    """The end of an interval and single letters are the last choice."""
    names = ["time", "unix_time", "start time", "end time", "t"]
    assert sorted(names, key=time_name_rank) == names
    assert is_date_name("Date/Time")
    assert not is_date_name("time")
    units = [
        unit_of(h) for h in ("Time (s)", "t [ms]", "Elapsed min", "ts_us", "time", "Time (UTC)")
    ]
    assert units == ["s", "ms", "min", "us", None, None]


def test_numbers_that_could_be_times_are_said():
    """Under any name; readings, row numbers and counters are not."""
    steps = np.arange(500.0)
    assert "s since 1970 (the first is 2024-03-04" in could_be_times(1_709_510_400 + 300 * steps)
    assert could_be_times((1_709_510_400 + 300 * steps) * 1e6).startswith("us since")
    assert "2024-03-04 00:00:00" in could_be_times(45_355 + steps / 288)
    assert "digits" in could_be_times(202_403_040_000 + steps[:60])
    rng = np.random.default_rng(1)
    counter = 53_721 + np.cumsum(rng.integers(20, 40, 500))
    for numbers in (steps, counter, 20 + rng.standard_normal(500), steps[:1], steps * np.nan):
        assert could_be_times(numbers) is None
