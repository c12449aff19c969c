"""JSON in the shapes that programs write, each read as the same rows."""

import io
import json

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.tables.notes import notes_of
from runtime.tables.reader import TableReader
from toys.tables import read

ROWS = [{"time": 60 * i, "a": i / 2, "b": {"c": i}} for i in range(30)]
FLAT = [{"time": row["time"], "a": row["a"], "b.c": row["b"]["c"]} for row in ROWS]
LINES = [json.dumps(row) for row in ROWS]


def columns():
    return {name: [row[name] for row in FLAT] for name in FLAT[0]}


def series():
    return {
        name: [{"ts": row["time"], "value": str(row[name])} for row in FLAT]
        for name in ("a", "b.c")
    }


SHAPES = {
    "lines": "\n".join(LINES),
    "lines with commas": ",\n".join(LINES) + ",\n",
    "array": json.dumps(ROWS),
    "array, indented": json.dumps(ROWS, indent=2),
    "array, a row a line": "[\n" + ",\n".join(LINES) + "\n]\n",
    "array with a comma too many": "[\n" + "".join(f"{line},\n" for line in LINES) + "]\n",
    "array that goes on": "[" + ",\n".join(LINES) + ",\n",
    "text first": "boot ok\n" + "\n".join(LINES),
    "boot message": '{"status": "online"}\n' + "\n".join(LINES),
    "wrapped": json.dumps({"meta": {"n": 30}, "data": ROWS}),
    "wrapped, indented": json.dumps({"meta": {"n": 30}, "data": ROWS}, indent=1),
    "columns": json.dumps(columns()),
    "names and arrays": json.dumps([list(FLAT[0]), *(list(row.values()) for row in FLAT)]),
    "split": json.dumps({"columns": list(FLAT[0]), "data": [list(r.values()) for r in FLAT]}),
    "split, times beside": json.dumps({
        "columns": ["a", "b.c"], "index": [row["time"] + 1_714_982_400 for row in FLAT],
        "data": [[row["a"], row["b.c"]] for row in FLAT],
    }),
    "by column and time": json.dumps({
        name: {str(row["time"] + 1_714_982_400): row[name] for row in FLAT}
        for name in ("a", "b.c")
    }),
    "by time and column": json.dumps({
        f"2024-05-06T08:{i:02}:00": {"a": row["a"], "b.c": row["b.c"]}
        for i, row in enumerate(FLAT)
    }),
    "by column and number": json.dumps({
        name: {str(i): row[name] for i, row in enumerate(FLAT)} for name in FLAT[0]
    }),
    "a list per channel": json.dumps(series()),
    "numbers as text": "\n".join(json.dumps({k: str(v) for k, v in row.items()}) for row in FLAT),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape):
    """Lines, arrays, wrapped, by column, by channel."""
    times, values, _ = read(SHAPES[shape], ("a", "b.c"))
    np.testing.assert_array_equal(values, [[i / 2, i] for i in range(30)])
    np.testing.assert_array_equal(np.diff(times), 60 * 10**9)
    assert len(times) == 30


def test_numbered_channels_of_nested_lines():
    """`{"temp": {"1": 20, "2": 21, "3": 20}}` is a row, not a table by its numbers."""
    row = {"time": 0, "temp": {"1": 20, "2": 21, "3": 22}, "hum": {"1": 5, "2": 6, "3": 7}}
    _, values, _ = read("\n".join([json.dumps(row)] * 3), ("temp.1", "hum.3"))
    assert values.tolist() == [[20, 7]] * 3
    del row["time"]
    _, values, _ = read("\n".join([json.dumps(row)] * 3), ("temp.1", "hum.3"))
    assert values.tolist() == [[20, 7]] * 3


def test_what_a_row_lacks_is_missing():
    """Also what is null, NaN, or comes late."""
    text = '{"time":0,"a":1}\n{"time":60,"a":null}\n{"time":120}\n{"time":180,"a":NaN}\n'
    _, values, _ = read(text)
    np.testing.assert_array_equal(values[:, 0], [1, np.nan, np.nan, np.nan][: len(values)])


def test_objects_without_columns_are_counted():
    """They are said, with their keys."""
    text = '{"status": "online", "ip": 1}\n' + "\n".join(LINES)
    reader = TableReader(io.BytesIO(text.encode()), ["a"], period_s=60.0)
    assert sum(len(block.times_ns) for block in reader) == 30
    assert any(
        note.startswith("1 object with none") and "status, ip" in note for note in notes_of(reader)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n".join([*LINES[:3], '{"a":' * 1500 + "1" + "}" * 1500, *LINES[3:]]), "row 4.*too deep"),
        ("[1, 2]", "must hold objects"),
        ('[{"time": 0,\n "a": 1', "array of objects"),
        ("\n".join([*LINES[:3], "{broken", *LINES[3:]]), "'{broken' in row 4"),
    ],
)
def test_what_is_no_row_is_named(text, message):
    """One line with the row."""
    with pytest.raises(InputError, match=message):
        read(text)


def test_a_pipe_goes_on_after_a_bad_line():
    """It is counted."""
    text = "\n".join([*LINES[:3], "{broken", '{"a":' * 1500, *LINES[3:]])
    reader = TableReader(io.BytesIO(text.encode()), ["a"], period_s=60.0, live=True)
    assert sum(len(block.times_ns) for block in reader) == 30
    assert reader.suspects.count == 2
