"""Which form the times of a column have: all its cells decide, or a person does."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.find import find_form, is_date_only, is_time_of_day
from runtime.clock.forms import TimeForm
from runtime.clock.timestamps import NO_TIME, TimestampParser
from runtime.errors import AmbiguousTimeError, InputError
from toys.cases import case, columns

EXCEL = datetime(1899, 12, 30)  # noqa: DTZ001 - naive times are what is tested
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


def clock12(t):
    return f"{t.hour % 12 or 12}:{t:%M:%S} {'PM' if t.hour >= 12 else 'AM'}"


MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
GERMAN = [
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
    *("August", "September", "Oktober", "November", "Dezember"),
]

FORMS = {
    "iso": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "iso, short": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t:%M:%S}",
    "iso, points": lambda t: f"{t:%Y.%m.%d %H:%M:%S}",
    "iso, dashes": lambda t: f"{t:%Y-%m-%dT%H-%M-%S}",
    "iso, Japanese": lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}:{t:%M:%S}",
    "iso, T and Z": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}Z",
    "iso, UTC": lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC",
    "iso, comma": lambda t: f"{t:%Y-%m-%d %H:%M:%S},000",
    "iso, offset": lambda t: f"{t + timedelta(hours=5.5):%Y-%m-%dT%H:%M:%S}+05:30",
    "iso, offsets": lambda t: (
        f"{t + timedelta(hours=1 + t.month % 2):%Y-%m-%d %H:%M:%S}+0{1 + t.month % 2}:00"
    ),
    "iso, end of day": lambda t: (
        f"{t - timedelta(days=1):%Y-%m-%d} 24:00:00" if t.hour == t.minute == t.second == 0
        else f"{t:%Y-%m-%d %H:%M:%S}"
    ),
    "day first": lambda t: f"{t:%d.%m.%Y %H:%M:%S}",
    "day first, slashes": lambda t: f"{t:%d/%m/%Y %H:%M:%S}",
    "day first, short": lambda t: f"{t.day}-{t.month}-{t.year}, {t.hour}:{t:%M:%S}",
    "month first": lambda t: f"{t:%m/%d/%Y %H:%M:%S}",
    "month first, 12 hours": lambda t: f"{t.month}/{t.day}/{t.year} {clock12(t)}",
    "month first, narrow space": lambda t: f"{t.month}/{t.day}/{t.year}, {clock12(t)}".replace(
        " AM", "\u202fAM"
    ).replace(" PM", "\u202fPM"),
    "month name": lambda t: f"{t.day:02}-{MONTHS[t.month - 1]}-{t.year} {t:%H:%M:%S}",
    "month name first": lambda t: f"{MONTHS[t.month - 1]} {t.day}, {t.year} {clock12(t)}",
    "month name, German": lambda t: f"{t.day}. {GERMAN[t.month - 1]} {t.year} {t:%H:%M:%S}",
    "RFC 2822": lambda t: (
        f"{WEEKDAYS[t.weekday()]}, {t:%d} {MONTHS[t.month - 1]} {t.year} {t:%H:%M:%S} +0000"
    ),
    "ctime": lambda t: (
        f"{WEEKDAYS[t.weekday()]} {MONTHS[t.month - 1]} {t.day:2} {t:%H:%M:%S} {t.year}"
    ),
    "digits": lambda t: f"{t:%Y%m%d%H%M%S}",
    "digits, T and Z": lambda t: f"{t:%Y%m%dT%H%M%S}Z",
    "epoch, s": lambda t: f"{t.replace(tzinfo=UTC).timestamp():.0f}",
    "epoch, ms": lambda t: f"{t.replace(tzinfo=UTC).timestamp() * 1e3:.0f}",
    "epoch, us": lambda t: f"{(t - EPOCH) // timedelta(microseconds=1)}",
    "epoch, ns": lambda t: f"{(t - EPOCH) // timedelta(microseconds=1)}000",
    "Excel": lambda t: f"{(t - EXCEL) / timedelta(days=1):.6f}",
    "Excel, comma": lambda t: f"{(t - EXCEL) / timedelta(days=1):.6f}".replace(".", ","),
    "interval": lambda t: f"{t:%d.%m.%Y %H:%M:%S} - {t + timedelta(minutes=15):%d.%m.%Y %H:%M:%S}",
    "interval, ISO": lambda t: (
        f"{t:%Y-%m-%dT%H:%M:%S}Z/{t + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}Z"
    ),
    "interval, times": lambda t: f"{t:%Y-%m-%d %H:%M:%S} - {t + timedelta(hours=1):%H:%M:%S}",
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@settings(deadline=None, max_examples=8)
@given(
    start=st.datetimes(datetime(1991, 1, 1), datetime(2068, 1, 1)),  # noqa: DTZ001
    step=st.sampled_from([1, 30, 300, 3600, 7 * 3600 + 61]),
)
def test_times_of_every_form_read_back(name, start, step):
    """From the 13th on, the data tell day from month; then all is as it was written."""
    start = start.replace(microsecond=0)
    times = [start + timedelta(seconds=step * i) for i in range(40)]
    times += [start.replace(month=11, day=28) + timedelta(seconds=step * i) for i in range(9)]
    cells = [FORMS[name](t) for t in times]
    form = find_form(cells, header="Date")
    assert form is not None
    read = TimestampParser(form).parse(cells)
    assert read.tolist() == [(t - EPOCH) // timedelta(seconds=1) * 10**9 for t in times]
    assert (
        TimestampParser(TimeForm.from_dict(form.to_dict())).parse(cells[7:9]).tolist()
        == read[7:9].tolist()
    )


@pytest.mark.parametrize(
    "name",
    ["day_first.csv", "twelve_hour.csv", "month_names.csv", "slashes_short.csv", "utc_suffix.csv",
     "hour_24.csv", "seconds_comma.csv", "excel_serial.csv", "compact_digits.csv",
     "epoch_other_name.csv", "date_and_time.csv", "elapsed.csv", "interval_column.csv",
     "local_time_autumn.csv", "offsets_mixed.csv", "other_time_name.csv", "time_ignored.csv"],
)  # fmt: skip
def test_collected_cases_are_read(name):
    """First and last time, and the steps between, are those that the case states."""
    facts = case(name)
    header, rows = columns(name)
    two = is_date_only([row[0] for row in rows]) and is_time_of_day([row[1] for row in rows])
    cells = [" ".join(row[:2]) if two else row[0] for row in rows]
    zone = "Europe/Berlin" if "timezone" in facts["options"] else None
    times = TimestampParser(find_form(cells, header=header[0]), timezone=zone).parse(cells, 2)
    if name == "elapsed.csv":
        ends = [0, 125_700 * 10**9]
    else:
        ends = [
            np.datetime64(facts[end].replace(" ", "T"), "ns").astype(int)
            for end in ("first", "last")
        ]
    assert [times[0], times[-1]] == ends
    assert np.median(np.diff(times)) == float(facts["period_s"]) * 1e9
    assert (np.diff(times) > 0).all()


def test_a_date_with_two_readings_is_asked_for():
    """The error has a cell, both readings and what to say; what is said decides."""
    header, rows = columns("day_or_month.csv")
    cells = [row[0] for row in rows]
    with pytest.raises(
        AmbiguousTimeError, match=r"03/04/2024.*2024-04-03.*2024-03-04.*time_format"
    ):
        find_form(cells, header=header[0])
    form = find_form(cells, time_format="day-first")
    assert form == TimeForm("day-first")
    assert form == find_form(cells[:1], time_format="day-first")
    by_hand = find_form(cells, time_format="%d/%m/%Y %H:%M:%S")
    assert (TimestampParser(form).parse(cells) == TimestampParser(by_hand).parse(cells)).all()


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["03/04/2024", "13/04/2024"], "day-first"),
        (["03/04/2024", "03/13/2024"], "month-first"),
        (["3.4.2024 0:05"], "day-first"),
        (["03.04.2024", "03.13.2024"], "month-first"),
        ([f"{d:02}/03/2024 {h:02}:00" for d in range(1, 11) for h in range(24)], "day-first"),
        ([f"03/{d:02}/2024 {h:02}:00" for d in range(1, 11) for h in range(24)], "month-first"),
    ],
)
def test_one_cell_may_tell_day_from_month(cells, kind):
    """A 13th month does not exist; days that follow each other do not jump by months."""
    assert find_form(cells).kind == kind


@pytest.mark.parametrize(
    ("cells", "header"),
    [(["20240301", "20240302"], "time"), (["45355", "45356"], "time"), (["0:05", "0:10"], "time"),
     (["24/03/04 0:05"], "time"), (["2024030405", "2024030406"], "time")],
)  # fmt: skip
def test_numbers_with_two_readings_are_asked_for(cells, header):
    """What may be dates or seconds is neither in silence."""
    with pytest.raises(AmbiguousTimeError, match=rf"{cells[0]}.*in \[data\]"):
        find_form(cells, header=header)


@pytest.mark.parametrize(
    ("cells", "header", "options", "seconds"),
    [
        (["0", "0.5", "1"], "Time (s)", {}, [0, 0.5, 1]),
        (["0", "100", "250"], "t [ms]", {}, [0, 0.1, 0.25]),
        (["0", "5", "10"], "Elapsed min", {}, [0, 300, 600]),
        (["0.0", "0.0833", "0.1667"], "time", {"time_unit": "h"}, [0, 300, 600]),
        (["0:05:00", "34:55:00"], "Elapsed", {}, [300, 125_700]),
        (["1.00:05:00", "2 days, 0:05:00"], "Elapsed", {}, [86_700, 173_100]),
        (["05:00.250", "65:01"], "Elapsed", {}, [300.25, 3901]),
        (["45355", "45356"], "time", {"time_unit": "s"}, [45_355, 45_356]),
        (["45355", "45356"], "time", {"time_unit": "excel"}, [1_709_510_400, 1_709_596_800]),
        (
            ["20240301", "20240302"],
            "day",
            {"time_format": "%Y%m%d"},
            [1_709_251_200, 1_709_337_600],
        ),
        (["1709510400123"], "Time (s)", {}, [1_709_510_400.123]),
        (["1:30", "1:35"], "t (mm:ss)", {}, [90, 95]),
    ],
)
def test_units_come_from_the_header_or_a_person(cells, header, options, seconds):
    """Elapsed numbers become seconds from 0."""
    form = find_form(cells, header=header, **options)
    times = TimestampParser(form).parse(cells)
    assert times.tolist() == [round(s * 1000) * 10**6 for s in seconds]
    assert form.style.kind == ("number" if form.is_elapsed or form.kind == "epoch" else "naive")


@pytest.mark.parametrize(
    ("cells", "header"),
    [(["NORMAL", "BROKEN"], "status"), (["20.1", "19.9"], "flow"), (["P1.flow"], "tag"),
     (["", " "], "time"), (["1.2.3.4"], "version"), (["20.1", "20.5", "19.9"], "T"),
     (["0:10:00", "0:02:00", "0:11:00"], "duration"), (["sensor 4.3.24"], None)],
)  # fmt: skip
def test_what_is_no_time_has_no_form(cells, header):
    """Words, readings and versions."""
    assert find_form(cells, header=header) is None


def test_a_torn_line_does_not_hide_the_times():
    """One cell in ten may be something else; the parser names it, or marks it."""
    cells = [f"2024-03-04 00:{m:02}" for m in range(20)] + ["2024-03-0"]
    form = find_form(cells)
    with pytest.raises(InputError, match="'2024-03-0' in row 22"):
        TimestampParser(form).parse(cells, 2)
    times = TimestampParser(form).parse([*cells, ""], 2, strict=False)
    assert (times[-2:] == NO_TIME).all()
    assert (times[:-2] != NO_TIME).all()


def test_times_of_day_without_a_date_do_not_pass_midnight():
    """A day would be lost, or rows go back."""
    with pytest.raises(InputError, match="must have a date.*23:55:00"):
        find_form(["23:50:00", "23:55:00", "00:00:00"], header="Time")


@pytest.mark.parametrize("text", ["%Q", "%d %d", "nonsense"])
def test_unusable_formats_are_refused(text):
    """With what is taken instead."""
    with pytest.raises(InputError, match="time_format"):
        find_form(["04.03.2024"], time_format=text)
    with pytest.raises(InputError, match=r"says. Received: '04.03.2024'"):
        find_form(["04.03.2024"], time_format="%Y-%m-%d")
    with pytest.raises(InputError, match="time_unit must be one of"):
        find_form(["1"], time_unit="weeks")


def test_dates_and_times_in_two_columns_are_known():
    """Such as can be joined with a space."""
    for cells in (["2024-03-04"], ["13.03.2024"], ["3/13/2024"], ["20240304"], ["4 March 2024"]):
        assert is_date_only(cells)
        assert not is_time_of_day(cells)
    for cells in (["00:05:00"], ["1:05 PM"], ["000500"], ["00:05:00,250"], ["23:59Z"]):
        assert is_time_of_day(cells)
        assert not is_date_only(cells)
    for cells in (["34:55:00"], ["2024-03-04 00:05"], ["7"], [], [""], ["flow"]):
        assert not is_date_only(cells)
        assert not is_time_of_day(cells)


@pytest.mark.parametrize("seconds", ["", "%S"])
def test_digits_that_begin_with_two_of_the_year(seconds):
    """2405060800 is no second of 2046: the steps tell, or both readings are named."""
    times = [datetime(2024, 5, 6, 8) + timedelta(minutes=10 * i) for i in range(60)]  # noqa: DTZ001
    cells = [f"{time:%y%m%d%H%M}{time.strftime(seconds)}" for time in times]
    for header in ("time", "stamp"):
        form = find_form(cells, header=header)
        assert form is not None
        read = TimestampParser(form).parse(cells)
        assert read.tolist() == [(t - EPOCH) // timedelta(seconds=1) * 10**9 for t in times]
    if not seconds:
        with pytest.raises(AmbiguousTimeError, match='2024-05-06 08:00:00 .*"%y%m%d%H%M" or'):
            find_form(cells[:6], header="time")
    epoch = find_form([str(1_710_100_000 + i) for i in range(50)], header="time")
    assert epoch == TimeForm("epoch")


def test_the_day_of_the_year():
    """2024366 is followed by 2025001, which are no seconds."""
    days = [datetime(2024, 12, 20) + timedelta(days=i) for i in range(40)]  # noqa: DTZ001
    form = find_form([f"{day:%Y%j}" for day in days], header="date")
    assert form == TimeForm("strptime", format="%Y%j")
    assert find_form([str(5_000_000 + i) for i in range(40)], header="time") == TimeForm("elapsed")


@pytest.mark.parametrize("header", ["Zeit in s", "Time in s", "Temps en s"])
def test_units_in_words(header):
    """Times under such a name count from the start."""
    assert find_form([str(600 * i) for i in range(9)], header=header) == TimeForm("elapsed")


def test_an_hour_and_two_digits_are_no_time():
    """08-10 may be an offset or minutes: neither is taken without a word."""
    assert find_form([f"2024-05-06T08-{m:02}" for m in range(0, 60, 10)], header="time") is None
    assert find_form(["2024-05-06 08+02"] * 9, header="time") is None


WORDS = st.text(st.sampled_from("0123456789 :/.-,TZ+eE_naMarPp()[]é\u202f\x00日"), max_size=30)


@settings(deadline=None, max_examples=50)
@given(
    cells=st.lists(WORDS | st.text(max_size=12) | st.integers().map(str), max_size=12),
    header=st.none() | st.sampled_from(["time", "Date", "t (s)"]) | st.text(max_size=12),
)
def test_whatever_is_in_a_column_is_read_or_refused(cells, header):
    """Never another error; a stream gets a mark for what is no time."""
    try:
        form = find_form(cells, header=header)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
        form = None
    for kind in ("iso", "day-first", "month-name", "digits", "epoch", "excel", "clock"):
        times = TimestampParser(form or TimeForm(kind)).parse(cells, strict=False)
        assert len(times) == len(cells)
        assert ((times == NO_TIME) | (np.abs(times) < 2**62)).all()
