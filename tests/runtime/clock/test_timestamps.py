from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.moments import to_ns
from runtime.clock.timestamps import TimestampParser, TimeStyle, format_times
from runtime.errors import InputError

BASE = 1_404_172_800 * 10**9  # 2014-07-01 00:00:00 UTC


FIRST = datetime(1900, 1, 1)  # noqa: DTZ001 - naive times are what is tested
LAST = datetime(2100, 1, 1)  # noqa: DTZ001


def parse(*cells):
    return TimestampParser().parse(cells).tolist()


@pytest.mark.parametrize(
    ("cell", "ns"),
    [
        ("2014-07-01 00:00:00", BASE),
        ("2014-07-01T00:00", BASE),
        ("2014-07-01", BASE),
        ("2014/07/01 00:00:00", BASE),
        (" 2014-07-01 00:00:00 ", BASE),
        ("2014-07-01T00:00:00.123", BASE + 123_000_000),
        ("2014-07-01 00:00:00.123456789", BASE + 123_456_789),
        ("2014-07-01T00:00:00Z", BASE),
        ("2014-07-01T02:00:00+02:00", BASE),
        ("2014-06-30T19:00:00.5-0500", BASE + 500_000_000),
        ("2014-07-01T02:00:00+02", BASE),
        ("1404172800", BASE),
        ("1404172800.25", BASE + 250_000_000),
        ("1404172800000", BASE),
        ("1404172800000000", BASE),
        ("1404172800000000001", BASE + 1),
        ("1.4041728e9", BASE),
        ("0", 0),
        ("-1.5", -1_500_000_000),
        ("1969-12-31 23:59:59", -(10**9)),
        ("2000-02-29 12:00:00", 951_825_600 * 10**9),
        ("2014-06-30 24:00:00", BASE),
        ("2014-06-30 23:59:60", BASE),
        ("01.07.2014 00:00", BASE),
    ],
)
def test_accepted_forms(cell, ns):
    """Every accepted form, alone and in a block, gives UTC nanoseconds."""
    assert parse(cell) == [ns]
    assert parse(cell, cell, cell) == [ns] * 3


@pytest.mark.parametrize(
    "cell",
    ["", "yesterday", "2014-02-30 00:00:00", "2014-13-01 00:00:00", "2014-07-01 24:00:01",
     "2014-07-01 00:60:00", "32.07.2014 00:00", "nan", "1_000", "2014-07-01 00:00:0x", "NaT",
     "9999-01-01 00:00:00", "1e300", "2014-07-01 00:00:00é", "2014-07-01000000"],
)  # fmt: skip
def test_unparsable_times_name_row_and_text(cell):
    """The message has the row, the text and what is accepted, as first cell and as a later one."""
    with pytest.raises(InputError) as error:
        TimestampParser().parse([cell], 2)
    assert f"{cell!r} in row 2" in str(error.value)
    good = "1404172800" if cell in ("1_000", "1e300", "nan") else "2014-07-01 00:00:00"
    with pytest.raises(InputError) as error:
        TimestampParser().parse([good, good, cell], 2)
    assert f"{cell!r} in row 4" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2014-07-01 00:00:00", "2014-07-01 00:00:00Z"),
        ("2014-07-01 00:00:00Z", "2014-07-01 00:00:00"),
        ("2014-07-01 00:00:00+01:00", "2014-07-01 00:00:00.123456"),
    ],
)
def test_mixing_naive_and_aware_times_names_the_row(first, second):
    """Times with and without a zone in one file are an error, also across blocks."""
    parser = TimestampParser()
    parser.parse([first], 2)
    with pytest.raises(InputError, match=r"time zone.*in row 3"):
        parser.parse([second], 3)


@settings(deadline=None)
@given(
    moments=st.lists(st.datetimes(FIRST, LAST), min_size=1),
    separator=st.sampled_from([" ", "T"]),
    hours=st.sampled_from([None, 0, 2, -5]),
)
def test_iso_block_equals_the_standard_library(moments, separator, hours):
    """The vectorised parser agrees with datetime.fromisoformat, and writing reads back."""
    if hours is not None:
        moments = [m.replace(tzinfo=timezone(timedelta(hours=hours))) for m in moments]
    cells = [m.isoformat(separator) for m in moments]
    parser = TimestampParser()
    times = parser.parse(cells)
    assert times.tolist() == [to_ns(m) for m in moments]
    again = TimestampParser()
    np.testing.assert_array_equal(again.parse(format_times(times, parser.style)), times)
    assert again.style == parser.style


