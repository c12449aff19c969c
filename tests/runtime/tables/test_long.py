"""Long tables, a reading a row: as a file, and as a pipe."""

import io

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.tables.long import long_columns
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading

LEARNT = Reading(time="time", id="tag", value="value")
HEAD = "time,tag,value\n"


def rows(text, *, live):
    file = io.BytesIO(text.encode())
    reader = TableReader(file, ["a", "b"], period_s=60.0, learnt=LEARNT, live=live)
    blocks = list(reader)
    times = np.concatenate([block.times_ns for block in blocks])
    return times // 10**9, np.concatenate([block.values for block in blocks])


@pytest.mark.parametrize("live", [False, True])
def test_readings_of_a_slot_are_a_row(live):
    """Also a few seconds late; what never came is missing; other tags are left out."""
    text = HEAD + "0,a,1\n2,b,5\n60,a,2\n61,c,9\n120,a,3\n122,b,7\n"
    times, values = rows(text, live=live)
    assert times.tolist() == [0, 60, 120]
    np.testing.assert_array_equal(values, [[1, 5], [2, np.nan], [3, 7]])


def test_a_file_may_have_one_channel_after_the_other():
    """It is read to its end first."""
    times, values = rows(HEAD + "0,a,1\n60,a,2\n0,b,5\n60,b,6\n", live=False)
    assert times.tolist() == [0, 60]
    assert values.tolist() == [[1, 5], [2, 6]]


def test_two_readings_in_a_slot_are_two_rows():
    """None is lost here; the time grid counts them."""
    times, values = rows(HEAD + "0,a,1\n0,b,5\n0,a,2\n60,a,3\n", live=False)
    assert times.tolist() == [0, 0, 60]
    np.testing.assert_array_equal(values, [[1, 5], [2, np.nan], [3, np.nan]])


def test_a_channel_that_never_comes():
    """In a file it is an error by name."""
    with pytest.raises(InputError, match="b never came"):
        rows(HEAD + "0,a,1\n60,a,2\n", live=False)


def test_columns_by_their_names():
    """Known ones are found; others are asked for."""
    assert long_columns(["entity_id", "state", "last_changed"], "t.csv") == ("entity_id", "state")
    assert long_columns(["x", "y", "t"], "t.csv", tag="x", value="y") == ("x", "y")
    with pytest.raises(InputError, match="column id .*x, y, t"):
        long_columns(["x", "y", "t"], "t.csv")
