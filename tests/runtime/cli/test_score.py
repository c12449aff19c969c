"""`runtime score`: files and pipes in, scores and events out."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.cli.app import main
from toys.commands import ROOT, error_of, names, read, run, table
from toys.onnx_files import reference, toy

SHUFFLED = np.random.default_rng(0).permutation(99)


def test_score_writes_scores_and_events(model, tmp_path, capsys):
    """A file in, scores.csv and events.csv out: the reference's numbers, the file's times."""
    values = np.random.default_rng(0).normal(20, 0.1, 80)
    values[60] = 90
    data = table(tmp_path, values)
    scores, events = tmp_path / "scores.csv", tmp_path / "events.csv"
    code = main(
        ["score", model, data, "-o", str(scores), "--events", str(events), "--threshold", "20"]
    )
    assert code == 0
    rows = read(scores)
    assert list(rows[0]) == ["time", "a", "score", "severity", "expected_a", "score_a", "alarm"]
    assert rows[0]["time"] == "2024-01-01 00:00:00"
    score, severity = reference(values[:, None])
    np.testing.assert_allclose([float(r["score"]) for r in rows], score, rtol=1e-4)
    assert [float(r["a"]) for r in rows] == values.tolist()
    assert [r["alarm"] for r in rows] == ["1" if s >= 20 else "0" for s in severity]
    found = read(events)[-1]
    assert found["peak_time"] == "2024-01-01 01:00:00"
    assert found["channels"] == "a"
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("kad: read ")
    assert (
        ": 80 rows, 2024-01-01 00:00:00 to 2024-01-01 01:19:00; times from 'timestamp'" in said[0]
    )
    assert said[0].endswith("; channels a")
    assert said[-1].startswith("kad: 80 rows, 80 steps scored: 0 missing, 0 duplicates, 0 late, ")
    assert len(said) == 2
    assert names(tmp_path) == ["data.csv", "events.csv", "scores.csv", "toy.onnx"]


def test_stdin_to_stdout_as_json_lines(model):
    """`-` reads stdin, the default writes stdout; the module runs as `python -m runtime`."""
    lines = "".join(json.dumps({"ts": 60 * i, "a": 20.5}) + "\n" for i in range(10))
    out, err, code = run("score", model, "-", "--format", "jsonl", stdin=lines.encode())
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["time"] for row in rows] == [60 * i for i in range(10)]
    assert rows[9]["alarm"] is True
    assert err.splitlines()[-1].startswith("kad: 10 rows")


def test_a_live_pipe_is_scored_row_by_row(model):
    """Scores of a row come before the next row is sent."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime", "score", model, "-"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        process.stdin.write(b"time,a\n")
        for i in range(3):
            process.stdin.write(f"{60 * i},{i}\n".encode())
            process.stdin.flush()
            if i == 0:
                assert process.stdout.readline().startswith(b"time,a,score")
            assert process.stdout.readline().startswith(f"{60 * i},{float(i)},".encode())
        process.stdin.close()
        assert process.stdout.read() == b""
        err = process.stderr.read()
        assert b"warning: stdin must have at least 4 rows" in err
    assert process.returncode == 0


def test_a_live_pipe_is_said_as_it_is_read(model):
    """How it is read, at once, for it may never end; and which channels have not come."""
    lines = "".join(json.dumps({"ts": 60 * i, "A": 20.5}) + "\n" for i in range(40))
    out, err, code = run("score", model, "-", stdin=lines.encode())
    first, second, *_ = err.splitlines()
    assert code == 0
    assert len(out.splitlines()) == 41
    assert first.startswith("kad: read stdin: times from 'ts'")
    assert "warning: no reading of a in the first " in err
    assert second.startswith("kad: not read: A")


def stopped(number, *words, folder, wait_for):
    """The command, ended by a signal once a file has grown: its lines on stderr, its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime", "score", *words],
        cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 - as without nohup
    )  # fmt: skip
    with process:
        if wait_for:
            process.stdin.write(b"time,a\n" + b"".join(b"%d,1\n" % (60 * i) for i in range(9)))
            process.stdin.flush()
        for _ in range(400):
            parts = list(folder.glob(".scores.csv*"))
            if parts and parts[0].stat().st_size >= wait_for:
                break
            time.sleep(0.05)
        process.send_signal(number)
        err = process.communicate(timeout=60)[1].decode()
    return err.splitlines(), process.returncode


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_keep_what_has_been_scored(model, tmp_path, number, code):
    """Ctrl+C, `kill`, a closed terminal: complete rows are put in place, and the signal told."""
    output, events = tmp_path / "scores.csv", tmp_path / "events.csv"
    lines, received = stopped(
        number, model, "-", "-o", output, "--events", events, folder=tmp_path, wait_for=200
    )
    assert received == code
    assert len(lines) == 2
    assert lines[0].startswith("kad: read stdin: times from 'time'")
    assert lines[1].startswith("kad: 9 rows, 9 steps scored")
    assert len(read(output)) == 9
    assert names(tmp_path) == ["events.csv", "scores.csv", "toy.onnx"]


def test_a_signal_before_the_first_row_leaves_nothing(model, tmp_path):
    """One line, the signal's exit code, no file."""
    output = tmp_path / "scores.csv"
    lines, code = stopped(signal.SIGTERM, model, "-", "-o", output, folder=tmp_path, wait_for=0)
    assert (lines, code) == (
        ["kad: error: Stopped before the first row. Nothing was written."],
        143,
    )
    assert names(tmp_path) == ["toy.onnx"]


