"""Standard streams that are closed, full or in another encoding: one line, and the right code."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("onnx")

from toys.commands import ROOT, names, read, table
from toys.onnx_files import toy


@pytest.fixture
def folder(tmp_path):
    """A detector, one whose channel is no ASCII, and data."""
    (tmp_path / "toy.onnx").write_bytes(toy())
    (tmp_path / "snow.onnx").write_bytes(toy(channels=("Δ Durchfluß ☃",)))
    table(tmp_path)
    return tmp_path


def shell(folder, command, **environment):
    """A command line of the runtime in a shell: stdout, lines of stderr, exit code."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}".replace("runtime", "$PYTHON -m runtime")],
        cwd=folder,
        env=os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        timeout=60,
    )
    return (
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace").splitlines(),
        done.returncode,
    )


@pytest.mark.parametrize(
    ("command", "message", "code"),
    [
        ("runtime score toy.onnx data.csv >&-", "stdout must be open", 2),
        ("runtime info toy.onnx >&-", "stdout must be open", 2),
        ("runtime score toy.onnx - <&-", "stdin must be open", 2),
        ("runtime score toy.onnx data.csv >/dev/full", "No space left on device", 1),
        ("runtime info toy.onnx >/dev/full", "No space left on device", 1),
        ("runtime score toy.onnx data.csv -o /dev/full", "No space left on device", 1),
    ],
)
def test_a_stream_that_cannot_be_used_is_one_line(folder, command, message, code):
    """No traceback, nothing beside the files that were there."""
    before = names(folder)
    _, lines, received = shell(folder, command)
    assert (len(lines), received) == (1, code), lines
    assert lines[0].startswith("kad: error: ")
    assert message in lines[0]
    assert names(folder) == before


def test_streams_that_are_not_needed_may_be_closed(folder):
    """Scores into a file; what a library writes to descriptor 2 never lands in it."""
    for closed in (">&-", "2>&-", ">&- 2>&- <&-"):
        _, _, code = shell(folder, f"runtime score toy.onnx data.csv -o scores.csv {closed}")
        assert code == 0
        assert len(read(folder / "scores.csv")) == 50


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_that_a_terminal_lacks_are_written_as_codes(folder, encoding):
    """Never an error; JSON and CSV stay UTF-8."""
    poor = {"PYTHONIOENCODING": encoding}
    out, lines, code = shell(folder, "runtime info snow.onnx", **poor)
    assert (lines, code) == ([], 0)
    assert "\\u2603" in out
    out, lines, code = shell(folder, "runtime info --json snow.onnx", **poor)
    assert (lines, code) == ([], 0)
    assert "Δ Durchfluß ☃" in out
    _, lines, code = shell(folder, "runtime score snow.onnx data.csv", **poor)
    assert (len(lines), code) == (1, 2)


def test_events_are_kept_when_the_reader_of_the_scores_goes(folder):
    """`| head -1` beside `--events`: the events up to there, whole, and what was scored."""
    data = table(folder, [20.0] * 30_000)
    out, lines, _ = shell(
        folder, f"runtime score toy.onnx {data} -o - --events events.csv | head -1"
    )
    assert out.startswith("time,a,")
    assert len(lines) == 1
    assert read(folder / "events.csv")[0]["channels"] == "a"
    assert names(folder) == ["data.csv", "events.csv", "snow.onnx", "toy.onnx"]


def test_the_version_is_told_without_onnxruntime(folder):
    """`--version` is one line on stdout."""
    out, lines, code = shell(folder, "runtime --version")
    assert out.startswith("kad ")
    assert (lines, code) == ([], 0)