@settings(deadline=None)
@given(
    times=st.lists(st.integers(-(2**61), 2**61), min_size=1),
    style=st.sampled_from(
        [TimeStyle("naive"), TimeStyle("aware", separator="T"), TimeStyle("number", unit="ns")]
    ),
)
def test_written_nanoseconds_read_back(times, style):
    """No digit is lost in any style that can hold it."""
    cells = format_times(np.array(times), style)
    np.testing.assert_array_equal(TimestampParser(style).parse(cells), times)


def test_style_is_kept():
    """Output looks like input: naive with a space, aware as Z, numbers as they were."""
    for cell in ("2014-07-01 00:00:00", "2014-07-01T00:00:00.25Z", "1404172800", "1404172800.5",
                 "1404172800123", "-1.5"):  # fmt: skip
        parser = TimestampParser()
        assert format_times(parser.parse([cell]), parser.style) == [cell]


@pytest.mark.parametrize(
    "time",
    [
        datetime(2014, 7, 1),  # noqa: DTZ001
        datetime(2014, 7, 1, tzinfo=UTC),
        datetime(2014, 7, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        "2014-07-01",
        "2014-07-01T02:00:00+02:00",
        np.datetime64("2014-07-01"),
        1404172800,
        1404172800.0,
        np.float64(1404172800),
        np.int64(1404172800),
        np.datetime64("2014-07"),
        np.datetime64("2014-07-01T00", "h"),
        np.datetime64(1404172800 * 10**6, "us"),
    ],
)
def test_to_ns_takes_what_programs_have(time):
    """Datetimes, strings, numpy times and seconds mean the same moment."""
    assert to_ns(time) == BASE


@pytest.mark.parametrize(
    "time",
    [None, True, np.True_, float("nan"), float("-inf"), "soon", np.datetime64("NaT"), 1e30,
     10**12, 10**400, b"2014", "1404172800", 1j, np.datetime64("2600-01-01"),
     np.datetime64("1500"), np.datetime64(2**62, "Y"), np.datetime64(2**62, "W"),
     np.timedelta64(5, "s"), timedelta(1), datetime(9999, 1, 1, tzinfo=UTC), np.array(5), [5]],
)  # fmt: skip
def test_to_ns_refuses_the_rest(time):
    """Anything else is an error that shows it: nothing wraps around."""
    with pytest.raises(InputError, match="Received: ") as error:
        to_ns(time)
    assert len(str(error.value)) < 400


def test_numbers_without_a_text_are_refused_too():
    """Python itself raises where an int of many digits is shown."""
    with pytest.raises(InputError, match="Received: int"):
        to_ns(10**9999)


def test_pandas_moments_are_datetimes():
    """With their zone; NaT is no time."""
    pandas = pytest.importorskip("pandas")
    assert to_ns(pandas.Timestamp("2014-07-01")) == BASE
    assert to_ns(pandas.Timestamp("2014-07-01T02:00", tz="Europe/Berlin")) == BASE
    with pytest.raises(InputError, match="Received: NaT"):
        to_ns(pandas.NaT)


@pytest.mark.parametrize("unit", ["M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_every_unit_of_datetime64_is_read(unit):
    """As numpy casts it, where the cast does not overflow."""
    time = np.datetime64("2014-07-03T12:34:56.789012345").astype(f"M8[{unit}]")
    assert to_ns(time) == int(time.astype("M8[ns]").astype(np.int64))
    assert to_ns(np.datetime64(-1500, "ps")) == -2
    assert to_ns(np.datetime64(10**15, "as")) == 10**6


@settings(deadline=None)
@given(
    seconds=st.lists(st.floats(-4e9, 4e9).map(lambda s: round(s, 6)), min_size=1),
    whole=st.lists(st.integers(-(4 * 10**9), 4 * 10**9)),
)
def test_number_blocks_equal_single_cells(seconds, whole):
    """Blocks of numbers, whole ones among fractions, are parsed as each cell alone."""
    cells = [repr(s) for s in seconds] + [str(s) for s in whole]
    style = TimeStyle("number")
    block = TimestampParser(style).parse(cells)
    assert block.tolist() == [int(TimestampParser(style).parse([c])[0]) for c in cells]
    assert block.tolist() == [to_ns(s) for s in [*seconds, *whole]]
    again = TimestampParser(style).parse(format_times(block, style))
    np.testing.assert_allclose(again, block, rtol=0, atol=1000)
