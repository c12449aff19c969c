"""Where the parts of a CSV file lie: found from all of its first lines."""

import pytest

from runtime.errors import InputError
from runtime.tables.layout import find_layout

ROWS = [f"2024-03-04 00:{i:02}:00,{20 + i / 10},{3 + i / 100}" for i in range(20)]
SEMI = [row.replace(",", ";").replace(".", ",") for row in ROWS]


def names(*above, rows=ROWS):
    return find_layout([*above, *rows], "t.csv").names


@pytest.mark.parametrize(
    "above",
    [
        ["time,flow,p"],
        ["Plant 7", "", "time,flow,p"],
        ["Plant 7", "time,flow,p", ",m3/h,bar"],
        ["# a comment", "time,flow,p", "(utc),(m3/h),(bar)"],
        ["sep=,", "time,flow,p"],
        ['"TOA5","CR1000","x","y","z"', "time,flow,p", "TS,m3/h,bar", ",Avg,Avg"],
        ["Station: Nord, Halle 3", "Start: 2024-03-04 00:00:00, manual", "", "time,flow,p"],
        ["Device,Logger,5", "Serial,12345,7", "time,flow,p"],
        ["Device,Logger,Five", "time,flow,p"],
        ["Date,2024/03/04,x", "time,flow,p"],
        ["# time,flow,p"],
    ],
)
def test_the_header_is_found(above):
    """Below titles, comments and preambles of any width, above rows of units."""
    assert names(*above) == ("time", "flow", "p")


def test_ruled_lines_are_no_units():
    """Nor is a dash, which says that there is none."""
    assert find_layout(["time,flow,p", "----,---,---", *ROWS], "t.csv").units == (None,) * 3
    assert find_layout(["time,flow,p", ",-,[-]", *ROWS], "t.csv").units == (None,) * 3


def test_comments_above_the_rows_are_said():
    """With the titles; the header among them is no comment."""
    layout = find_layout(["Plant 7", "# by hand", "time,flow,p", *ROWS], "t.csv")
    assert layout.above == ("Plant 7", "# by hand")
    layout = find_layout(["// by hand", "#time,flow,p", *ROWS], "t.csv")
    assert (layout.names, layout.above) == (("time", "flow", "p"), ("// by hand",))


@pytest.mark.parametrize(
    "row",
    ["{day} 08:{i:02}:00,{word}", "{digits} 08:{i:02},{i}.5", "{day} 08:{i:02}:00,{word},{word}"],
)
def test_commas_behind_times_of_day_part_cells(row):
    """Words beside them make the comma no worse than the space before the time of day."""
    words = ["Ein", "Aus", "Störung"]
    rows = [
        row.format(day="2024-05-06", digits="06052024", i=i, word=words[i % 3]) for i in range(20)
    ]
    head = ",".join(["time", "a", "b"][: rows[0].count(",") + 1])
    assert find_layout([head, *rows], "t.csv").delimiter == ","


def test_units():
    """From a row below the header, with or without brackets."""
    layout = find_layout(["time,flow,p", "(utc),[m3/h],bar", *ROWS], "t.csv")
    assert layout.units == ("utc", "m3/h", "bar")
    assert layout.first == 2


@pytest.mark.parametrize(
    ("row", "units", "note"),
    [
        (",m3/h,bar,see page 7 of the manual", (None, "m3/h", "bar"), "see page 7 of the manual"),
        ("as of commissioning in 2023,m3/h,bar", (None, "m3/h", "bar"), None),
        (",m3/h,bar at the sensor that was moved", (None, "m3/h", None), None),
        ("text alone that is no unit,,", (None, None, None), None),
    ],
)
def test_a_note_beside_the_units_is_no_unit(row, units, note):
    """It is kept for what is said of the file; so is a row that has no unit at all."""
    layout = find_layout(["time,flow,p", row, *ROWS], "t.csv")
    assert layout.names == ("time", "flow", "p")
    assert layout.units == units
    assert layout.below == (note or max(row.split(","), key=len),)


@pytest.mark.parametrize(
    "above",
    [
        [",Pump 1,Pump 2", "time,flow,flow"],
        ["Plant 7", ",Pump 1,Pump 2", "time,flow,flow", ",m3/h,m3/h"],
    ],
)
def test_headers_of_two_rows(above):
    """A group and a name are one name."""
    assert names(*above) == ("time", "Pump 1 flow", "Pump 2 flow")


def test_merged_cells_go_on():
    """A group stands over all columns up to the next."""
    rows = [f"{row},1.5" for row in ROWS]
    found = names("time,Pump 1,,Pump 2", ",flow,p,flow", rows=rows)
    assert found == ("time", "Pump 1 flow", "Pump 1 p", "Pump 2 flow")


def test_the_lines_tell_the_delimiter():
    """Commas in names and decimal commas do not."""
    layout = find_layout(["time;Flow, m3/h;Temp, degC", *SEMI], "t.csv")
    assert layout.delimiter == ";"
    assert layout.names == ("time", "Flow, m3/h", "Temp, degC")


@pytest.mark.parametrize("header", ["time;1st;2nd", "time;7;8"])
def test_names_with_digits(header):
    """They are names, also above a row of units."""
    assert find_layout([header, "s;bar;bar", *SEMI], "t.csv").names == tuple(header.split(";"))


def test_no_header():
    """Numbers in the first row: names are made up, and that is known."""
    layout = find_layout(ROWS, "t.csv")
    assert layout.names == ("column_1", "column_2", "column_3")
    assert not layout.has_header
    assert layout.first == 0


def test_a_preamble_of_numbers_is_no_data():
    """What counts the rows has a number from the first row on."""
    above = ["Channels\t2\t\t", "Samples\t60\t60\t", "X0\t0,0\t0,0", "X_Value\tFlow\tPress\t"]
    rows = [f"{i / 2}\t{20 + i / 10}\t3,0\t".replace(".", ",") for i in range(20)]
    assert find_layout([*above, *rows], "t.csv").names[:3] == ("X_Value", "Flow", "Press")


def test_comments_alone():
    """There must be more."""
    with pytest.raises(InputError, match="comments alone"):
        find_layout(["# x"], "t.csv")
