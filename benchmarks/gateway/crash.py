"""Kills the gateway at random moments under load: `python -m benchmarks.gateway.crash [N] [SEED]`.

Between its kills the broker is restarted by SIGTERM and the gateway's connections are cut.
Afterwards the scores and events are those of an uninterrupted run, each at least once, and what
came twice says so. Then the broker is killed with -9: what it loses nobody can bring back, but the
gateway must see the hole.
"""

import csv
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.gateway.broker import Broker
from benchmarks.gateway.cable import Cable
from benchmarks.gateway.judged import Judged, Key, judge, reference
from benchmarks.gateway.machine import load
from benchmarks.gateway.plan import Plan
from benchmarks.gateway.process import ROOT, Gateway, Helper, until

__all__ = ["MODEL", "Holes", "Trial", "broker_killed", "gateway_killed"]

MODEL = ROOT / "tests/golden/detectors/gaussian.onnx"
THRESHOLD = 4.0
RESULTS = ROOT / "benchmarks/results/gateway_crash.csv"
_PERIOD_MS = 600_000
_MOST_STEPS = 50_000
_READY_S, _QUIET_S = 60.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is done to a gateway under load."""

    kills: int = 5
    streams: int = 100
    every_s: float = 0.5
    seed: int = 0
    restart_every: int = 7
    """The broker is restarted at every so many-th kill."""
    cut_every: int = 3
    """The connections are cut at every so many-th kill."""
    journal: str = "snapshot_s = 5"
    sink: str = 'scores = "every"'

    def plan(self) -> Plan:
        """Returns what is published."""
        now_ms = int(time.time() * 1000) // _PERIOD_MS * _PERIOD_MS
        return Plan(
            streams=self.streams,
            steps=_MOST_STEPS,
            channels=("a", "b"),
            every_s=self.every_s,
            period_ms=_PERIOD_MS,
            begin_ms=now_ms - _MOST_STEPS * _PERIOD_MS,
            seed=self.seed,
        )


@dataclass(slots=True)
class Holes:
    """What became of samples that a killed broker had."""

    kills: int
    acknowledged: int
    """By the broker, to the publisher."""
    lost: int
    """Of these: the gateway has never seen them, but later ones of the same stream."""
    counted: int
    """`kad_holes_total`."""
    silent: int
    """Lost, and neither at them nor at the next of their stream is the reason `gap`."""


def gateway_killed(trial: Trial, folder: Path) -> tuple[Judged, dict[str, float]]:
    """Kills the gateway, restarts the broker, cuts connections; returns what became of it.

    Raises:
        RuntimeError: A process did not start, or the gateway did not end well.
    """
    rng = np.random.default_rng(trial.seed)
    plan = trial.plan()
    plan.save(folder / "plan.json")
    with Broker(_made(folder / "broker")) as broker:
        cable = Cable(broker.port)
        watcher = Helper("watch", folder, broker.port)
        publisher = Helper("publish", folder, broker.port)
        gateway = Gateway(
            folder,
            MODEL,
            broker=cable.port,
            threshold=THRESHOLD,
            journal=trial.journal,
            sink=trial.sink,
        )
        try:
            _begin(gateway, watcher, publisher, folder)
            for kill in range(1, trial.kills + 1):
                _wait(gateway, rng)
                if kill % trial.cut_every == 0:
                    cable.cut()
                    time.sleep(rng.uniform(0, 0.5))
                if kill % trial.restart_every == 0:
                    broker.stop()
                    time.sleep(rng.uniform(0, 1.0))
                    broker.start()
                    time.sleep(rng.uniform(0, 1.0))
                gateway.end(signal.SIGKILL)
                gateway.start()
            until(gateway.is_ready, timeout_s=_READY_S, what="The gateway is ready")
            (folder / "enough").touch()
            _settle(folder, publisher)
            metrics = gateway.metrics()
            code = gateway.end()
            watcher.end()
        finally:
            for one in (gateway, watcher, publisher):
                one.end(signal.SIGKILL)
            cable.close()
    if code:
        raise RuntimeError(f"The gateway ended with {code}: {gateway.said()[-500:]}")
    scores, events, _ = reference(_uninterrupted(plan, folder))
    return judge(folder, scores, events), metrics


def broker_killed(trial: Trial, folder: Path) -> Holes:
    """Kills the broker with -9; returns what was lost, and whether the gateway says so."""
    rng = np.random.default_rng(trial.seed)
    plan = replace(trial.plan(), events=100_000)
    plan.save(folder / "plan.json")
    lines = f'scores = "every"\n[[sink]]\nkind = "jsonl"\npath = "{folder}/scored.jsonl"'
    with Broker(_made(folder / "broker")) as broker:
        watcher = Helper("watch", folder, broker.port)
        publisher = Helper("publish", folder, broker.port)
        gateway = Gateway(folder, MODEL, broker=broker.port, threshold=THRESHOLD, sink=lines)
        try:
            _begin(gateway, watcher, publisher, folder)
            for _ in range(trial.kills):
                time.sleep(rng.uniform(1.0, 3.0))
                broker.kill()
                time.sleep(rng.uniform(0.0, 1.0))
                broker.start()
            time.sleep(3.0)
            (folder / "enough").touch()
            _settle(folder, publisher)
            counted = gateway.metrics().get("kad_holes_total", 0.0)
            gateway.end()
        finally:
            for one in (gateway, watcher, publisher):
                one.end(signal.SIGKILL)
    reasons = reference(folder / "scored.jsonl")[2]
    lost, hidden = _holes(plan, folder, reasons)
    return Holes(
        kills=trial.kills,
        acknowledged=_published(folder),
        lost=lost,
        counted=int(counted),
        silent=hidden,
    )


def _begin(gateway: Gateway, watcher: Helper, publisher: Helper, folder: Path) -> None:
    watcher.start()
    until((folder / "seen").exists, timeout_s=_READY_S, what="The watcher is there")
    gateway.start()
    until(gateway.is_ready, timeout_s=_READY_S, what=f"The gateway is ready ({gateway.log})")
    publisher.start()
    until((folder / "publishing").exists, timeout_s=_READY_S, what="The publisher is there")
    time.sleep(1.0)


def _wait(gateway: Gateway, rng: np.random.Generator) -> None:
    """Waits until a random moment: while it starts, while it catches up, or in its daily life."""
    if rng.random() < 0.3:
        time.sleep(rng.uniform(0.0, 4.0))
    else:
        until(gateway.is_ready, timeout_s=_READY_S, what=f"The gateway is ready ({gateway.log})")
        time.sleep(rng.uniform(0.0, 2.0))
    if gateway.code is not None:
        raise RuntimeError(f"The gateway ended by itself: {gateway.said()[-500:]}")


def _settle(folder: Path, publisher: Helper) -> None:
    """Waits until all is published, and no more comes out."""
    until((folder / "published").exists, timeout_s=120.0, what="All is published")
    publisher.end()
    last, since = "", time.monotonic()
    while time.monotonic() - since < _QUIET_S:
        now = (folder / "seen").read_text()
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.1)


def _published(folder: Path) -> int:
    return int(np.count_nonzero(np.load(folder / "published.npz")["sent"]))


def _holes(plan: Plan, folder: Path, reasons: Mapping[Key, Sequence[str]]) -> tuple[int, int]:
    """Returns how many samples are lost between others, and of how many nothing says so."""
    sent = np.load(folder / "published.npz")["sent"] > 0
    lost = hidden = 0
    for stream in range(plan.streams):
        began, pending = False, 0
        for step in np.flatnonzero(sent[:, stream]).tolist():
            said = reasons.get((f"d{stream}", plan.time_ms(step)))
            if said is None:
                pending += began
                continue
            is_filled = "gap" in said and "restart" not in said
            hidden += pending * ("gap" not in said)
            lost += pending + is_filled
            began, pending = True, 0
    return lost, hidden


def _uninterrupted(plan: Plan, folder: Path) -> Path:
    """Replays what was published through a gateway that nobody disturbs."""
    calm = _made(folder / "calm")
    steps = int((np.load(folder / "published.npz")["sent"] > 0).any(axis=1).sum())
    with (calm / "replay.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "stream", *plan.channels])
        for step in range(steps):
            moment = datetime.fromtimestamp(plan.time_ms(step) / 1000, UTC).isoformat()
            for stream, row in enumerate(plan.values(step).tolist()):
                writer.writerow([moment, f"d{stream}", *row])
    gateway = Gateway(calm, MODEL, broker=0, threshold=THRESHOLD)
    gateway.start()
    until(
        lambda: gateway.code is not None, timeout_s=600, what="The uninterrupted run", pause_s=0.5
    )
    if gateway.code:
        raise RuntimeError(f"The uninterrupted run ended with {gateway.code}: {gateway.said()}")
    return calm / "scores.jsonl"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(rows: list[dict[str, object]]) -> None:
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["what", "value"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    """Runs both trials and prints what became of them; 0: all is as it must be."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    trial = Trial(kills=kills, seed=seed)
    folder = Path(tempfile.mkdtemp(prefix="kad-crash-"))
    begun = time.monotonic()
    judged, _ = gateway_killed(trial, _made(folder / "gateway-killed"))
    minutes = (time.monotonic() - begun) / 60
    holes = broker_killed(
        replace(trial, kills=max(2, kills // 20)), _made(folder / "broker-killed")
    )
    figures: dict[str, object] = {
        "gateway kills": kills,
        "broker restarts": kills // trial.restart_every,
        "cut connections": kills // trial.cut_every,
        "minutes": round(minutes, 1),
        "load of the machine": round(load(), 1),
        **{name.replace("_", " "): v for name, v in asdict(judged).items() if name != "examples"},
        **{f"broker killed: {name}": v for name, v in asdict(holes).items()},
    }
    for what, value in figures.items():
        sys.stdout.write(f"{what:32}{value}\n")
    good = judged.is_good and holes.silent == 0 and holes.counted == holes.lost
    for example in judged.examples:
        sys.stdout.write(f"  {example}\n")
    if good:
        shutil.rmtree(folder)
        if kills >= 200:
            _write([{"what": what, "value": value} for what, value in figures.items()])
    else:
        sys.stdout.write(f"What was said and kept lies in {folder}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
