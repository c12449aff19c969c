"""Local times over changes of the clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.clock.timestamps import NO_TIME, TimeForm, TimestampParser, TimeStyle
from runtime.errors import InputError
from toys.cases import columns

BERLIN = ZoneInfo("Europe/Berlin")


def local(times, zone=BERLIN):
    return [f"{t.astimezone(zone):%Y-%m-%d %H:%M:%S}" for t in times]


@settings(deadline=None, max_examples=12)
# Where half an hour comes twice, beside half an hour that does not, or is leapt over.
@example(zone="Australia/Lord_Howe", year=1996, step=10, rows=2, chunk=20, newest_first=False)
@example(zone="Australia/Lord_Howe", year=1996, step=60, rows=1, chunk=20, newest_first=False)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    year=st.integers(1995, 2035),
    step=st.sampled_from([1, 5, 10, 15, 30, 60]),
    rows=st.integers(1, 3),
    chunk=st.integers(20, 400),
    newest_first=st.booleans(),
)
def test_a_year_of_local_times_becomes_utc(zone, year, step, rows, chunk, newest_first):
    """The repeated hour is told apart by order, in parts of any size, either way round."""
    starts = [datetime(year, month, 24, tzinfo=UTC) for month in (3, 10)]
    times = [s + timedelta(minutes=step * i) for s in starts for i in range(9 * 1440 // step)]
    times = [t for t in times for _ in range(rows)][-4000:]
    times = times[::-1] if newest_first else times
    cells = local(times, ZoneInfo(zone))
    parser = TimestampParser(TimeForm(), timezone=zone)
    parts = [parser.parse(cells[i : i + chunk], i) for i in range(0, len(cells), chunk)]
    assert np.concatenate(parts).tolist() == [int(t.timestamp()) * 10**9 for t in times]
    assert parser.style == TimeStyle("aware")


def test_the_hour_that_clocks_skip_is_an_error():
    """It names the row; a stream counts it instead."""
    cells = ["2024-03-31 01:55", "2024-03-31 02:05", "2024-03-31 03:00"]
    with pytest.raises(InputError, match="Europe/Berlin.*'2024-03-31 02:05' in row 3"):
        TimestampParser(timezone="Europe/Berlin").parse(cells, 2)
    times = TimestampParser(timezone="Europe/Berlin").parse(cells, 2, strict=False)
    assert (times == NO_TIME).tolist() == [False, True, False]
    assert times[2] - times[0] == 300 * 10**9


def test_times_with_a_zone_keep_theirs():
    """A time zone is for times without; seconds since 1970 have none to give."""
    for cell in ("2024-07-01 00:00Z", "1719792000"):
        parser = TimestampParser(timezone="Europe/Berlin")
        assert parser.parse([cell]).tolist() == [1_719_792_000 * 10**9]


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../etc/passwd", "berlin time"])
def test_unknown_zones_are_refused(name):
    """With an example of a known one."""
    with pytest.raises(InputError, match="IANA database, such as Europe/Berlin"):
        TimestampParser(timezone=name)


def test_without_a_database_the_message_says_what_to_install(monkeypatch):
    """Windows has none."""
    monkeypatch.setattr("runtime.clock.zones.available_timezones", set)
    with pytest.raises(InputError, match="pip install tzdata"):
        TimestampParser(timezone="Europe/Nowhere")


def test_without_a_zone_the_repeated_hour_is_counted():
    """So that it can be named: once, with its row."""
    cells = [row[0] for row in columns("local_time_autumn.csv")[1]]
    parser = TimestampParser()
    parser.parse(cells[:401], 2)
    parser.parse(cells[401:], 403)
    assert parser.repeats.count == 1
    row, text = parser.repeats.first
    assert cells[row - 2] == text == "2024-10-27 02:00"
    plain = TimestampParser()
    plain.parse(["2024-10-27 02:00", "2024-10-27 02:05", "2024-10-27 02:04"])
    assert (plain.repeats.count, plain.repeats.first) == (0, None)
