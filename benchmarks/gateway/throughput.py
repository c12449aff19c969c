"""Streams at 1 Hz through broker and gateway: latency, CPU, memory, and how many fit on a core."""

import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.gateway.broker import DEFAULTS, RECOMMENDED, Broker
from benchmarks.gateway.machine import load
from benchmarks.gateway.plan import Plan
from benchmarks.gateway.process import Gateway, Helper, until
from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.cases import CACHE
from benchmarks.protocol.run import show_whole
from runtime.model.detector import Detector

STREAMS = 1000
SHORT_S = 30
"""Seconds of a run without `--minutes`."""
LONG_S = 600
MORE = (2000, 3000, 4000, 5000, 6000, 8000, 10_000)
"""Streams that are tried one after the other until it no longer keeps up."""
_MOST_P99_S = 5.0
_BEGIN_S = 5.0
_WAIT_S = 120.0
_SHORT, _LONG, _MOST = "1,000 streams", "ten minutes", "as many as it keeps up with"
_DETECTORS: Sequence[Mapping[str, Any]] = (
    {"detector": "vae-lstm", "channels": 8},
    {"detector": "ensemble", "channels": 1},
)
_SETTINGS: Sequence[Mapping[str, str]] = (
    {"scores": "every", "client": "own", "broker": "recommended"},
    {"scores": "change", "client": "own", "broker": "recommended"},
    {"scores": "every", "client": "paho", "broker": "recommended"},
    {"scores": "every", "client": "own", "broker": "defaults"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of some streams."""

    model: Path
    streams: int
    seconds: int
    scores: str = "every"
    client: str = "own"
    broker: str = "recommended"


def plan(session: Session) -> list[Planned]:
    """Returns the cases: 1,000 streams by every setting, then as many as it keeps up with."""
    settings = [
        (_LONG, _SETTINGS[0]),
        *((_SHORT, one) for one in _SETTINGS),
        *((_MOST, one) for one in _SETTINGS),
    ]
    names = session.options.names
    return [
        Planned(keys={"test": test, **detector, **setting})
        for test, setting in settings
        for detector in _DETECTORS
        if not names or detector["detector"] in names
    ]


def measure(one: Planned, session: Session) -> Rows:
    """Runs a case; that of the most streams until one run falls behind."""
    keys = dict(one.keys)
    seconds = 60 * session.options.minutes or SHORT_S
    model = _model(keys["detector"], keys["channels"])
    setting = {name: keys[name] for name in ("scores", "client", "broker")}
    if keys["test"] != _MOST:
        seconds = LONG_S if keys["test"] == _LONG else seconds
        figures = run(Run(model=model, streams=STREAMS, seconds=seconds, **setting))
        return {"gateway": [{**keys, **figures}]}
    best: dict[str, Any] = {"streams": 0}
    for streams in MORE:
        found = run(Run(model=model, streams=streams, seconds=SHORT_S, **setting))
        session.console.print(f"{one.name}: {found}")
        if found["p99_ms"] > 1000 * _MOST_P99_S or found["missing"]:
            break
        best = found
    return {"gateway": [{**keys, **best}]}


def run(what: Run) -> dict[str, Any]:
    """Lets streams through for a while.

    Returns:
        streams, seconds, samples, missing (without a score, where every score goes out),
        p50_ms, p99_ms and max_ms from publishing to the watcher, cpu_share and cpu_us of the
        gateway (of a core; a sample), streams_a_core by that, rss_begin_mb, rss_end_mb,
        broker_share, late_ms (the publisher's own worst), load (of the machine).

    Raises:
        RuntimeError: A process does not start, or not all is published.
    """
    meta = Detector(what.model).metadata
    with tempfile.TemporaryDirectory(prefix="kad-throughput-") as name:
        folder = Path(name)
        samples = Plan(
            streams=what.streams,
            steps=what.seconds,
            channels=meta.channels,
            every_s=meta.period_s,
            period_ms=round(meta.period_s * 1000),
            begin_ms=int(time.time() * 1000),
            noise=0.1,
            events=1_000_003,
        )
        samples.save(folder / "plan.json")
        (folder / "broker").mkdir()
        settings = DEFAULTS if what.broker == "defaults" else RECOMMENDED
        with Broker(folder / "broker", settings=settings) as broker:
            broker.keep_to(_cores()[1])
            return _measured(what, folder, broker, samples)


def _measured(what: Run, folder: Path, broker: Broker, samples: Plan) -> dict[str, Any]:
    gateway = Gateway(
        folder,
        what.model,
        broker=broker.port,
        threshold=8.0,
        options=f'client = "{what.client}"',
        sink=f'scores = "{what.scores}"',
    )
    watcher = Helper("watch", folder, broker.port)
    publisher = Helper("publish", folder, broker.port)
    try:
        ours, others = _cores()
        watcher.start()
        watcher.keep_to(others)
        until((folder / "seen").exists, timeout_s=_WAIT_S, what="The watcher is there")
        gateway.start()
        gateway.keep_to(ours)
        until(gateway.is_ready, timeout_s=_WAIT_S, what="The gateway is ready")
        publisher.start()
        publisher.keep_to(others)
        until((folder / "publishing").exists, timeout_s=_WAIT_S, what="The publisher is there")
        time.sleep(_BEGIN_S)
        begun, cpu, broker_cpu = time.monotonic(), gateway.cpu_s(), broker.cpu_s()
        scored, rss = _scored(gateway), gateway.rss_mb()
        time.sleep(max(1.0, what.seconds - _BEGIN_S - 3.0))
        passed = time.monotonic() - begun
        cpu, broker_cpu = gateway.cpu_s() - cpu, broker.cpu_s() - broker_cpu
        scored, rss_end = _scored(gateway) - scored, gateway.rss_mb()
        until((folder / "published").exists, timeout_s=_WAIT_S + what.seconds, what="All is sent")
        whole = what.streams * what.seconds
        until(lambda: _scored(gateway) >= whole, timeout_s=_WAIT_S, what="All is scored")
        time.sleep(2.0)
        gateway.end()
        watcher.end()
    finally:
        for one in (gateway, watcher, publisher):
            one.end(signal.SIGKILL)
    latency, missing, late = _latency(folder, samples)
    p50, p99, longest = np.percentile(latency, [50, 99, 100]) * 1000
    cpu_us = 1e6 * cpu / max(scored, 1)
    return {
        "streams": what.streams,
        "seconds": what.seconds,
        "samples": whole,
        "missing": missing if what.scores == "every" else 0,
        "p50_ms": round(p50),
        "p99_ms": round(p99),
        "max_ms": round(longest),
        "cpu_share": round(cpu / passed, 3),
        "cpu_us": round(cpu_us),
        "streams_a_core": round(1e6 / cpu_us),
        "rss_begin_mb": round(rss),
        "rss_end_mb": round(rss_end),
        "broker_share": round(broker_cpu / passed, 3),
        "late_ms": round(late * 1000),
        "load": round(load(), 1),
    }


def _cores() -> tuple[set[int], set[int]]:
    """Returns one core for the gateway, and those for what is beside it."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return {first}, set(rest) or {first}


def _scored(gateway: Gateway) -> float:
    return sum(
        count for name, count in gateway.metrics().items() if name.startswith("kad_samples_total")
    )


def _latency(folder: Path, samples: Plan) -> tuple[npt.NDArray[np.float64], int, float]:
    """Returns seconds to the watcher, samples without a score, and the publisher's worst delay."""
    published, watched = np.load(folder / "published.npz"), np.load(folder / "watched.npz")
    sent = published["sent"]
    steps = (watched["time_ms"] - samples.begin_ms) // samples.period_ms
    streams = watched["stream"]
    if not len(steps):
        raise RuntimeError("The watcher has seen no score.")
    seen = np.zeros(sent.shape, bool)
    seen[steps, streams] = True
    latency = watched["arrived"] - sent[steps, streams]
    return latency, int(np.count_nonzero((sent > 0) & ~seen)), float(published["late"])


def _model(detector: str, channels: int) -> Path:
    """Returns a detector file with a period of 1 s; trained once."""
    folder = CACHE / "gateway" / f"{detector}-{channels}"
    file = folder / "detector.onnx"
    if not file.exists():
        from benchmarks.cost.detectors import exported, hardly_trained

        folder.parent.mkdir(parents=True, exist_ok=True)
        file = exported(hardly_trained(detector, channels, folder, period_s=1.0))
    return file


BENCHMARK = Benchmark(
    plan=plan,
    measure=measure,
    show=show_whole,
    tables={"gateway": ("test", "detector", "channels", "scores", "client", "broker")},
    known=("vae-lstm", "ensemble"),
)
