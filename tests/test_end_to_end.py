"""The command lines, one after the other, as a user types them."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from runtime import verify
from toys.series import wave

ROOT = Path(__file__).parent.parent
BACKEND = "jax" if importlib.util.find_spec("jax") else "tensorflow"
"""What the folder's run trains on."""
TINY = (
    "[detector]\nl_win = 6\nl_seq = 3\ncode_size = 2\nhidden_units = 16\nlstm_units = 4\n"
    "[training]\nepochs = 2\nepochs_lstm = 2\n"
)


def python(module, *arguments, cwd, stdin=None):
    """Runs `python -m module` as a user would, without the backend of this process."""
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=environment,
        input=stdin,
    )


@pytest.fixture
def here(monkeypatch, capsys):
    """Runs `python -m module` in this process, on its backend: exit code and stderr."""

    def run(module, *arguments, cwd):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", [module, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            sys.exit(importlib.import_module(f"{module}.cli").main())
        return ended.value.code or 0, capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data, a configuration, and a run trained and exported on the command line."""
    folder = tmp_path_factory.mktemp("user")
    frame = wave(600)
    frame.iloc[580:583, 0] += 20
    frame.to_csv(folder / "data.csv")
    (folder / "kad.toml").write_text(TINY)
    for command in (
        (
            "kad",
            "train",
            "data.csv",
            "--config",
            "kad.toml",
            "--train",
            "0:500",
            "--false-alarms",
            "1/day",
            "--backend",
            BACKEND,
            "--out",
            "run",
        ),
        ("export", "run"),
    ):
        done = python(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_csv_to_events(folder, here):
    """train → export → verify → score: scores and events name the fault and its channel."""
    assert python("runtime", "verify", "run/detector.onnx", cwd=folder).returncode == 0
    done = python(
        "runtime",
        "score",
        "run/detector.onnx",
        "data.csv",
        "-o",
        "scores.csv",
        "--events",
        "events.csv",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    scores = pd.read_csv(folder / "scores.csv")
    assert list(scores.columns) == [
        "time",
        "a",
        "b",
        "score",
        "severity",
        "expected_a",
        "expected_b",
        "score_a",
        "score_b",
        "alarm",
    ]
    assert len(scores) == 600
    events = pd.read_csv(folder / "events.csv")
    peak = events.loc[events["peak_severity"].idxmax()]
    assert "2025-01-01 09:40:00" <= peak["peak_time"] <= "2025-01-01 09:50:00"
    assert peak["channels"].split(";")[0] == "a"
    code, said = here("kad", "score", "run", "data.csv", "-o", "keras.csv", cwd=folder)
    assert code == 0, said
    keras_scores = pd.read_csv(folder / "keras.csv")
    np.testing.assert_allclose(scores["score"], keras_scores["score"], rtol=1e-4, atol=1e-5)
    assert (folder / "run" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_stdin_to_stdout(folder):
    """`-` reads stdin and writes stdout, and gives the file's scores."""
    text = (folder / "data.csv").read_text()
    done = python("runtime", "score", "run/detector.onnx", "-", "-o", "-", cwd=folder, stdin=text)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 601


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("kad", "train", "none.csv"), "can be read. Received: none.csv"),
        (("kad", "train", "data.csv", "--channels", "c", "--out", "new"), "c missing"),
        (("kad", "train", "data.csv", "--train", "0:50", "--out", "new"), "at least .* rows"),
        (("kad", "train", "data.csv", "--false-alarms", "often", "--out", "new"), "often"),
        (("kad", "train", "data.csv", "--preset", "papr", "--out", "new"), "papr"),
        (("kad", "train", "data.csv", "--backend", "mxnet", "--out", "new"), "mxnet"),
        (("kad", "train", "data.csv", "--out", "run"), "--overwrite"),
        (("kad", "train"), "Missing argument"),
        (("kad", "score", "new", "data.csv", "-o", "new.csv"), "new"),
        (("export", "new"), "new"),
        (("runtime", "score", "data.csv", "data.csv", "-o", "new.csv"), "data.csv"),
    ],
)
def test_user_faults_are_one_line(folder, here, command, message):
    """Exit code 2, one line on stderr, nothing half-written."""
    before = sorted(p.name for p in folder.iterdir())
    code, said = here(*command, cwd=folder)
    lines = [line for line in said.splitlines() if line.strip()]
    assert code == 2, lines
    assert len(lines) == 1, lines
    assert re.search(message, lines[0])
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.slow
@pytest.mark.data
def test_machine_temperature_with_its_time_repeat(data_dir, here, tmp_path):
    """NAB's machine_temp, whose clock jumps back, goes through every stage."""
    data = data_dir / "nab/data/realKnownCause/machine_temperature_system_failure.csv"
    steps = (
        (
            "kad",
            "train",
            data,
            "--preset",
            "tiny",
            "--train",
            "0:3000",
            "--epochs",
            1,
            "--out",
            "run",
        ),
        ("export", "run"),
        ("runtime", "score", "run/detector.onnx", data, "-o", "scores.csv"),
    )
    for step in steps:
        code, said = here(*step, cwd=tmp_path)
        assert code == 0, said
    assert "The clock was set back once" in said
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 22_695


@pytest.mark.slow
@pytest.mark.backends
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_export_without_retraining(folder, here, backend, tmp_path):
    """A run trained under JAX or Torch becomes a detector file as it is."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    run = folder / "run"
    if backend != BACKEND:
        run = tmp_path / "run"
        options = ("--config", folder / "kad.toml", "--backend", backend, "--out", run)
        done = python("kad", "train", folder / "data.csv", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        code, said = here("export", run, cwd=tmp_path)
        assert code == 0, said
    assert f'backend = "{backend}"' in (run / "config.toml").read_text()
    assert verify(run / "detector.onnx").passed
