"""What systemd is told: sd_notify(3), without its library, and never required."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["Notifier"]

_STATUS_LETTERS = 200


class Notifier:
    """Sends the state of the process to systemd; does nothing where nobody listens.

    Args:
        environment: Where `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked up.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _interval(environment) if self._address is not None else None
        """How often `watchdog` is to be called, half of systemd's limit; None: never."""

    @property
    def heard(self) -> bool:
        """Whether there is a socket to send to."""
        return self._address is not None

    def ready(self, status: str = "") -> None:
        """Says that the start, or a reload, is done: after the journal was replayed."""
        self._send("READY=1", *_status(status))

    def reloading(self, status: str = "") -> None:
        """Says that a reload has begun; `ready` says that it is done."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", *_status(status))

    def stopping(self, status: str = "") -> None:
        """Says that the end has begun."""
        self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> None:
        """Says in one line what the process does."""
        self._send(*_status(text))

    def watchdog(self, *, progressed: bool) -> None:
        """Says that the process is alive, if it made progress; see `Watchdog.standing`."""
        if progressed and self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Asks for this much time from now on for a start or an end: a long replay."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def _send(self, *assignments: str) -> None:
        """Sends assignments in one datagram; a full or gone socket is nobody's trouble."""
        if self._address is None or not assignments or not hasattr(socket, "AF_UNIX"):
            return
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.settimeout(1.0)
            sender.sendto("\n".join(assignments).encode("utf-8", "replace"), self._address)


def _address(name: str) -> bytes | None:
    """Returns the address of a socket: a path, or `@` and a name in the abstract space."""
    if name.startswith("/"):
        return os.fsencode(name)
    if name.startswith("@") and len(name) > 1:
        return b"\0" + os.fsencode(name[1:])
    return None


def _interval(environment: Mapping[str, str]) -> float | None:
    owner = environment.get("WATCHDOG_PID", "")
    limit = environment.get("WATCHDOG_USEC", "")
    if (owner and owner != str(os.getpid())) or not limit.isascii() or not limit.isdigit():
        return None
    return int(limit) / 2e6 if int(limit) > 0 else None


def _status(text: str) -> list[str]:
    """Returns the assignment of a status, on one line: a line break would begin another."""
    line = " ".join(text.split())[:_STATUS_LETTERS]
    return [f"STATUS={line}"] if line else []