def test_stdout_is_quiet_beside_a_file(model, tmp_path, capsys):
    """Scores go there alone where neither -o nor --events is given, or by `-o -`."""
    words = ["score", model, table(tmp_path)]
    for options, says in [
        ([], True),
        (["-o", "-", "--events", str(tmp_path / "events.csv")], True),
        (["--events", str(tmp_path / "events.csv")], False),
        (["-o", str(tmp_path / "scores.csv")], False),
    ]:
        assert main([*words, *options]) == 0
        assert capsys.readouterr().out.startswith("time,a,score") == says
    assert main([*words, "--events", "-"]) == 0
    assert capsys.readouterr().out.startswith("start,end,")


def test_a_closed_pipe_is_quiet(model, tmp_path):
    """`| head -1` ends without a word about it."""
    data = table(tmp_path, np.arange(30_000.0))
    command = f"{sys.executable} -m runtime score {model} {data} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    assert done.stdout.startswith(b"time,a,")
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("header", "values", "minutes", "message"),
    [
        ("timestamp,b", None, None, "columns a"),
        ("timestamp,a", [1, 2, "2o1", 4], None, "'2o1' in row 4"),
        ("timestamp,a", [1], None, "at least 4 rows.*Received: 1 row, 1 step"),
        ("timestamp,a", [], None, "a header alone"),
        ("timestamp,a", range(99), [*range(99)][::-1], "newest row seems to come first"),
        ("timestamp,a", range(99), SHUFFLED, "they are not sorted"),
        ("timestamp,a", range(99), range(0, 990, 10), "4 rows in one piece.*99 rows, 1 step in"),
    ],
)
def test_bad_data_leaves_nothing_behind(
    model, tmp_path, capsys, *, header, values, minutes, message
):
    """One line, exit code 2, no output file, no temporary."""
    data = table(tmp_path, values, minutes=minutes, header=header)
    outputs = ["-o", tmp_path / "scores.csv", "--events", tmp_path / "events.csv"]
    error = error_of(capsys, "score", model, data, *outputs, "--reorder", "0")
    assert re.search(message, error)


def test_bad_arguments(model, tmp_path, capsys):
    """Missing files, a truncated model, an impossible budget, stdout twice."""
    data, cut = table(tmp_path), tmp_path / "cut.onnx"
    cut.write_bytes(toy()[:500])
    assert "No such file" in error_of(capsys, "score", model, tmp_path / "no.csv")
    assert "directory" in error_of(capsys, "score", model, tmp_path)
    assert "truncated" in error_of(capsys, "score", cut, data)
    assert "COUNT/UNIT" in error_of(capsys, "score", model, data, "--false-alarms", "often")
    assert "Only one" in error_of(capsys, "score", model, data, "-o", "-", "--events", "-")
    assert "cannot be read" in error_of(capsys, "info", tmp_path / "no.onnx")
    assert "that can be written" in error_of(
        capsys, "score", model, data, "-o", tmp_path / "no" / "scores.csv"
    )
    for usage in (["score", model], ["score", model, data, "--threshold", "0"], []):
        with pytest.raises(SystemExit, match="2"):
            main(usage)
        capsys.readouterr()


@pytest.mark.parametrize("budget", ["0.6/h", "1 % of time"])
def test_false_alarm_budget_sets_the_threshold(model, tmp_path, budget):
    """One alarm per 100 samples is severity 2, and so is a hundredth of the time."""
    data, output = table(tmp_path, np.full(60, 20.0)), tmp_path / "scores.csv"
    assert main(["score", model, data, "-o", str(output), "--false-alarms", budget]) == 0
    rows = read(output)
    assert [row["alarm"] == "1" for row in rows] == [float(r["severity"]) >= 2 for r in rows]
    assert 0 < sum(row["alarm"] == "1" for row in rows) < 60


def summary_of(capsys, *args):
    """Runs `score`; the threshold used is found in no output, but events and notes are."""
    assert main(["score", *map(str, args)]) == 0
    lines = capsys.readouterr().err.splitlines()
    notes = [line for line in lines[:-1] if not line.startswith("kad: read ")]
    return int(re.search(r"in (\d+) events?,", lines[-1])[1]), notes


