"""The gateway as a process, and the two beside it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.gateway.broker import free_port
from benchmarks.gateway.machine import cpu_s, rss_mb

__all__ = ["Gateway", "Helper", "until"]

ROOT = Path(__file__).parents[2]


def until(done: Callable[[], bool], *, timeout_s: float, what: str, pause_s: float = 0.05) -> None:
    """Waits for something.

    Raises:
        RuntimeError: It did not come in time.
    """
    end = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {timeout_s:g} s.")
        time.sleep(pause_s)


class _Process:
    """A process with a log."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self.log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        if self._process is None:
            raise RuntimeError("It must have been started.")
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None: it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Starts it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            )

    def keep_to(self, cores: set[int]) -> None:
        """Binds it, right after `start`, to some cores; the threads that it starts follow."""
        os.sched_setaffinity(self.pid, cores)

    def end(self, number: signal.Signals = signal.SIGTERM, *, timeout_s: float = 30.0) -> int:
        """Sends a signal and waits; returns the exit code."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def said(self) -> str:
        """Returns its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Helper(_Process):
    """A publisher or a watcher; see `load`."""

    def __init__(self, role: str, folder: Path, port: int) -> None:
        command = [sys.executable, "-m", "benchmarks.gateway.load", role, str(folder), str(port)]
        super().__init__(command, folder / f"{role}.log")


class Gateway(_Process):
    """`python -m runtime run` with a configuration of ours.

    Args:
        folder: Of the configuration, the state and the log.
        model: The detector file.
        broker: Port of the broker; 0: no broker, a replay of `replay.csv` into `scores.jsonl`.
        threshold: Severity that opens an event.
        gateway: Lines of TOML for `[gateway]`.
        journal: The same for `[journal]`.
        options: The same for `[broker]`.
        sink: The same for the sink, and whatever follows it.
        source: The same for the source.
    """

    def __init__(
        self,
        folder: Path,
        model: Path,
        *,
        broker: int,
        threshold: float,
        gateway: str = "",
        journal: str = "",
        options: str = "",
        sink: str = 'scores = "every"',
        source: str = "",
    ) -> None:
        self.folder, self.http = folder, free_port()
        self.state = folder / "state"
        ways = (
            f"[broker]\nport = {broker}\n{options}\n"
            f'[[source]]\nkind = "mqtt"\ntopics = ["load/{{device}}/data"]\n{source}\n'
            f'[[sink]]\nkind = "mqtt"\n{sink}\n'
            if broker
            else '[[source]]\nkind = "replay"\nfile = "replay.csv"\nstream_column = "stream"\n'
            "speed = 0\nto_now = false\n"
            f'[[sink]]\nkind = "jsonl"\npath = "{folder}/scores.jsonl"\n'
        )
        text = (
            f'[gateway]\nname = "gw"\nstate = "state"\n{gateway}\n[journal]\n{journal}\n'
            f"[http]\nport = {self.http}\n"
            f'[[model]]\nfile = "{model}"\nkey = "m"\nthreshold = {threshold}\n{ways}'
        )
        (folder / "gateway.toml").write_text(text)
        command = [sys.executable, "-m", "runtime", "run", str(folder / "gateway.toml")]
        super().__init__(command, folder / "gateway.log")

    def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        return self._asked("readyz") is not None

    def metrics(self) -> dict[str, float]:
        """Returns what `/metrics` has, by name with labels; empty where it does not answer."""
        found = {}
        for line in (self._asked("metrics") or "").splitlines():
            name, _, value = line.rpartition(" ")
            if name and not line.startswith("#"):
                found[name] = float(value)
        return found

    def cpu_s(self) -> float:
        """Returns its CPU time so far."""
        return cpu_s(self.pid)

    def rss_mb(self) -> float:
        """Returns its resident memory, MB."""
        return rss_mb(self.pid)

    def _asked(self, what: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/{what}", timeout=5) as found:
                text: str = found.read().decode()
                return text
        except (OSError, ValueError):
            return None
