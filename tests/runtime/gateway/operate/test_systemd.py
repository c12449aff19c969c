"""sd_notify against a real datagram socket, of a path and of the abstract space."""

import os
import re
import socket
import sys
import time

import pytest

from runtime.gateway.operate.systemd import Notifier

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sockets of Linux")


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """A listening socket, and the environment that names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = str(tmp_path / "notify") if request.param == "path" else f"@kad-{tmp_path}"
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(5)
        yield listener, {"NOTIFY_SOCKET": name}


def heard(listener):
    return listener.recv(4096).decode()


def test_the_life_of_a_service(systemd):
    """Each call is one datagram."""
    listener, environment = systemd
    notifier = Notifier(environment)
    assert notifier.heard
    notifier.extend(90)
    notifier.ready("1,000 streams")
    notifier.status("lag 0.4 s")
    notifier.stopping()
    assert [heard(listener) for _ in range(4)] == [
        "EXTEND_TIMEOUT_USEC=90000000",
        "READY=1\nSTATUS=1,000 streams",
        "STATUS=lag 0.4 s",
        "STOPPING=1",
    ]


def test_reloading_with_its_time(systemd):
    """RELOADING and the monotonic time in one datagram, in microseconds."""
    listener, environment = systemd
    before = time.monotonic_ns() // 1000
    Notifier(environment).reloading()
    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", heard(listener))
    assert before <= int(found[1]) <= time.monotonic_ns() // 1000


def test_watchdog_on_progress_only(systemd):
    """Nothing is sent without progress."""
    listener, environment = systemd
    notifier = Notifier(
        environment | {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    )
    assert notifier.watchdog_s == 15
    notifier.watchdog(progressed=False)
    notifier.watchdog(progressed=True)
    notifier.stopping()
    assert [heard(listener), heard(listener)] == ["WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize(
    "more",
    [{}, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"},
     {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "-5"}, {"WATCHDOG_USEC": "²"}],
)  # fmt: skip
def test_no_watchdog(systemd, more):
    """Not asked for, of another process, or nonsense."""
    listener, environment = systemd
    notifier = Notifier(environment | more)
    assert notifier.watchdog_s is None
    notifier.watchdog(progressed=True)
    notifier.stopping()
    assert heard(listener) == "STOPPING=1"


def test_a_status_is_no_command(systemd):
    """A line break in a status, of a stream's name, cannot say READY."""
    listener, environment = systemd
    notifier = Notifier(environment)
    notifier.status("lost p7\nREADY=1\r\x0b" + "x" * 1000)
    notifier.status(" \n")
    notifier.stopping()
    said = heard(listener)
    assert said.startswith("STATUS=lost p7 READY=1 x")
    assert "\n" not in said
    assert len(said) <= 207
    assert heard(listener) == "STOPPING=1"


@pytest.mark.parametrize(
    "name", ["", "@", "relative", "/gone/away", "vsock:2:1234", "/" + "x" * 300]
)
def test_never_required(name):
    """Nobody listens, or the address is none: nothing happens."""
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    notifier.ready()
    notifier.reloading()
    notifier.watchdog(progressed=True)
    assert notifier.heard is name.startswith("/")


def test_a_full_socket_does_not_hold_us_up(systemd):
    """systemd that reads nothing: calls end."""
    listener, environment = systemd
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    notifier = Notifier(environment)
    start = time.monotonic()
    for _ in range(2):
        notifier.status("x")
    assert time.monotonic() - start < 4
