"""Cells as numbers: what is certain is read, what is not is refused."""

import math

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.tables.cells import CellStyle, ColumnCells
from runtime.tables.numbers import is_number, parse_cell, unit_stated
from runtime.tables.settle import settle


def one(text, decimal=None, **options):
    style = CellStyle(decimal, unit_stated([text]))
    cells = ColumnCells("a", "t.csv", style=style, **options)
    return float(cells.read([text], [2])[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20.5", 20.5),
        ("+20.5", 20.5),
        (" 20,5 ", 20.5),
        ("-0,35", -0.35),
        ("\u22120,35", -0.35),
        ("(0.35)", -0.35),
        ("(1.204,5)", -1204.5),
        ("2,013E+01", 20.13),
        ("1,204.50", 1204.5),
        ("1.204,50", 1204.5),
        ("1,234,567", 1234567.0),
        ("1 204.5", 1204.5),
        ("1\u202f204,5", 1204.5),
        ("1\u00a0204 567", 1204567.0),
        ("1'204.5", 1204.5),
        ("1\u2019204.5", 1204.5),
        ("0,123", 0.123),
        ("48,2%", 48.2),
        ("20.13 m3/h", 20.13),
        ("45.1\u00b0C", 45.1),
        ("20,50 \u20ac", 20.5),
        ("$20.50", 20.5),
        ("<0.05", 0.05),
        (">= 40", 40.0),
        ("1.02k", 1020.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("12.5-", -12.5),
        ("1.204,5 -", -1204.5),
        ("5-", -5.0),
        ("1,23,456.7", 123456.7),
        ("12,34,567", 1234567.0),
        ("1,23,456-", -123456.0),
        ("'12.5'", 12.5),
        ("'12.5", 12.5),
    ],
)
def test_numbers(text, value):
    """Every form with one reading."""
    assert one(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["1,204", "-1,204", "12,345 W"])
def test_two_readings_need_a_word(text):
    """A comma before three digits parts thousands or decimals: the column, or a person, says."""
    with pytest.raises(InputError, match="parts thousands"):
        one(text)
    assert one(text, ".") == pytest.approx(1000 * one(text, ","))


@pytest.mark.parametrize(
    "text",
    ["1_000", "0x1f", "2024-01-01", "12:30", "1,2,3", "1.2.3", "--5", "-5-", "(5-)"],
)
def test_no_numbers(text):
    """What is no number is an error with its row."""
    with pytest.raises(InputError, match="row 2"):
        one(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "NaN", "null", "Bad", "I/O Timeout", "#N/A", "#DIV/0!", "#NV", "#WERT!", "#BEZUG!"),
        *("---", "?", "1.#QNAN", "-1.#IND", "NaN(ind)", "k. A.", "n. v.", "n.a.", "<null>"),
        *("(null)", "\\N", "[-11059] No Good Data For Calculation", "Shutdown", "Bad Input"),
    ],
)
def test_missing_words(text):
    """Words in the place of a number are missing, and counted."""
    cells = ColumnCells("a", "t.csv")
    assert math.isnan(cells.read([text], [2])[0])
    assert cells.counts.missing == 1
    assert cells.counts.worded == (text.lower() not in ("", "nan", "null"))


@pytest.mark.parametrize(
    "text",
    [
        *("OL", "-OL-", "Over Range", "OVERFLOW", "under-range", "Sensor Overrange", "saturated"),
        *("<LOD", "> max", "out of range", "1.#INF", "Überlauf", "High", "below detection limit"),
    ],
)
def test_readings_beyond_are_not_missing(text):
    """A reading beyond what a sensor can show is refused, unless it is said to be missing."""
    with pytest.raises(InputError, match="beyond|Correct"):
        one(text)
    assert math.isnan(one(text, missing=[text]))


def test_missing_numbers_that_were_said():
    """Numbers that mean missing, as text or as numbers."""
    cells = ColumnCells("a", "t.csv", missing=[-9999, "X"])
    np.testing.assert_array_equal(
        cells.read(["-9999", "-9999.0", "x", "5"], [2, 3, 4, 5]), [np.nan] * 3 + [5]
    )


