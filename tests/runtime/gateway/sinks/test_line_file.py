"""Lines to a file: appended, rotated, kept while the disk is full, and never torn."""

import os
import subprocess
import sys

import pytest

from runtime.errors import ConfigError, InputError
from runtime.gateway.sinks import line_file
from runtime.gateway.sinks.line_file import LineFile, LineFileOptions


def options(path, **changes):
    return LineFileOptions(path=str(path), **changes)


class Disk:
    """`os.write` that takes so many bytes more, then is full."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self.write = os.write
        monkeypatch.setattr(line_file.os, "write", self)

    def __call__(self, descriptor, data):
        if not self.room:
            raise OSError(28, "No space left on device")
        done = self.write(descriptor, data[: self.room])
        self.room -= done
        return done


def test_lines_are_appended(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old\n")
    out = LineFile(options(path))
    out.write(1, b"a\nb\n")
    assert path.read_bytes() == b"old\na\nb\n"
    out.write(2, b"")
    assert out.acknowledged == 2
    out.close()


def test_a_line_that_a_crash_tore_is_ended_first(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old\ntor")
    LineFile(options(path), header=lambda: b"header\n").write(1, b"a\n")
    assert path.read_bytes() == b"old\ntor\na\n"


def test_a_new_file_has_a_header_an_old_one_keeps_its_own(tmp_path):
    path = tmp_path / "out"
    for n in (1, 2):
        out = LineFile(options(path), header=lambda: b"header\n")
        out.write(n, b"a\n")
        out.close()
    assert path.read_bytes() == b"header\na\na\n"


@pytest.mark.parametrize("room", range(0, 40, 3))
def test_a_full_disk_tears_nothing_and_it_goes_on(tmp_path, monkeypatch, room):
    path = tmp_path / "out"
    out = LineFile(options(path), header=lambda: b"header\n")
    disk = Disk(monkeypatch, room)
    lines = [b"line %d\n" % n for n in range(6)]
    for n, line in enumerate(lines, 1):
        out.write(n, line)
    if disk.room == 0 and out.waiting:
        assert "cannot be written: No space left on device" in out.trouble
        assert out.acknowledged < 6
    disk.room = 10**6
    out.write(7, b"last\n")
    assert path.read_bytes() == b"header\n" + b"".join(lines) + b"last\n"
    assert (out.acknowledged, out.dropped, out.trouble) == (7, 0, "")


def test_a_disk_that_stays_full_drops_the_oldest_and_counts(tmp_path, monkeypatch):
    path = tmp_path / "out"
    out = LineFile(options(path, kept_bytes=30))
    disk = Disk(monkeypatch, 4)
    for n in range(1, 21):
        out.write(n, b"line %02d\n" % n)
    disk.room = 10**6
    out.write(21, b"last\n")
    *kept, last = path.read_bytes().splitlines()
    # What had been begun is ended, so that the next line is one.
    assert (kept[0], last) == (b"line", b"last")
    assert kept[1:] == [b"line %02d" % n for n in range(21 - len(kept[1:]), 21)]
    assert out.dropped == 20 - len(kept[1:])
    assert out.acknowledged == 21


def test_rotation_keeps_every_line_and_so_many_files(tmp_path):
    path = tmp_path / "out"
    out = LineFile(options(path, rotate_bytes=4096, files=2), header=lambda: b"h\n")
    line = b"x" * 999 + b"\n"
    for n in range(1, 18):
        out.write(n, line)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["out", "out.1", "out.2"]
    sizes = [len((tmp_path / name).read_bytes()) for name in names]
    assert sizes == [1002, 4002, 4002]
    assert all((tmp_path / name).read_bytes().startswith(b"h\nx") for name in names)
    assert out.acknowledged == 17


def test_a_file_that_was_moved_away_is_made_anew(tmp_path):
    path = tmp_path / "out"
    out = LineFile(options(path), header=lambda: b"h\n")
    out.write(1, b"a\n")
    path.rename(tmp_path / "moved")
    out.write(2, b"b\n")
    assert path.read_bytes() == b"h\nb\n"


def test_a_file_that_was_moved_in_the_middle_of_a_line(tmp_path, monkeypatch):
    path = tmp_path / "out"
    out = LineFile(options(path), header=lambda: b"h\n")
    disk = Disk(monkeypatch, 6)
    out.write(1, b"one line\ntwo\n")
    path.rename(tmp_path / "moved")
    disk.room = 10**6
    out.write(2, b"three\n")
    assert path.read_bytes() == b"h\ntwo\nthree\n"
    assert out.dropped == 1


def test_a_reader_that_goes_away_ends_it_quietly():
    """The process goes on, says why nothing is written, and counts."""
    program = """
import sys
from runtime.gateway.sinks.line_file import LineFile, LineFileOptions
out = LineFile(LineFileOptions())
sys.stdin.readline()
for n in range(1, 4):
    out.write(n, b"line\\n")
print(out.trouble, out.dropped, out.acknowledged, out.waiting, file=sys.stderr)
out.close()
"""
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    run.stdout.close()
    _, said = run.communicate(b"\n", timeout=60)
    assert said.decode() == "nobody reads the output any more 3 3 0\n"
    assert run.returncode == 0


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="must be a file that can be written"):
        LineFile(options(tmp_path / "no" / "out"))
    with pytest.raises(InputError, match="must be a file that can be written"):
        LineFile(options(tmp_path))


@pytest.mark.parametrize(
    "changes", [{"path": ""}, {"rotate_bytes": 1}, {"files": 0}, {"kept_bytes": 0}]
)
def test_options_that_cannot_be(changes):
    with pytest.raises(ConfigError, match="must be"):
        LineFileOptions(**changes)
