"""Frames and tables: what users bring, and what is said when it cannot be used."""

import numpy as np
import pandas as pd
import pytest

from kad.data.frames import GridOptions, infer_period, time_index, times_ns, to_grid, to_segments
from kad.data.labels import read_labels
from kad.data.rows import select_rows
from kad.data.tables import read_table
from runtime.clock.grid import GridCounts
from runtime.errors import InputError
from toys.series import wave

MINUTE = 60 * 10**9


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
        ("time,a\n2025-01-01,1\n2025-01-02,2\n2025-01-03,oops\n", "Column a .*'oops' in row 4"),
        ("time,a\n2025-01-01,1\nyesterday,2\n", "'yesterday'.* row 3"),
        ("time,a\n2025-01-01T00:00:00Z,1\n2025-01-01 00:01:00,2\n", "time zone"),
        ("Time (UTC),a\n2025-01-01,1\n2025-01-02,2\n", "Say --time 'Time \\(UTC\\)'"),
        ("time,a\n2025-01-01,1\n2025-01-02\n", "2 cells.*1 in row 3"),
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


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("10:20", (10, 20)),
        (":5", (0, 5)),
        ("45:", (45, 50)),
        ("2025-01-01 00:10:00:2025-01-01 00:20:00", (10, 20)),
        ("2025-01-01T00:10:2025-01-01T00:20", (10, 20)),
        (":2025-01-01 00:05:00", (0, 5)),
    ],
)
def test_training_rows_as_numbers_and_as_times(rows, expected):
    """START:END is half-open in both forms."""
    frame = wave(50)
    pd.testing.assert_frame_equal(select_rows(frame, rows), frame.iloc[slice(*expected)])


def test_epoch_times_select_training_rows():
    """Numbers beyond the number of rows are times where the index has numbers."""
    frame = wave(50).set_index(1_700_000_000 + 60.0 * np.arange(50))
    chosen = select_rows(frame, "1700000600:1700001200")
    pd.testing.assert_frame_equal(chosen, frame.iloc[10:20])


@pytest.mark.parametrize("rows", ["60:70", "2024-01-01:2024-02-01", "yesterday", "5"])
def test_empty_or_unreadable_rows_are_refused(rows):
    """No rows, or no range, is an error that shows the forms."""
    with pytest.raises(InputError, match="--train"):
        select_rows(wave(50), rows)


def test_labels(tmp_path):
    """Windows are read as nanoseconds; a window that ends before it starts is refused."""
    path = write(tmp_path, "start,end,kind\n1970-01-01 00:00:01,1970-01-01 00:00:02,x\n")
    assert read_labels(path) == [(10**9, 2 * 10**9)]
    with pytest.raises(InputError, match="Row 2 .* ends before"):
        read_labels(write(tmp_path, "start,end\n2025-01-02,2025-01-01\n"))
    with pytest.raises(InputError, match="data.csv cannot be read: Times must be .*'' in row 3"):
        read_labels(write(tmp_path, "start,end\n2025-01-01,2025-01-02\n2025-01-03\n"))
    with pytest.raises(InputError, match="start and end"):
        read_labels(write(tmp_path, "from,to\n2025-01-02,2025-01-01\n"))


def test_period_is_the_median_step():
    """Gaps and duplicates do not move it; mixed sampling periods are refused."""
    times = times_ns(wave(100))
    assert infer_period(np.r_[times, times[-1], times[-1] + 50 * MINUTE]) == 60.0
    mixed = np.r_[times, times[-1] + np.arange(1, 100) * 25 * 10**9]
    with pytest.raises(InputError, match="mixes sampling periods"):
        infer_period(mixed)
    with pytest.raises(InputError, match="at least two rows"):
        infer_period(times[:1])


def test_segments_are_what_the_gateway_sees():
    """Short gaps become missing rows, long ones separate segments, duplicates are counted."""
    frame = wave(60)
    frame = pd.concat([frame.iloc[:10], frame.iloc[9:10], frame.iloc[12:30], frame.iloc[50:]])
    placed, counts = to_grid(frame, GridOptions(period_s=60.0, max_gap_steps=5))
    segments = to_segments(placed)
    assert [len(s.values) for s in segments] == [30, 10]
    assert np.isnan(segments[0].values[10:12]).all()
    assert counts == GridCounts(received=39, duplicates=1, missing=2, restarts=1)
    assert (np.diff(segments[0].times_ns) == MINUTE).all()


def test_rows_grid_takes_every_row():
    """With grid `rows` nothing is placed, dropped or filled."""
    frame = pd.concat([wave(10), wave(10)])
    placed, _ = to_grid(frame, GridOptions(period_s=60.0, max_gap_steps=5, grid="rows"))
    np.testing.assert_array_equal(placed.values, frame.to_numpy())
    assert len(to_segments(placed)) == 1


def test_index_kinds_survive():
    """Scores come back with the kind of index that went in."""
    for index in (
        pd.date_range("2025-01-01", periods=3, freq="s"),
        pd.date_range("2025-01-01", periods=3, freq="s", tz="Europe/Berlin"),
        pd.RangeIndex(3),
        pd.Index([0.25, 0.5, 0.75]),
    ):
        frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index)
        again = time_index(times_ns(frame), frame.index)
        assert list(again) == list(index)
    with pytest.raises(InputError, match="timestamps or numbers"):
        times_ns(pd.DataFrame({"a": [1.0]}, index=["x"]))
