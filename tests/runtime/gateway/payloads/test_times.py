"""Times of payloads: magnitudes, ISO 8601, zones, clocks that change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.payloads.times import TimeReader
from runtime.gateway.samples import BadInputError

NOW = 1_772_359_200 * 10**9  # 2026-03-01T10:00:00Z
QUARTER = NOW + 250_000_000


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1_772_359_200, NOW),
        (1_772_359_200.25, QUARTER),
        (1_772_359_200.1, NOW + 100_000_000),
        (1_772_359_200_250, QUARTER),
        (1_772_359_200_250_000, QUARTER),
        (1_772_359_200_250_000_001, QUARTER + 1),
        ("1772359200250", QUARTER),
        ("1772359200.25", QUARTER),
        (" 1772359200 ", NOW),
        ("2026-03-01T10:00:00.250Z", QUARTER),
        ("2026-03-01 10:00:00,250z", QUARTER),
        ("2026-03-01T11:00:00.25+01:00", QUARTER),
        ("2026-03-01T11:00:00+01", NOW),
        ("2026-03-01T05:00-0500", NOW),
        ("20260301T100000Z", NOW),
        ("2026-03-01T10:00:00.2500000019Z", QUARTER + 1),
        ("2026-02-28T24:00:00Z", NOW - 36_000 * 10**9),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * 10**9),
    ],
)
def test_a_time_is_read(time, expected):
    assert TimeReader().read(time, NOW) == expected


@pytest.mark.parametrize(
    ("unit", "time", "expected"),
    [
        ("s", 5, 5 * 10**9),
        ("ms", 1_772_359_200_250, QUARTER),
        ("us", "1772359200250000", QUARTER),
        ("ns", 1_772_359_200_250_000_000, QUARTER),
        ("ms", 1.5, 1_500_000),
    ],
)
def test_the_unit_of_the_source_wins(unit, time, expected):
    assert TimeReader(unit=unit).read(time, NOW) == expected


@pytest.mark.parametrize(
    ("time", "kind"),
    [
        ("2026-03-01T10:00:00", "time_zone_missing"),
        ("2026-03-01", "time_zone_missing"),
        ("yesterday", "time"),
        ("2026-13-01T10:00:00Z", "time"),
        ("٢٠٢٦-03-01T10:00Z", "time"),
        ("9" * 100_000, "time"),
        ("9" * 30, "time"),
        (True, "time"),
        ([], "time"),
        (float("nan"), "time"),
        (float("inf"), "time_absurd"),
        (10**400, "time_absurd"),
    ],
)
def test_what_is_no_time(time, kind):
    with pytest.raises(BadInputError) as caught:
        TimeReader().read(time, NOW)
    assert caught.value.kind == kind
    assert len(str(caught.value)) < 400


@settings(max_examples=60, deadline=None)
@given(
    moment=st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    delay_s=st.integers(-60, 600),
)
def test_local_times_of_fresh_messages_are_told_apart(moment, zone, delay_s):
    """In the hour that comes twice, too: by the time of arrival."""
    utc = moment.replace(tzinfo=UTC)
    shown = utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()
    wanted = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert TimeReader(timezone=zone).read(shown, wanted + delay_s * 10**9) == wanted


def test_old_local_times_are_told_apart_by_their_order():
    reader = TimeReader(timezone="Europe/Berlin")
    shown = [f"2025-10-26T0{2}:{minute:02}:00" for minute in (0, 20, 40, 0, 20, 40)]
    times = [reader.read(time, NOW, "p7") for time in shown]
    assert [(b - a) // 60_000_000_000 for a, b in pairwise(times)] == [20] * 5


def test_the_hour_that_clocks_skip_is_bad():
    with pytest.raises(BadInputError, match="skip in spring") as caught:
        TimeReader(timezone="Europe/Berlin").read("2026-03-29T02:30:00", NOW)
    assert caught.value.kind == "time_skipped"


def test_absurd_times():
    """A clock that was never set is no measure of the future."""
    day = 86_400 * 10**9
    assert not TimeReader.absurd(NOW, NOW)
    assert not TimeReader.absurd(NOW + day, NOW)
    assert TimeReader.absurd(NOW + day + 1, NOW)
    assert TimeReader.absurd(5, NOW)
    assert not TimeReader.absurd(NOW, 5)
    assert TimeReader.absurd(2**63, 5)
