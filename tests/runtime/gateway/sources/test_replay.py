"""Files replayed: every row, at its time, with any layout that kad reads."""

import gzip
import json
import math
import sys
import threading
import time
from itertools import pairwise

import pytest

from runtime.errors import InputError, MissingExtraError
from runtime.gateway.payloads.decoder import Decoder
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.sources.replay import ReplaySource

START = 1_772_359_200 * 10**9
CSV = "time,flow,temp\n" + "".join(
    f"2026-03-01T10:00:{second:02}Z,{second / 2},{60 + second}\n" for second in range(5)
)
PATIENCE_S = 10.0


def source_of(path, text=CSV, **options):
    path.write_text(text)
    return ReplaySource("trial", path, **{"speed": math.inf, **options})


def all_of(source, most=3):
    messages, until = [], time.monotonic() + PATIENCE_S
    while not source.ended and time.monotonic() < until:
        messages += source.receive(most, 0.5)
    return messages


def test_every_row_is_a_message(tmp_path):
    source = source_of(tmp_path / "pump.csv", CSV + "2026-03-01T10:00:05Z,,7\n")
    messages = all_of(source)
    assert [json.loads(m.payload) for m in messages[:2]] == [
        {"timestamp": START, "flow": 0.0, "temp": 60.0},
        {"timestamp": START + 10**9, "flow": 0.5, "temp": 61.0},
    ]
    assert json.loads(messages[-1].payload)["flow"] is None
    assert [m.topic for m in messages] == ["pump"] * 6
    assert [m.token for m in messages] == [1, 2, 3, 4, 5, 6]
    assert source.trouble == ""
    assert "time" in source.notes()[0]
    source.acknowledge(messages)
    source.close(1.0)


def test_a_decoder_reads_them(tmp_path):
    decoder = Decoder(PayloadOptions(), lambda _: ("flow", "temp"))
    readings = [
        reading
        for message in all_of(source_of(tmp_path / "pump.csv"))
        for reading in decoder.decode(message, START)
    ]
    assert [r.time_ns for r in readings] == [START + i * 10**9 for i in range(5)]
    assert readings[2][2:] == ({"flow": 1.0, "temp": 62.0}, 0)


def test_copies_and_a_column_of_names(tmp_path):
    copies = all_of(source_of(tmp_path / "a.csv", streams=("x/1", "x/2")))
    assert [m.topic for m in copies[:4]] == ["x/1", "x/2"] * 2
    assert len(copies) == 10
    rows = [
        {"time": f"2026-03-01T10:00:0{i}Z", "machine": f"p{i % 2}", "flow": i} for i in range(4)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    text += json.dumps({"time": "2026-03-01T10:00:04Z", "machine": "", "flow": 4}) + "\n"
    source = source_of(tmp_path / "b.jsonl", text, column="machine", channels=["flow"])
    named = all_of(source)
    assert source.counts == {"unnamed": 1}
    assert [m.topic for m in named] == ["p0", "p1", "p0", "p1"]
    assert json.loads(named[3].payload) == {"timestamp": START + 3 * 10**9, "flow": 3.0}


def test_the_speed_is_kept(tmp_path):
    """Five seconds at 50 times are a tenth of a second; waiting ends with its time."""
    source = source_of(tmp_path / "a.csv", speed=50.0)
    begun = time.monotonic()
    assert len(source.receive(10, 0.0)) == 1
    assert source.receive(10, 0.0) == []
    assert len(all_of(source, 10)) == 4
    assert time.monotonic() - begun >= 4 / 50


@pytest.mark.parametrize("speed", [1.0, 600.0, math.inf])
def test_shifted_to_now_no_row_is_ahead(tmp_path, speed):
    text = "time,flow,temp\n" + "".join(
        f"2020-01-01T00:00:0{i // 10}.{i % 10}Z,1,2\n" for i in range(3)
    )
    source = source_of(tmp_path / "a.csv", text, speed=speed, shift_to_now=True)
    before = time.time_ns()
    messages = all_of(source)
    times = [json.loads(m.payload)["timestamp"] for m in messages]
    assert [b - a for a, b in pairwise(times)] == [10**8] * 2
    for message, stamp in zip(messages, times, strict=True):
        assert before - 10**9 < stamp <= message.arrived_ns
    assert source.shift_ns > 0


def test_rows_that_count_from_zero_are_shifted(tmp_path):
    source = source_of(tmp_path / "a.csv", "flow,temp\n1.5,2\n3,4\n", period_s=60.0)
    times = [json.loads(m.payload)["timestamp"] for m in all_of(source)]
    assert times[1] - times[0] == 60 * 10**9
    assert abs(times[1] - time.time_ns()) < PATIENCE_S * 10**9


def test_it_ends_promptly(tmp_path):
    source = source_of(tmp_path / "a.csv", speed=0.001)
    assert len(source.receive(1, 1.0)) == 1
    closer = threading.Timer(0.05, lambda: source.close(PATIENCE_S))
    closer.start()
    begun = time.monotonic()
    assert source.receive(1, PATIENCE_S) == []
    assert time.monotonic() - begun < PATIENCE_S / 2
    closer.join(PATIENCE_S)
    assert source.ended


def test_a_file_that_breaks_is_said(tmp_path):
    """What came before it is given."""
    path = tmp_path / "a.csv.gz"
    rows = "".join(
        f"2026-03-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z,{i * 1.37:.5f},{i}\n"
        for i in range(12_000)
    )
    packed = gzip.compress(("time,flow,temp\n" + rows).encode())
    path.write_bytes(packed[: len(packed) * 2 // 3])
    source = ReplaySource("trial", path, speed=math.inf)
    assert len(all_of(source, 10_000)) > 100
    assert "cannot be read on" in source.trouble


def test_what_cannot_be_replayed(tmp_path):
    with pytest.raises(InputError, match="speed must be above 0"):
        source_of(tmp_path / "a.csv", speed=0.0)
    with pytest.raises(InputError, match="Received"):
        ReplaySource("trial", tmp_path / "none.csv")
    with pytest.raises(InputError, match="must have the columns"):
        source_of(tmp_path / "a.csv", channels=["pressure"])
    with pytest.raises(InputError, match="header alone"):
        source_of(tmp_path / "a.csv", "time,flow\n")


def test_parquet(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    table = {"time": [START // 10**9 + i for i in range(3)], "flow": [1.5, None, 2.5]}
    parquet.write_table(pyarrow.table(table), path)
    messages = all_of(ReplaySource("trial", path, speed=math.inf))
    assert [json.loads(m.payload)["flow"] for m in messages] == [1.5, None, 2.5]
    assert json.loads(messages[1].payload)["timestamp"] == START + 10**9
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with pytest.raises(MissingExtraError, match="pip install 'kad-anomaly"):
        ReplaySource("trial", path)
