"""Mosquitto on a free port of the loopback, in a folder of its own."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

__all__ = ["DEFAULTS", "HOST", "RECOMMENDED", "Broker", "free_port"]

HOST = "127.0.0.1"
DEFAULTS: Sequence[str] = ()
RECOMMENDED: Sequence[str] = (
    "max_queued_messages 1000000",
    "max_queued_bytes 268435456",
    "max_inflight_messages 20000",
    "autosave_interval 30",
    "persistent_client_expiration 14d",
)
"""What docs/gateway.md recommends, beside persistence."""
_UP_S = 15.0


def free_port() -> int:
    """Returns a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """Mosquitto in a process; the same port and folder after a restart.

    Args:
        folder: Of its configuration, log and persistence; it must exist.
        settings: Lines of its configuration: `RECOMMENDED` or `DEFAULTS`.

    Raises:
        RuntimeError: There is no Mosquitto here.
    """

    def __init__(self, folder: Path, *, settings: Sequence[str] = RECOMMENDED) -> None:
        path = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if path is None:
            raise RuntimeError("Mosquitto must be installed. Received: none on the path.")
        self.port = free_port()
        self._path, self._log = path, folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = (
            f"listener {self.port} {HOST}",
            f"user {getpass.getuser()}",
            "persistence true",
            f"persistence_location {folder}/",
            "allow_anonymous true",
            *settings,
        )
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> Self:
        """Starts it, and waits until it takes connections.

        Raises:
            RuntimeError: It does not.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._path, "-c", self._config], stdout=log, stderr=log
            )
        until = time.monotonic() + _UP_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return self
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"Mosquitto does not start: {self._log.read_text()[-300:]}")

    def keep_to(self, cores: set[int]) -> None:
        """Binds it to some cores."""
        if self._process is not None:
            os.sched_setaffinity(self._process.pid, cores)

    def stop(self) -> None:
        """Ends it by SIGTERM: it writes down what it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it by SIGKILL: what it had not written is lost."""
        self._end(signal.SIGKILL)

    def cpu_s(self) -> float:
        """Returns the CPU time of its process so far."""
        from benchmarks.gateway.machine import cpu_s

        return cpu_s(self._process.pid) if self._process else 0.0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_UP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
