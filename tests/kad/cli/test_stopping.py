"""`kad train` ends on Ctrl+C at any moment, and says its version at once."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from kad.cli.command import run_app
from runtime.version import __version__
from toys.series import wave


def kad(*words, after=None, number=signal.SIGINT, **options):
    """The command; a signal comes `after` so many seconds: lines on stderr, exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kad", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip
    if after is not None:
        time.sleep(after)
        process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return out, [line for line in err.splitlines() if line.strip()], process.returncode


@pytest.mark.slow
@pytest.mark.parametrize(("after", "number"), [(2, signal.SIGINT), (5, signal.SIGTERM)])
def test_a_signal_stops_a_training(tmp_path, after, number):
    """While libraries load, compile or train: the signal's exit code, a last line, no model."""
    data, out = tmp_path / "data.csv", tmp_path / "run"
    wave().to_csv(data)
    _, lines, code = kad(
        "train", data, "--out", out, "--epochs", 10_000, after=after, number=number
    )
    assert code == 128 + number
    assert re.search("interrupted|Training stopped", lines[-1]), lines
    assert not any("Error" in line or "Traceback" in line for line in lines), lines
    assert not (out / "model.keras").exists()


def test_the_version_is_one_line():
    """On stdout, without Keras."""
    assert kad("--version") == (f"kad {__version__}\n", [], 0)


def test_what_a_signal_became_is_no_error(monkeypatch, capsys):
    """A library made an error of its own of the signal: one line, 130."""
    import typer

    from kad.cli.command import command
    from runtime.errors import KadError

    app = typer.Typer()

    @app.command()
    @command
    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise KadError("no such library") from None

    monkeypatch.setattr(sys, "argv", ["kad"])
    with pytest.raises(SystemExit) as ended:
        run_app(app)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "kad: interrupted.\n"


@pytest.mark.parametrize(("error", "code", "lines"), [(BrokenPipeError, 0, 0), (OSError, 1, 1)])
def test_the_systems_refusals_are_one_line_or_none(monkeypatch, capsys, error, code, lines):
    """A full disk is an error; a reader that went away is not."""
    import typer

    from kad.cli.command import command

    app = typer.Typer()

    @app.command()
    @command
    def work() -> None:
        raise error(28, "No space left on device")

    monkeypatch.setattr(sys, "argv", ["kad"])
    with pytest.raises(SystemExit) as ended:
        run_app(app)
    err = capsys.readouterr().err
    assert (ended.value.code, err.count("\n")) == (code, lines)
    assert "Traceback" not in err
