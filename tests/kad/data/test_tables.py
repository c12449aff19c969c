"""Tables: what users bring, and what is said when it cannot be used."""

import numpy as np
import pandas as pd
import pytest

from kad.data.frames import times_ns
from kad.data.labels import read_labels
from kad.data.tables import read_table
from runtime.errors import InputError
from toys.series import wave


def write(tmp_path, text):
    """Writes a CSV."""
    path = tmp_path / "data.csv"
    path.write_text(text)
    return path


def test_rows_without_times_are_one_period_apart(tmp_path):
    """As the gateway numbers them, so that `[data] period` makes no row a duplicate."""
    frame = read_table(write(tmp_path, "a\n5\n6\n7\n"), period_s=300.0).frame
    np.testing.assert_array_equal(times_ns(frame), np.array([0, 300, 600]) * 10**9)


def test_csv_round_trip(tmp_path):
    """A frame written by pandas is read back exactly."""
    frame = wave(50)
    path = tmp_path / "wave.csv"
    frame.to_csv(path)
    read = read_table(path).frame
    np.testing.assert_array_equal(read.to_numpy(), frame.to_numpy())
    assert list(read.index) == list(frame.index)


def test_rows_without_times_are_numbered(tmp_path):
    """One second apart, as their labels; times 0, 1, 2 of the file's own stay times."""
    frame = read_table(write(tmp_path, "a\n5\n6\n7\n")).frame
    assert frame.index.equals(pd.RangeIndex(3))
    assert times_ns(frame).tolist() == [0, 10**9, 2 * 10**9]
    labels = tmp_path / "labels.csv"
    labels.write_text("start,end\n1,2\n")
    assert read_labels(labels) == [(10**9, 2 * 10**9)]
    timed = read_table(write(tmp_path, "time,a\n0,5\n1,6\n2,7\n")).frame
    assert (timed.index.name, timed.index.dtype) == ("time", float)


def test_numeric_columns_are_found(tmp_path):
    """Text columns are left out, empty ones and mostly numeric ones are not."""
    path = write(tmp_path, "time;a;note;b\n2025-01-01;1;x;\n2025-01-02;2;y;3\n")
    assert list(read_table(path).frame.columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("time,a\n", "header alone"),
        ("time,note\n2025-01-01,x\n", "at least one numeric column"),
        ("time,a\n2025-01-01,1\n2025-01-02,2\n2025-01-03,o0ps\n", "Column a .*'o0ps' in row 4"),
        ("time,a\n2025-01-01,1\nyesterday,2\n2025-01-03,1\n", "'yesterday'.* row 3"),
        (
            "time,a\n2025-01-01T00:00:00Z,1\n2025-01-01 00:01:00,2\n2025-01-01T00:02:00Z,3\n",
            "time zone",
        ),
        ("time,a\n2025-01-01,1\n2025-01-02\n2025-01-03,1\n", "2 cells.*1 in row 3"),
    ],
)
def test_bad_tables_name_the_place(tmp_path, text, message):
    """Each unusable file is one line with row and column."""
    with pytest.raises(InputError, match=message) as error:
        read_table(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_time_zones_become_utc(tmp_path):
    """Offsets are honoured: a daylight-saving repeat in local time is no repeat."""
    path = write(
        tmp_path,
        "time,a\n2025-10-26T02:30:00+02:00,1\n2025-10-26T02:30:00+01:00,2\n",
    )
    frame = read_table(path).frame
    assert str(frame.index.tz) == "UTC"
    assert frame.index[1] - frame.index[0] == pd.Timedelta("1h")
