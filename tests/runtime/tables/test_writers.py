"""What is written is read back."""

import io
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.alarms.events import Event
from runtime.clock.timestamps import TimeStyle
from runtime.streams.scores import Scores
from runtime.tables.writers import EventWriter, ScoreWriter, number_texts
from toys.tables import read

MINUTE = 60 * 10**9


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(width=32), min_size=1))
def test_float32_texts_are_the_shortest_that_read_back(numbers):
    """As numpy's own shortest text, which is far slower, down to subnormal numbers."""
    array = np.array(numbers, np.float32)
    for number, text in zip(array, number_texts(array), strict=True):
        if np.isnan(number):
            assert text == ""
        else:
            assert np.float32(text) == number
            assert float(text) == float(str(number))


def test_number_texts_of_doubles_and_json():
    """Doubles keep all digits; JSON has null instead of NaN and infinity."""
    assert number_texts(np.array([0.1, 1e300, np.nan, np.inf])) == ["0.1", "1e+300", "", "inf"]
    assert number_texts(np.array([np.nan, np.inf, -0.5]), "jsonl") == ["null", "null", "-0.5"]


def scores(count=3):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(count, 2))
    values[1, 0] = np.nan
    floats = rng.normal(size=(6, count)).astype(np.float32)
    return Scores(
        times_ns=np.arange(count) * MINUTE,
        values=values,
        score=floats[0],
        severity=floats[1],
        expected=floats[2:4].T,
        channel_scores=floats[4:6].T,
        alarm=np.arange(count) == 2,
        restart=np.arange(count) == 0,
        rows=np.arange(count),
    )


NAMES = ["flow", 'p%s "x", bar']


def test_scores_round_trip_through_csv_and_json_lines():
    """What was written is read back to the last bit, with odd column names."""
    given_scores = scores()
    columns = [*NAMES, "score", "severity", *(f"expected_{n}" for n in NAMES)]
    columns += [f"score_{n}" for n in NAMES]
    wanted = [given_scores.values, given_scores.score[:, None], given_scores.severity[:, None]]
    wanted = np.hstack([*wanted, given_scores.expected, given_scores.channel_scores])
    for form in ("csv", "jsonl"):
        file = io.BytesIO()
        writer = ScoreWriter(file, NAMES, TimeStyle("naive"), form)
        writer.header()
        writer.write(given_scores)
        times, values, style = read(file.getvalue(), columns)
        np.testing.assert_array_equal(times, given_scores.times_ns)
        assert style == TimeStyle("naive")
        np.testing.assert_array_equal(values.astype(np.float32), wanted.astype(np.float32))
        np.testing.assert_array_equal(values[:, :2], given_scores.values)
        if form == "csv":
            _, alarm, _ = read(file.getvalue(), ["alarm"])
            assert alarm[:, 0].tolist() == [0, 0, 1]
        else:
            rows = [json.loads(line) for line in file.getvalue().splitlines()]
            assert [row["alarm"] for row in rows] == [False, False, True]
            assert rows[1]["flow"] is None
            assert rows[0]["time"] == "1970-01-01 00:00:00"


def test_json_lines_with_numeric_times():
    """Numbers stay numbers."""
    file = io.BytesIO()
    ScoreWriter(file, ["a", "b"], TimeStyle("number"), "jsonl").write(scores())
    assert json.loads(file.getvalue().splitlines()[1])["time"] == 60


def test_events_are_written():
    """Times in the file's style, channels joined by a semicolon."""
    event = Event(
        start_ns=0, end_ns=MINUTE, peak_ns=MINUTE, peak_severity=float(np.float32(4.2)),
        channels=("a", "b"), steps=2,
    )  # fmt: skip
    file = io.BytesIO()
    writer = EventWriter(file, TimeStyle("aware", separator="T"))
    writer.header()
    writer.write([event])
    assert file.getvalue().decode().splitlines() == [
        "start,end,peak_time,peak_severity,channels",
        "1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,1970-01-01T00:01:00Z,4.2,a;b",
    ]
    file = io.BytesIO()
    EventWriter(file, TimeStyle("number"), "jsonl").write([event])
    row = json.loads(file.getvalue())
    assert row == {
        "start": 0, "end": 60, "peak_time": 60, "peak_severity": 4.2, "channels": ["a", "b"],
    }  # fmt: skip