def test_the_policy_is_the_files_own_and_changes_on_the_command_line(calibrated, tmp_path, capsys):
    """Other events from the same file: no export."""
    values = np.full(200, 20.0)
    values[100:160:4] = 90
    data, output = table(tmp_path, values), ["-o", tmp_path / "scores.csv", "--threshold", "40"]
    common = [calibrated, data, *output]
    assert summary_of(capsys, *common, "--refractory", "0")[0] == 15
    assert summary_of(capsys, *common)[0] == 15
    assert summary_of(capsys, *common, "--refractory", "10min")[0] == 5
    assert summary_of(capsys, *common, "--cool-down", "300")[0] == 8
    assert summary_of(capsys, *common, "--merge-gap", "3 min")[0] == 1
    assert summary_of(capsys, *common, "--min-duration", "2 min")[0] == 0
    assert summary_of(capsys, *common, "--habituation", "1 day")[0] < 8
    assert summary_of(capsys, *common, "--habituation", "1 day", "--habituation-rise", "0")[0] == 15


def test_another_policy_or_budget_is_another_threshold(calibrated, tmp_path, capsys):
    """By the rule of the file's own: events that the calibration rows would have had."""
    values = 20 + np.random.default_rng(0).exponential(1.0, 2000)
    data, output = table(tmp_path, values), tmp_path / "scores.csv"

    def lowest_alarm(*args):
        _, notes = summary_of(capsys, calibrated, data, "-o", output, *args)
        return min(float(r["severity"]) for r in read(output) if r["alarm"] == "1"), notes

    plain, notes = lowest_alarm("--false-alarms", "2/h", "--refractory", "0")
    assert plain == pytest.approx(np.log10(30), abs=0.1)
    assert notes == []
    rarer, _ = lowest_alarm("--false-alarms", "2/h", "--refractory", "20min")
    assert rarer < plain - 0.2
    _, (note,) = lowest_alarm("--false-alarms", "1/week")
    assert note.startswith(
        "kad: note: a budget of 1/week is an extrapolation: calibration rows span 20 d"
    )


def test_files_without_calibration_rows_keep_their_threshold(model, tmp_path, capsys):
    """Another policy changes events alone; another budget counts samples."""
    data, output = table(tmp_path), tmp_path / "scores.csv"
    summary_of(capsys, model, data, "-o", output, "--refractory", "1h")
    rows = read(output)
    assert [row["alarm"] == "1" for row in rows] == [float(r["severity"]) >= 3 for r in rows]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--refractory", "2 fortnights", "A duration must be"), ("--release", "much", "float")],
)
def test_bad_policies_are_usage_errors(model, tmp_path, capsys, option, value, message):
    """Exit code 2, and what was expected."""
    with pytest.raises(SystemExit, match="2"):
        main(["score", model, table(tmp_path), option, value])
    assert message in capsys.readouterr().err
    error = error_of(capsys, "score", model, table(tmp_path), "--release", "1.5")
    assert "release must be above 0 and at most 1" in error


def test_files_wait_for_late_rows_and_streams_do_not(model, tmp_path, capsys):
    """The default --reorder is 16 for files: neighbours swapped in time are put right."""
    minutes = [0, *((i ^ 1) + 1 for i in range(50))]
    data, output = table(tmp_path, range(51), minutes=minutes), tmp_path / "scores.csv"
    assert main(["score", model, data, "-o", str(output)]) == 0
    assert [float(row["a"]) for row in read(output)] == minutes
    assert " 0 late" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "period", "steps", "duplicates"),
    [
        ("machine_temperature_system_failure", 300, 22_695, 0),
        ("ec2_request_latency_system_failure", 300, 4_033, 12),
    ],
)
def test_real_series_pass(tmp_path, capsys, *, name, period, steps, duplicates):
    """NAB's: an hour of summer time comes twice and is scored twice, repeated stamps are said."""
    folder = os.environ.get("KAD_DATA_DIR")
    if not folder:
        pytest.skip("KAD_DATA_DIR is not set")
    model, output = tmp_path / "toy.onnx", tmp_path / "scores.csv"
    model.write_bytes(toy(("value",), period_s=float(period), max_gap_steps=24))
    data = f"{folder}/nab/data/realKnownCause/{name}.csv"
    assert main(["score", str(model), data, "-o", str(output)]) == 0
    assert len(read(output)) == steps
    assert f" {duplicates} duplicates" in capsys.readouterr().err


def test_times_of_stdout_output_are_readable_again(model, tmp_path, capfdbinary):
    """What is written to stdout is a table that the reader takes."""
    assert main(["score", model, table(tmp_path)]) == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert len(rows) == 50