def test_units_with_prefixes_are_scaled():
    """940 W and 1.02 kW are one unit; W and bar are not."""
    cells = ColumnCells("a", "t.csv", style=CellStyle(unit="W"))
    np.testing.assert_allclose(cells.read(["940 W", "1.02 kW", "0.001 MW"], [2, 3, 4]),
                               [940, 1020, 1000])  # fmt: skip
    with pytest.raises(InputError, match="another unit than '940 W'"):
        cells.read(["1 bar"], [5])
    for first, second in (("20 °C", "68 °F"), ("1.5 m", "90 min")):
        style = settle({"a": [first] * 9 + [second]}, table="t.csv")["a"]
        other = ColumnCells("a", "t.csv", style=style)
        with pytest.raises(InputError, match="another unit"):
            other.read([first, second], [2, 3])


@pytest.mark.parametrize(
    ("on", "off"),
    [
        *(("ON", "OFF"), ("True", "False"), ("ein", "aus"), ("AN", "AUS"), ("offen", "zu")),
        *(("WAHR", "FALSCH"), ("ja", "nein"), ("oui", "non"), ("ouvert", "fermé"), ("Y", "N")),
        *(("Open", "Close"), ("RUN", "STOP"), ("aan", "uit"), ("sí", "no"), ("1", "off")),
    ],
)
def test_switches(on, off):
    """Words for on and off that belong together are 1 and 0."""
    style = settle({"a": [on, off, on, ""]}, table="t.csv")["a"]
    assert style.switch
    values = ColumnCells("a", "t.csv", style=style).read([on, off, ""], [2, 3, 4])
    np.testing.assert_array_equal(values, [1, 0, np.nan])


@pytest.mark.parametrize("words", [["on", "closed"], ["zu"] * 3, ["on", "warm"], ["no", "aus"]])
def test_no_switches(words):
    """Words of different pairs, or one that may be any text, are none."""
    assert not settle({"a": words}, table="t.csv")["a"].switch


def test_the_other_columns_tell_the_decimal_mark():
    """1,204 is read as 21,5 beside it is; without that it is refused by the column's name."""
    styles = settle({"a": ["1,204"], "b": ["21,5"]}, table="t.csv")
    assert styles["a"].decimal == ","
    with pytest.raises(InputError, match="Column power .*'1,204'"):
        settle({"0": ["1,204", "900"]}, table="t.csv", names={"0": "power"})
    assert settle({"a": ["1,204"]}, table="t.csv", decimal=".")["a"].decimal == "."
    assert settle({"a": ["1,204", "1,204.50"]}, table="t.csv")["a"].decimal == "."


def test_a_lone_unit_is_no_unit():
    """Among numbers without a unit, 12a7 is damage, and the cell is named."""
    texts = [*map(str, range(30)), "12a7"]
    cells = ColumnCells("a", "t.csv", style=settle({"a": texts}, table="t.csv")["a"])
    with pytest.raises(InputError, match="'12a7' in row 32"):
        cells.read(texts, range(2, 33))


def test_points_between_thousands():
    """1.234.567 has one reading, which the column is settled to."""
    style = settle({"a": ["1.234.567", "1.234"]}, table="t.csv")["a"]
    values = ColumnCells("a", "t.csv", style=style).read(["1.234.567", "1.234"], [2, 3])
    assert values.tolist() == [1234567.0, 1234.0]


def test_cells_with_line_breaks():
    """Between other cells they change nothing."""
    cells = ColumnCells("a", "t.csv", style=CellStyle(","), lenient=True)
    values = cells.read(["20,5", "1\n2", "21,5"], [2, 3, 5])
    np.testing.assert_array_equal(values, [20.5, np.nan, 21.5])
    assert cells.bad == ("1\n2", 3)


def test_headers_are_no_switches():
    """Words that say on in another language do not make a header a row of data."""
    assert is_number("ON")
    assert not is_number("an")
    assert not is_number("start")
    assert parse_cell("12 W", None) == (12.0, "W", False)
