"""A real broker: Mosquitto on a free port of the loopback, in a folder of its own."""

import contextlib
import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

__all__ = ["RECOMMENDED", "Broker", "free_port", "mosquitto"]

HOST = "127.0.0.1"
_UP_S = 10.0

RECOMMENDED = (
    "max_queued_messages 1000000",
    "max_queued_bytes 268435456",
    "max_inflight_messages 20000",
    "autosave_interval 30",
    "persistent_client_expiration 14d",
)
"""What the documents recommend instead of Mosquitto's defaults, beside persistence."""


def mosquitto():
    """The path of Mosquitto; skips the test where there is none."""
    path = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if path is None:
        pytest.skip("needs Mosquitto: apt-get install mosquitto")
    return path


def free_port():
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Broker:
    """Mosquitto in a process; the same port and the same folder after a restart.

    Args:
        folder: Its folder: configuration, log, persistence.
        settings: Lines of the configuration; `RECOMMENDED` or () for the broker's defaults.
        listener: Lines that belong to the listener, such as `cafile`, `certfile`, `keyfile`.
        persistence: Whether it keeps sessions and messages over a restart.
        passwords: User names and passwords; where there are some, nobody comes in without.
        acl: Lines of an access list.
    """

    host = HOST

    def __init__(
        self, folder, *, settings=RECOMMENDED, listener=(), persistence=True, passwords=None, acl=()
    ):
        self.port = free_port()
        self.folder = Path(folder)
        self._path = mosquitto()
        self._process = None
        self._log = self.folder / "mosquitto.log"
        self._config = self.folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} {HOST}",
            *listener,
            f"user {getpass.getuser()}",  # root stays root, who can read what pytest's folders have
            f"persistence {'true' if persistence else 'false'}",
            f"persistence_location {self.folder}/",
            f"allow_anonymous {'false' if passwords else 'true'}",
            *settings,
        ]
        if passwords:
            lines.append(f"password_file {self._write_passwords(passwords)}")
        if acl:
            (self.folder / "acl").write_text("\n".join(acl) + "\n")
            lines.append(f"acl_file {self.folder / 'acl'}")
        self._config.write_text("\n".join(lines) + "\n")

    def start(self):
        """Starts it, and waits until it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._path, "-c", self._config], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until = time.monotonic() + _UP_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return self
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"Mosquitto does not start: {self.log}")

    def stop(self):
        """Ends it by SIGTERM: with persistence it writes down what it has."""
        self._end(signal.SIGTERM)

    def kill(self):
        """Ends it by SIGKILL: what it had not written is lost."""
        self._end(signal.SIGKILL)

    def restart(self):
        """Stops it by SIGTERM, and starts it again on the same port."""
        self.stop()
        return self.start()

    @property
    def running(self):
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self):
        """What it said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.kill()

    def _end(self, number):
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(_UP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _write_passwords(self, passwords):
        path = self.folder / "passwords"
        path.write_text("".join(f"{user}:{word}\n" for user, word in passwords.items()))
        tool = shutil.which("mosquitto_passwd")
        if tool is None:
            pytest.skip("needs mosquitto_passwd")
        subprocess.run([tool, "-U", path], check=True, timeout=30, capture_output=True)
        return path
