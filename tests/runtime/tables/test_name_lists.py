"""Several names in one cell come back as they were."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.alarms.events import Event
from runtime.clock.timestamps import TimeStyle
from runtime.tables.name_lists import join_names, split_names
from runtime.tables.writers import EventWriter


@pytest.mark.parametrize(
    ("names", "cell"),
    [
        ([], ""),
        (["flow"], "flow"),
        (["flow", "p 1,2", "°C"], "flow;p 1,2;°C"),
        (["a;b", "c"], '"a;b";c'),
        (['say "no"'], '"say ""no"""'),
        (["=1", "-a;b"], "'=1;\"'-a;b\""),
    ],
)
def test_cells(names, cell):
    """Only names that need it are quoted."""
    assert join_names(names) == cell
    assert split_names(cell) == names


@given(st.lists(st.text(alphabet=";\"'=,\n\r a-", min_size=1, max_size=5), max_size=4))
def test_a_file_of_events_comes_back(names):
    """By any reader of CSV, then of the cell."""
    file = io.BytesIO()
    event = Event(
        start_ns=0, end_ns=0, peak_ns=0, peak_severity=9.0, channels=tuple(names), steps=1
    )
    EventWriter(file, TimeStyle("number")).write([event])
    (row,) = csv.reader(io.StringIO(file.getvalue().decode(), newline=""))
    assert split_names(row[-1]) == names
