"""Tables are read as they come, and what cannot be read is named."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.clock.timestamps import TimeStyle
from runtime.errors import InputError
from runtime.tables.reader import TableReader
from toys.tables import read

MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    "text",
    [
        "time,a\n0,1\n60,2\n",
        "time;a\r\n0;1\r\n60;2\r\n",
        "TIMESTAMP\ta\n0\t1\n60\t2",
        "x|Date|a\nfoo|0|1\nbar|60|2",
        "\ufefftime,a\n0,1\n60,2\n",
        '"time","a","note"\n"0","1","x, y"\n60,2,"a\nb"\n',
        "\n\ntime,a\n0,1\n\n60,2\n\n",
        "a\n1\n2\n",
        '{"time": 0, "a": 1}\n{"time": 60, "a": 2.0, "b": "x"}\n',
        '\n{"ts": "0", "a": 1}\r\n\r\n{"a": 2, "ts": "60"}',
    ],
)
def test_forms_of_tables(text):
    """Delimiters, quotes, BOM, CRLF, blank lines, JSON lines, no time column: one meaning."""
    times, values, style = read(text)
    assert times.tolist() == [0, MINUTE]
    assert values.tolist() == [[1], [2]]
    assert style.kind == "number"


def test_columns_are_taken_by_name():
    """Order follows the detector; other columns and their text do not matter."""
    _, values, _ = read("b,note,time,a\n1,_x_,0,2\n", ("a", "b"))
    assert values.tolist() == [[2, 1]]
    times, _, style = read("when,time,a\n2024-01-01 00:00:00,7,1\n", time="when")
    assert times.tolist() == [1_704_067_200 * 10**9]
    assert style == TimeStyle("naive")


@pytest.mark.parametrize("cell", ["", " ", "nan", "NaN", "null", "NA", "None", "N/A", "-nan"])
def test_missing_cells(cell):
    """Every usual way to say that there is no value."""
    _, values, _ = read(f"time,a\n0,{cell}\n60,2\n")
    np.testing.assert_array_equal(values, [[np.nan], [2]])


def test_infinite_and_null_cells():
    """Infinity is kept as such; JSON null and absent keys are missing."""
    _, values, _ = read("time,a\n0,inf\n60,-Infinity\n")
    assert values.tolist() == [[np.inf], [-np.inf]]
    _, values, _ = read('{"time":0,"a":null}\n{"time":60}\n{"time":120,"a":3}')
    np.testing.assert_array_equal(values, [[np.nan], [np.nan], [3]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("\n \n", "empty file"),
        ("time,a\n", "a header alone"),
        ("time,a\n\n\n", "a header alone"),
        ("time,b\n0,1\n", r"columns a\. Received: time, b; a missing"),
        ("time,a,a\n0,1,2\n", "a 2 times"),
        ("time,a\n0,1\n60,2o1\n", r"Column a of data\.csv .*'2o1' in row 3"),
        ("time,a\n0,1\n\n60,2o1\n", "'2o1' in row 4"),
        ("time,a\n0,1_0\n", "'1_0' in row 2"),
        ("time;a\n0;1,234\n60;1,235\n", "'1,234'.*1234 where.*1.234 where"),
        ("time,a\n0,1\n60\n120,1\n", "1 in row 3"),
        ("time,a\n0,1\n60,1,2\n120,1\n", "3 in row 3"),
        ("time,a\n0,1\nlater,2\n60,1\n", "'later' in row 3"),
        ("time,a\n0,1\n,2\n60,1\n", "'' in row 3"),
        ("time,a\n0,1\n\n,2\n60,1\n", "'' in row 4"),
        (
            "time,a\n2024-01-01,1\n2024-01-01T00:01Z,2\n2024-01-01 00:02,3\n",
            "time zone.*in row 3",
        ),
        ("time,a,é\n0,1,\n".encode() + b"60,1,\xff\n", "byte 0xff in row 3"),
        ('time,a\n0,"1\n60,2\n', "'\"1' in row 2"),
        ('{"time": 0, "b": 1}\n', r"keys a\. Received: b, time; a never came"),
        ('{"time": 0, "a": 1}\n{"time": 60, "a": "2o1"}\n', "'2o1' in row 2"),
        ('{"time": 0, "a": 1}\nnothing\n{"time": 60, "a": 1}\n', "'nothing' in row 2"),
        ('{"time": 0, "a": 1}\n{"a": 1}\n{"time": 60, "a": 1}\n', "'' in row 2"),
    ],
)
def test_bad_tables_name_the_place(text, message):
    """Each fault is one line that says where it is."""
    with pytest.raises(InputError, match=message) as error:
        read(text)
    assert "\n" not in str(error.value)


def test_an_unknown_time_column_is_named():
    """`time=` must be in the header."""
    with pytest.raises(InputError, match="time column when"):
        read("time,a\n0,1\n", time="when")
    with pytest.raises(InputError, match="time column when"):
        read('{"time": 0, "a": 1}', time="when")


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, raw, size):
        self.raw, self.size = io.BytesIO(raw), size

    def read(self, _limit=-1):
        return self.raw.read(self.size)


@settings(deadline=None)
@given(size=st.integers(1, 40), form=st.sampled_from(["csv", "jsonl"]))
def test_any_block_size_reads_the_same(size, form):
    """Rows do not depend on how the bytes arrive, and come as soon as their line is complete."""
    rows = [(60 * i, i / 3) for i in range(20)]
    if form == "csv":
        text = 'time,a,"no\nte"\n' + "".join(f'{t},{a!r},"x\ny"\n' for t, a in rows)
    else:
        text = "".join(json.dumps({"time": t, "a": a, "s": 'q"'}) + "\n" for t, a in rows)
    reader = TableReader(Trickle(text.encode(), size), ["a"], period_s=60, live=True)
    blocks = list(reader)
    assert np.concatenate([b.times_ns for b in blocks]).tolist() == [t * 10**9 for t, _ in rows]
    assert np.concatenate([b.values for b in blocks])[:, 0].tolist() == [a for _, a in rows]
    assert len(blocks) > 1


def peak_memory(lines):
    """Most bytes held while reading that many lines and writing them away."""
    row = b"2024-01-01 00:00:00,12.5\n"
    file = Repeated(b"time,a\n", row, lines)
    tracemalloc.start()
    count = sum(len(block.times_ns) for block in TableReader(file, ["a"], period_s=60))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == lines
    return peak


class Repeated(io.RawIOBase):
    """A file of any length that is nowhere in memory."""

    def __init__(self, header, row, lines):
        self.header, self.row, self.left = header, row, lines

    def read(self, limit=-1):
        head, self.header = self.header, b""
        count = min(self.left, limit // len(self.row))
        self.left -= count
        return head + self.row * count


def test_reading_takes_constant_memory():
    """Four times the rows need as much memory as before."""
    assert peak_memory(160_000) < 1.1 * peak_memory(40_000)


def test_numbers_without_time_go_on_across_blocks():
    """Rows without a time column are numbered over the whole file."""
    raw = ("a\n" + "1\n" * 50).encode()
    blocks = list(TableReader(Trickle(raw, 7), ["a"], period_s=2.5))
    times = np.concatenate([b.times_ns for b in blocks])
    np.testing.assert_array_equal(times, np.arange(50) * 2_500_000_000)
