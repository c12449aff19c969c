"""Which column has the times: a date and its time of day, and what is neither."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from runtime.errors import InputError
from toys.tables import read

DAYS = [datetime(2024, 1, 1) + timedelta(days=i) for i in range(40)]  # noqa: DTZ001
STEPS = [datetime(2024, 5, 6, 22) + timedelta(minutes=10 * i) for i in range(40)]  # noqa: DTZ001


def table(head, row, times):
    return "\n".join([head, *(row(i, time) for i, time in enumerate(times)), ""])


def times_of(text, channels=("a",)):
    times, values, _ = read(text, channels)
    np.testing.assert_array_equal(values[:, 0], 20 + np.arange(40) % 7 / 10)
    return times.view("M8[ns]").astype("M8[s]").astype(datetime).tolist()


def cell(i):
    return f"{20 + i % 7 / 10:.1f}"


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("date,vibration,a", lambda i, t: f"{t:%Y-%m-%d},0.{20 + i % 39},{cell(i)}"),
        ("date,count,a", lambda i, t: f"{t:%Y-%m-%d},{1000 + i},{cell(i)}"),
        ("date,code,a", lambda i, t: f"{t:%Y-%m-%d},{101_000 + i},{cell(i)}"),
    ],
)
def test_numbers_beside_dates_are_no_times_of_day(head, row):
    """0.25 is no 00:25: a channel would be lost, and the times wrong."""
    assert times_of(table(head, row, DAYS)) == DAYS


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("Datum;Uhrzeit;a", lambda i, t: f"{t:%d.%m.%y};{t:%H:%M};{cell(i)}"),
        ("Datum;Uhrzeit;a", lambda i, t: f"{t:%d.%m.%y};{t:%H.%M};{cell(i)}"),
        ("Uhrzeit;Datum;a", lambda i, t: f"{t:%H:%M:%S};{t:%d.%m.%y};{cell(i)}"),
        ("DATE,TIME,a", lambda i, t: f"{t:%Y%m%d},{t:%H%M%S},{cell(i)}"),
        ("DATE,TIME,a", lambda i, t: f"{t:%Y%m%d},{t:%H%M},{cell(i)}"),
        ("DATE,TIME,a", lambda i, t: f"{t:%Y%m%d},{t.hour * 100 + t.minute},{cell(i)}"),
        ("DATE,TIME,a", lambda i, t: f"{t:%Y-%m-%d},{t:%H%M},{cell(i)}"),
        ("date,shift,a", lambda i, t: f"{t:%Y-%m-%d},{t:%H:%M},{cell(i)}"),
    ],
)
def test_a_date_and_its_time_of_day(head, row):
    """Dates that look like times of day are none, and digits need no zeros before them."""
    assert times_of(table(head, row, STEPS)) == STEPS


def test_times_of_day_without_their_zeros_are_refused():
    """Of 95500 and 1000 it is not plain which is 09:55:00, and which 00:10:00."""
    text = table("DATE,TIME,a", lambda i, t: f"{t:%Y%m%d},{int(f'{t:%H%M%S}')},{cell(i)}", STEPS)
    with pytest.raises(InputError, match="'TIME' .*times of day.*'DATE'.*Write all six digits"):
        times_of(text)


def test_numbers_since_the_start_beside_a_date():
    """They are the times; the day of the trial is none."""
    text = table("date,time,a", lambda i, _: f"2024-05-06,{i * 0.5},{cell(i)}", STEPS)
    times, _, style = read(text)
    assert (times[1], style.kind) == (10**9 // 2, "number")
