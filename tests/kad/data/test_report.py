"""What was read of a table is said: in lines, and as data."""

import json

import numpy as np
import pytest

from kad.data.report import ReadReport
from kad.data.survey import Column
from kad.data.tables import read_table


def lines_of(text, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read_table(path).report


ROWS = "".join(
    f"2024-03-04 00:{i:02}:00,{20 + i % 7}.5,x,{'' if i == 3 else i * i}\n" for i in range(40)
)


def test_a_table_is_said_in_lines(tmp_path):
    """Rows and times, channels with their units, what is left out and why, what is missing."""
    report = lines_of("Plant 7\ntime,flow,note,p\n,m3/h,,bar\n" + ROWS, tmp_path)
    first, second, *others = report.lines()
    assert first.startswith("Read ")
    assert "40 rows, 2024-03-04 00:00:00 to 2024-03-04 00:39:00; times from 'time'" in first
    assert second == "Channels: flow (m3/h), p (bar)."
    assert any(line.startswith("Left out: note (") for line in others)
    assert "p: 1 of 40 missing (2.5%)." in others
    assert any("title: 'Plant 7'" in line for line in others)


def test_what_is_said_is_data_too(tmp_path):
    """For config and metadata: JSON without NaN, the same facts."""
    report = lines_of("Plant 7\ntime,flow,note,p\n" + ROWS, tmp_path)
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (told["rows"], told["channels"], told["missing"]) == (40, ["flow", "p"], {"p": 1})
    assert told["first"] == "2024-03-04 00:00:00"
    assert told["last"] == "2024-03-04 00:39:00"
    assert list(told["left_out"]) == ["note"] == list(report.left_out)
    assert any("Plant 7" in note for note in told["notes"])


def test_rows_without_times_are_numbered(tmp_path):
    """No times are said then."""
    report = lines_of("a,b\n" + "".join(f"{i % 5},{i % 7}\n" for i in range(30)), tmp_path)
    assert (report.first, report.last) == ("", "")
    assert report.lines()[0].endswith("30 rows; no time column: rows are numbered.")


@pytest.mark.parametrize("break_", ["\n", "  ", "\t"])
def test_each_line_is_one_line(break_):
    """Whatever the names have in them."""
    columns = [Column(f"a{break_}b"), Column(f"c{break_}", why="text", notes=["odd"])]
    report = ReadReport(file="t.csv", rows=3, columns=columns)
    assert report.lines() == [
        "Read t.csv: 3 rows; no time column: rows are numbered.",
        "Channels: a b.",
        "Left out: c (text).",
        "c : odd.",
    ]


def test_notes_stand_in_place_of_the_share_of_missing_cells():
    """Said once; a period where it was asked for."""
    columns = [
        Column("a", missing=2, notes=["2 of 4 readings missing (50%)"], unit="bar"),
        Column("b", missing=1, least=0.0, most=np.inf),
    ]
    report = ReadReport(file="t.csv", rows=4, columns=columns, period="60 s, by all rows")
    assert report.lines()[1:] == [
        "Channels: a (bar), b.",
        "Period: 60 s, by all rows.",
        "a: 2 of 4 readings missing (50%).",
        "b: 1 of 4 missing (25.0%).",
    ]
    assert report.units == {"a": "bar"}


def test_words_in_the_readings_of_a_long_table_are_said(tmp_path):
    """They were left out without a word."""
    path = tmp_path / "long.csv"
    rows = "".join(
        f"2024-03-04 00:{i:02}:00,{tag},{'unavailable' if i == 5 else i % 7}\n"
        for i in range(40)
        for tag in ("a", "b")
    )
    path.write_text("time,tag,value\n" + rows)
    said = "\n".join(read_table(path, long=True).report.lines())
    assert "value: 2 cells are words (2%), taken as missing: 'unavailable' 2 times." in said
