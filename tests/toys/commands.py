"""The runtime's command line: tables that it takes, its process, its errors."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

from runtime.cli.app import main

ROOT = Path(__file__).parents[2]


def table(tmp_path, values=None, *, minutes=None, header="timestamp,a"):
    values = np.random.default_rng(0).normal(20, 1, 50) if values is None else values
    minutes = range(len(values)) if minutes is None else minutes
    times = [str(np.datetime64("2024-01-01T00:00:00") + 60 * int(m)) for m in minutes]
    rows = [f"{t.replace('T', ' ')},{v}" for t, v in zip(times, values, strict=True)]
    path = tmp_path / "data.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def run(*args, stdin=None):
    """The command in a process of its own: stdout, stderr, exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "runtime", *map(str, args)],
        cwd=ROOT, input=stdin, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def read(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def error_of(capsys, *args):
    """Runs what must fail as the user's fault; returns the one line on stderr."""
    before = names(Path(args[1]).parent)
    assert main([str(arg) for arg in args]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("kad: error: ")
    assert names(Path(args[1]).parent) == before
    return captured.err
