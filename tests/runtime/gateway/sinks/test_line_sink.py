"""Sinks of lines: what was kept is neither missing in the next life, nor twice without a mark."""

import csv
import json
import os
import re

import pytest

from runtime.gateway.protocols import Resuming
from runtime.gateway.sinks import line_file
from runtime.gateway.sinks.csv import CSVOptions, CSVSink
from runtime.gateway.sinks.jsonl import JSONLinesOptions, JSONLinesSink
from runtime.gateway.sinks.line_file import LineFileOptions
from runtime.gateway.sinks.line_protocol import LineProtocolOptions, LineProtocolSink
from toys.gateway_outputs import notice, tick

ODD = 'a, repeat=false,"repeat":false,0,x/b'
"""A stream whose name looks like what is to be marked."""


def jsonl(folder):
    return JSONLinesSink("s", JSONLinesOptions(file=LineFileOptions(path=str(folder / "out"))))


def line_protocol(folder):
    file = LineFileOptions(path=str(folder / "out"))
    return LineProtocolSink("s", LineProtocolOptions(file=file, tags=("repeat", "name")))


def table(folder):
    one, other = (LineFileOptions(path=str(folder / name)) for name in ("out", "events"))
    return CSVSink("s", CSVOptions(file=one, events=other))


def of_json(folder):
    lines = (folder / "out").read_bytes().splitlines()
    return [(one["type"], one["stream"], one["repeat"]) for one in map(json.loads, lines)]


def of_points(folder):
    found = []
    for line in (folder / "out").read_text().splitlines():
        _, rest = re.split(r"(?<!\\) ", line, maxsplit=1)
        fields = re.sub(r'"(?:\\.|[^"\\])*"', "", rest)
        (repeat,) = re.findall(r"(?:^|,)repeat=(true|false)", fields)
        found.append((line.startswith("kad_event"), repeat == "true"))
    return found


def of_tables(folder):
    found = []
    for name in ("out", "events"):
        with (folder / name).open(newline="") as file:
            found += [(name, row["stream"], row["repeat"]) for row in csv.DictReader(file)]
    return found


SINKS = {"jsonl": (jsonl, of_json), "points": (line_protocol, of_points),
         "tables": (table, of_tables)}  # fmt: skip


class Disk:
    """Takes so many bytes more, then is full."""

    def __init__(self, monkeypatch):
        self.room, self.write = 10**9, os.write
        monkeypatch.setattr(line_file.os, "write", self)

    def __call__(self, descriptor, data):
        if not self.room:
            raise OSError(28, "No space left on device")
        done = self.write(descriptor, data[: self.room])
        self.room -= done
        return done


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


@pytest.mark.parametrize("kind", SINKS)
def test_what_was_kept_at_a_snapshot_is_written_in_the_next_life(tmp_path, disk, kind):
    """A replay begins behind the snapshot: nobody else would make these lines again."""
    make, read = SINKS[kind]
    first = make(tmp_path)
    assert isinstance(first, Resuming)
    first.write(tick(1, ["a/b"]))
    assert first.pending() == b""
    disk.room = 0
    first.write(tick(2, [ODD, "a/c"], events=[notice("a/c", text='repeat=false, "repeat":false')]))
    assert first.acknowledged == 1
    pending = first.pending()
    disk.room = 10**9
    second = make(tmp_path)
    second.resume(pending)
    second.write(tick(3, ["a/d"]))
    assert second.acknowledged == 3
    found = read(tmp_path)
    repeats = [one[-1] in (True, "1") for one in found]
    if kind == "tables":
        assert [one[1] for one in found] == ["a/b", ODD, "a/c", "a/d", "a/c"]
        assert repeats == [False, True, True, False, True]
    else:
        assert repeats == [False, True, True, True, False]
    text = (tmp_path / ("events" if kind == "tables" else "out")).read_text()
    assert text.count("repeat=false, ") >= 1, "text stays as it was"


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize("room", [1, 20, 75, 150])
def test_a_line_that_was_half_written_comes_whole(tmp_path, disk, kind, room):
    """Its beginning is in the file, as a line of its own."""
    make, _ = SINKS[kind]
    first = make(tmp_path)
    disk.room = room
    first.write(tick(1, ["a/b", "a/c"]))
    pending = first.pending()
    disk.room = 10**9
    whole = make(tmp_path / "whole") if (tmp_path / "whole").mkdir() is None else None
    whole.write(tick(1, ["a/b", "a/c"], repeat=True))
    wanted = (tmp_path / "whole/out").read_bytes().splitlines()
    second = make(tmp_path)
    second.resume(pending)
    lines = (tmp_path / "out").read_bytes().splitlines()
    seen = [line for line in lines if line in wanted]
    unmarked = make(tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    unmarked.write(tick(1, ["a/b", "a/c"]))
    before = (tmp_path / "other/out").read_bytes().splitlines()
    done = [line for line in lines if line in before and line not in wanted]
    assert len(seen) + len(done) >= len(wanted)
    assert seen[-1] == wanted[-1]


def test_lines_that_are_passed_on_stay_as_they_came(tmp_path, disk):
    """Whatever fields they have."""
    sink = line_protocol(tmp_path)
    disk.room = 0
    sink.write_raw(b"kad,repeat=false repeat=false 1\n")
    pending = sink.pending()
    disk.room = 10**9
    line_protocol(tmp_path).resume(pending)
    assert (tmp_path / "out").read_bytes() == b"kad,repeat=false repeat=false 1\n"
