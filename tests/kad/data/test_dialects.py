"""What was written in any dialect is what is read: in training, as a file and as a pipe."""

import random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kad.data.frames import times_ns
from kad.data.tables import read_table
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading
from toys.dialects import tables
from toys.table_damage import Trickle


def wanted(table):
    values = np.array([[np.nan if v is None else v for v in row] for row in table.rows])
    return np.array(table.times_s) * 10**9, values


def rows_of(reader):
    blocks = list(reader)
    return (
        np.concatenate([block.times_ns for block in blocks]),
        np.concatenate([block.values for block in blocks]),
    )


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(table=tables(), seed=st.integers(0, 9))
def test_what_was_written_is_read(tmp_path, table, seed):
    """Names, times, values and missing cells; with what was learnt, in pieces of any size, too."""
    times, values = wanted(table)
    said = Reading(timezone="Europe/Berlin" if table.form == "local" else None)
    path = tmp_path / "table.csv"
    path.write_bytes(table.content)
    read = read_table(path, reading=said)
    assert list(read.frame.columns) == table.names, table.about
    np.testing.assert_array_equal(times_ns(read.frame), times)
    np.testing.assert_array_equal(read.frame.to_numpy(), values)
    learnt = Reading.from_dict(read.reading.to_dict())
    for live in (False, True):
        pipe = Trickle(table.content, random.Random(seed))  # noqa: S311
        reader = TableReader(pipe, table.names, period_s=60.0, learnt=learnt, live=live)
        got_times, got_values = rows_of(reader)
        np.testing.assert_array_equal(got_times, times)
        np.testing.assert_array_equal(got_values, values)
