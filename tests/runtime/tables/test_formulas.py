"""Names that a spreadsheet would run."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.alarms.events import Event
from runtime.clock.timestamps import TimeStyle
from runtime.tables.formulas import as_text, from_text
from runtime.tables.reader import TableReader
from runtime.tables.writers import EventWriter, ScoreWriter


@pytest.mark.parametrize(
    "cell", ["=1+1", "+a", "-1", "@flow", " =a", "\t=a", "\tb", "\rb", "＝a", "'=a", "''@a"]
)
def test_what_would_run_gets_an_apostrophe(cell):
    """One, whatever is before it, and reading takes it away."""
    assert as_text(cell) == f"'{cell}"
    assert from_text(as_text(cell)) == cell


@pytest.mark.parametrize("cell", ["", "flow", "a=b", "'a", "'", "x-1", "°C"])
def test_other_text_is_left_alone(cell):
    """Apostrophes that protect nothing, too."""
    assert as_text(cell) == cell == from_text(cell)


@given(st.text(alphabet="'=+-@ \ta", max_size=6))
def test_reading_undoes_writing(cell):
    """And what is written never begins as a formula."""
    assert from_text(as_text(cell)) == cell
    assert as_text(cell).lstrip()[:1] not in set("=+-@")


def test_tables_come_back_as_they_were():
    """Our header, read by our reader: names whole, numbers untouched, negative ones too."""
    names = ("=1+1", "@flow", "a;-b")
    file = io.BytesIO()
    writer = ScoreWriter(file, names, TimeStyle("number"))
    writer.header()
    width = len(file.getvalue().decode().split(","))
    file.write(("0," + ",".join(["-1.5"] * (width - 1)) + "\n").encode())
    header = next(csv.reader(io.StringIO(file.getvalue().decode())))
    assert header[1:4] == ["'=1+1", "'@flow", "a;-b"]
    file.seek(0)
    (block,) = TableReader(file, names, period_s=1.0)
    np.testing.assert_array_equal(block.values, [[-1.5] * 3])


def test_channels_of_an_event_are_each_text():
    """Also for a spreadsheet that cuts at semicolons."""
    file = io.BytesIO()
    event = Event(
        start_ns=0, end_ns=0, peak_ns=0, peak_severity=9.0, channels=("@flow", "b", "=1"), steps=1
    )
    EventWriter(file, TimeStyle("number")).write([event])
    assert next(csv.reader([file.getvalue().decode()]))[-1] == "'@flow;b;'=1"
