"""Rows that are none: between joined reports, at the end, among rows."""

import io

import pytest

from runtime.errors import InputError
from runtime.tables.notes import notes_of
from runtime.tables.reader import TableReader

FIRST = "time,a,b\n,bar,kW\n0,1,9\n60,3,4\n"
SECOND = "time,a,b\n,bar,kW\n120,5,6\n180,7,8\n"


def read(text, **options):
    reader = TableReader(io.BytesIO(text.encode()), ["a"], period_s=60.0, **options)
    return [value for block in reader for value in block.values[:, 0].tolist()], notes_of(reader)


@pytest.mark.parametrize(
    ("between", "count"),
    [
        ("", 0),
        ("Report 2\n", 1),
        ("Average,2,3\n\nReport 2,,\n", 2),
        ("Total\nPlant 7\nReport 2: a, b, and c, more\n", 3),
    ],
)
def test_titles_between_joined_reports_are_left_out_and_said(between, count):
    """What stands between rows and the header that comes again; its units go with it."""
    values, notes = read(FIRST + between + SECOND + between + SECOND.replace("1", "2"))
    assert values == [1, 3, 5, 7, 5, 7]
    said = [note for note in notes if note.startswith(f"{2 * count} lines between joined reports")]
    assert len(said) == (count > 0)


@pytest.mark.parametrize(
    "text",
    [
        FIRST + "Report 2\n" + "120,5,6\n" + SECOND,
        FIRST + "Report 2\n" + "120,5,6\n",
        FIRST + SECOND.replace("120", "Report 2"),
    ],
)
def test_a_row_that_is_none_among_rows_is_an_error(text):
    """Before a row, without the header between them; below the header."""
    with pytest.raises(InputError, match=r"Report 2"):
        read(text)


def test_many_joined_reports_are_read():
    """More than fifty titles at once are no footer."""
    values, notes = read(FIRST + ("Report\n" + SECOND) * 200)
    assert len(values) == 402
    assert any(note.startswith("200 lines between joined reports") for note in notes)


def test_a_live_pipe_counts_them():
    """They end nothing."""
    values, _ = read(FIRST + "Report 2\n" + SECOND, live=True)
    assert values == [1, 3, 5, 7]
