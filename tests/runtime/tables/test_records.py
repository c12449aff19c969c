"""Quotes that open, close, or do neither."""

import pytest

from runtime.tables.records import SPACES, Records, split_line


@pytest.mark.parametrize(
    ("line", "delimiter", "cells"),
    [
        ("a,b", ",", ["a", "b"]),
        ('"a,b",c', ",", ["a,b", "c"]),
        ('"a ""x""",c', ",", ['a "x"', "c"]),
        ('3" pipe\t5', "\t", ['3" pipe', "5"]),
        (' a  b   c ', SPACES, ["a", "b", "c"]),
        ('"a"\t"b"', "\t", ["a", "b"]),
        ("a;;", ";", ["a", "", ""]),
    ],
)  # fmt: skip
def test_lines(line, delimiter, cells):
    """As spreadsheets write them."""
    assert split_line(line, delimiter) == (cells, False)


def test_a_quote_that_does_not_close_is_a_character():
    """The rest of the file is no cell; the row is kept."""
    records = Records(",", 3)
    rows, numbers = records.split(['1,2,"', "3,4,5", "6,7,8"], 10)
    assert rows == [["1", "2", '"'], ["3", "4", "5"], ["6", "7", "8"]]
    assert list(numbers) == [10, 11, 12]
    assert records.stray_quotes == [10]


def test_quotes_in_rows_that_follow_each_other_are_characters():
    """Ditto marks: two of them are no cell that begins in one row and ends in the next."""
    records = Records(",", 3)
    rows, numbers = records.split(['",1,2', '",3,4', "a,5,6", '7,8,"', '9,10,"', "b,11,12"], 2)
    assert [row[1] for row in rows] == ["1", "3", "5", "8", "10", "11"]
    assert list(numbers) == [2, 3, 4, 5, 6, 7]
    assert records.stray_quotes == [2, 3, 5, 6]


def test_a_stream_waits_for_one_row():
    """What a quote holds back comes with the next whole row, or at the end."""
    records = Records(",", 2)
    assert records.split(['1,"x'], 1)[0] == []
    assert records.split(["2,3"], 2)[0] == [["1", '"x'], ["2", "3"]]
    assert records.split(['4,"'], 3)[0] == []
    assert records.finish() == ([["4", '"']], [3])


def test_cells_of_several_lines():
    """A quote that closes later is one cell, as its lines are no rows by themselves."""
    records = Records(",", 3)
    rows, numbers = records.split(['1,"two', 'lines",3', "4,5,6"], 1)
    assert rows == [["1", "two\nlines", "3"], ["4", "5", "6"]]
    assert list(numbers) == [1, 3]
    assert records.stray_quotes == []


def test_plain_rows_are_cut_at_once():
    """All lines are whole rows: their cells one after the other; else each is looked at."""
    records = Records(";", 2)
    assert records.flat(["1;2", "3;4"]) == ["1", "2", "3", "4"]
    for lines in (["1;2", "3"], ["1;2;3", "4"], ['1;"2'], [""]):
        assert records.flat(lines) is None
    records.split(['5;"'], 1)
    assert records.flat(["1;2"]) is None
