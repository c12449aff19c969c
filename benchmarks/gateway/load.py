"""A publisher and a watcher, each a process: `python -m benchmarks.gateway.load ROLE FOLDER PORT`.

`publish` sends the samples of FOLDER/plan.json at their rate and writes FOLDER/published.npz: when
each was sent; it ends early when there is a FOLDER/enough. `watch` subscribes to `kad/#` until
SIGTERM and writes FOLDER/watched.npz: of each score its stream, time, arrival, and whether it was
marked; and FOLDER/events.json. Both connect again by themselves; nothing that the broker had
acknowledged is sent twice, nothing else is lost.
"""

import json
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gateway.machine import cpu_s
from benchmarks.gateway.plan import Plan
from benchmarks.gateway.wire import Arrived, Wire
from runtime.gateway.mqtt import packets

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Publisher", "Watcher"]

_PAUSE_S = 0.05
_MOST_FLYING = 20_000
_IDS = 60_000
_GIVE_UP_S = 120.0


class Publisher:
    """Sends publications with QoS 1, in order, each until the broker has acknowledged it.

    Args:
        port: Of the broker, on the loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: Wire | None = None
        self._flying: deque[bytes] = deque()
        self._next = 0
        self.resent = 0
        """Publications that went out once more after a lost connection."""

    def send(self, publications: list[tuple[bytes, bytes]]) -> None:
        """Sends publications (encoded topic, payload); waits where too many fly."""
        made = []
        for topic, payload in publications:
            self._next = self._next % _IDS + 1
            made.append(packets.publish(topic, payload, version=4, packet_id=self._next))
        self._flying.extend(made)
        wire = self._wire
        if wire is None:
            self._connect()
        else:
            try:
                wire.socket.sendall(b"".join(made))
            except OSError:
                self._connect()
        self.settle(0.0)
        while len(self._flying) > _MOST_FLYING:
            self.settle(0.1)

    def settle(self, wait_s: float) -> bool:
        """Takes acknowledgements; returns whether all have come."""
        wire = self._wire
        if wire is None:
            self._connect()
            return False
        before = wire.acknowledged
        try:
            wire.arrived(wait_s)
        except OSError:
            self._take(wire.acknowledged - before)
            self._connect()
            return False
        self._take(wire.acknowledged - before)
        return not self._flying

    def _take(self, count: int) -> None:
        for _ in range(count):
            self._flying.popleft()

    def _connect(self) -> None:
        """Connects, and sends again what flies, before all else."""
        if self._wire is not None:
            self._wire.socket.close()
        self._wire = None
        until = time.monotonic() + _GIVE_UP_S
        while True:
            try:
                wire = Wire(self._port, "load-publisher", clean=True)
                if self._flying:
                    self.resent += len(self._flying)
                    wire.socket.sendall(b"".join(self._flying))
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_S)
            else:
                self._wire = wire
                return


class Watcher:
    """Keeps of every score what is needed to judge it.

    Args:
        port: Of the broker, on the loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: Wire | None = None
        self.rows: list[tuple[int, int, float, bool, bool, float, float, bool]] = []
        """Stream, time in ms, arrival, marked, from the broker again, score, severity, alarm."""
        self.reasons: dict[str, int] = {}
        """Scores by what is said against them."""
        self.events: list[dict[str, Any]] = []
        self.other: dict[str, int] = {}

    def watch(self, wait_s: float) -> None:
        """Takes what comes within a time; connects again where it must."""
        wire = self._wire or self._connect()
        if wire is None:
            time.sleep(_PAUSE_S)
            return
        try:
            found = wire.arrived(wait_s)
        except OSError:
            wire.socket.close()
            self._wire = None
            return
        now = time.time()
        for one in found:
            self._take(one, now)

    def _connect(self) -> Wire | None:
        try:
            wire = Wire(self._port, "load-watcher", clean=False)
            wire.subscribe(["kad/#"])
        except OSError:
            return None
        self._wire = wire
        return wire

    def _take(self, one: Arrived, now: float) -> None:
        parts = one.topic.split(b"/")
        kind = parts[-1].decode()
        if kind == "score":
            said = json.loads(one.payload)
            for reason in said["reasons"]:
                self.reasons[reason] = self.reasons.get(reason, 0) + 1
            score, severity = (
                float("nan") if said[k] is None else said[k] for k in ("score", "severity")
            )
            self.rows.append(
                (int(parts[1][1:]), said["t"], now, said["repeat"], one.again, score, severity,
                 said["alarm"])
            )  # fmt: skip
        elif kind == "event":
            stream = "/".join(part.decode() for part in parts[1:-1])
            self.events.append(json.loads(one.payload) | {"stream": stream, "again": one.again})
        else:
            self.other[kind] = self.other.get(kind, 0) + 1

    def save(self, folder: Path) -> None:
        """Writes what was seen."""
        names = ("stream", "time_ms", "arrived", "marked", "again", "score", "severity", "alarm")
        columns: Sequence[Sequence[Any]] = list(zip(*self.rows, strict=True)) or [()] * len(names)
        arrays: dict[str, Any] = dict(zip(names, map(np.array, columns), strict=True))
        np.savez(folder / "watched.npz", **arrays)
        said = {"events": self.events, "reasons": self.reasons, "other": self.other}
        (folder / "events.json").write_text(json.dumps(said))


def _publish(folder: Path, port: int) -> None:
    plan = Plan.load(folder / "plan.json")
    publisher = Publisher(port)
    topics = [packets.length_and_text(plan.topic(one)) for one in range(plan.streams)]
    sent = np.zeros((plan.steps, plan.streams))
    publisher.settle(0.0)
    (folder / "publishing").touch()
    slices = max(1, min(plan.streams, round(plan.every_s / 0.004)))
    edges = np.linspace(0, plan.streams, slices + 1).astype(int).tolist()
    begin, late = time.monotonic() + 0.1, 0.0
    enough = folder / "enough"
    for step in range(plan.steps):
        if enough.exists():
            break
        payloads = plan.payloads(step)
        for part in range(slices):
            due = begin + (step + part / slices) * plan.every_s
            while (left := due - time.monotonic()) > 0:
                publisher.settle(left)
            late = max(late, -left)
            some = slice(edges[part], edges[part + 1])
            sent[step, some] = time.time()
            publisher.send(list(zip(topics[some], payloads[some], strict=True)))
    until = time.monotonic() + _GIVE_UP_S
    while not publisher.settle(0.1) and time.monotonic() < until:
        pass
    np.savez(folder / "published.npz", sent=sent, late=late, resent=publisher.resent)
    (folder / "published").touch()


def _watch(folder: Path, port: int) -> None:
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    signal.signal(signal.SIGTERM, stop)
    watcher = Watcher(port)
    seen = -1
    while not stopped:
        watcher.watch(0.2)
        if len(watcher.rows) != seen:
            seen = len(watcher.rows)
            (folder / "seen").write_text(f"{seen} {len(watcher.events)}")
    watcher.save(folder)


def main() -> None:
    """Runs one of the two."""
    role, folder, port = sys.argv[1:4]
    {"publish": _publish, "watch": _watch}[role](Path(folder), int(port))
    sys.stdout.write(f"{role}: CPU {cpu_s(os.getpid()):.2f} s\n")


if __name__ == "__main__":
    main()
