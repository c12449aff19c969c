"""One training at a time in a run folder."""

import os
import signal
import subprocess
import sys
import time

import pytest

from kad.runs.lock import LOCK, check_unlocked, locked
from kad.runs.train import train
from runtime.errors import InputError
from toys.series import wave
from toys.training import interrupted_in, networks_as_they_are, tiny

HOLD = "from pathlib import Path; import sys, time; from kad.runs.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_refused_and_named(holder, tmp_path):
    """By a look and by the hold itself; nothing is written."""
    for attempt in (lambda: check_unlocked(tmp_path), locked(tmp_path).__enter__):
        with pytest.raises(InputError, match=f"a second one, beside process {holder.pid}"):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_dead_process_locks_nobody_out(holder, tmp_path):
    """Killed, it leaves its file; that is taken over, and gone at the end."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).read_text() == f"{holder.pid}\n"
    check_unlocked(tmp_path)
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_the_holder_is_waited_for_by_nobody(holder, tmp_path):
    """The answer comes at once."""
    began = time.monotonic()
    with pytest.raises(InputError), locked(tmp_path):
        pass
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
def test_a_second_training_is_refused(tmp_path, options):
    """Whatever it would do there; the first one's files stay as they are."""
    with locked(tmp_path):
        (tmp_path / "checkpoint.npz").write_text("of the first")
        with pytest.raises(InputError, match="Only one training at a time"):
            train(tiny(), wave(), out=tmp_path, **options)
        assert {path.name for path in tmp_path.iterdir()} == {LOCK, "checkpoint.npz"}


def test_a_run_that_came_meanwhile_is_not_written_over(tmp_path, monkeypatch):
    """It ended while the second one read its data."""
    from kad.runs import train as module

    read = module._read

    def slowly(*args):
        (tmp_path / "model.keras").write_text("of the first")
        return read(*args)

    monkeypatch.setattr(module, "_read", slowly)
    with pytest.raises(InputError, match="holds a finished run"):
        train(tiny(), wave(), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_errors_leave_no_half_written_run(tmp_path, monkeypatch):
    """A disk that is full at the first file: no folder. At the last: a run that can be resumed."""
    out = tmp_path / "runs" / "new"

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"config.toml cannot be written: No space"):
            train(tiny(), wave(), out=out)
    assert list(tmp_path.iterdir()) == []
    from kad.detector import Detector

    with monkeypatch.context() as patch, networks_as_they_are():
        patch.setattr(Detector, "save", lambda *_: full(0))
        with pytest.raises(InputError, match="No space left.* continue with --resume"):
            train(tiny(), wave(), out=out)
    assert {path.name for path in out.iterdir()} == {"config.toml", "checkpoint.npz"}


def test_ctrl_c_after_the_networks_can_be_resumed(tmp_path, monkeypatch):
    """Also while it calibrates, which no epoch sees."""
    from kad.detector import Detector
    from kad.training.session import TrainingInterruptedError

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Detector, "calibrate", stop)
    with pytest.raises(TrainingInterruptedError, match=r"Training stopped\.") as told:
        train(tiny(), wave(), out=tmp_path)
    assert not told.value.usable
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", "checkpoint.npz"}


def test_ctrl_c_before_the_first_checkpoint_leaves_nothing(tmp_path, monkeypatch):
    """Nothing was learnt."""
    interrupted_in("vae", 0, monkeypatch)
    from kad.training.checkpoint import Checkpoint

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), wave(), out=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
