"""What a sample costs in each part of the gateway: CPU µs in one thread, without a broker.

`python -m benchmarks.gateway.parts MODEL.onnx [STREAMS]` prints them.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.gateway.plan import Plan
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.engine import Engine
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.pipeline.board import Board
from runtime.gateway.pipeline.intake import Gathered, Intake
from runtime.gateway.pipeline.models import ModelChoice, Roster
from runtime.gateway.protocols import Publication
from runtime.gateway.records import Record
from runtime.gateway.samples import Message
from runtime.gateway.sinks.mqtt import MQTTSink, MQTTSinkOptions
from runtime.gateway.sinks.options import Policy, Publishing, Topics
from runtime.model.detector import Detector

__all__ = ["costs"]

_TICKS = 10
"""A second: each has its share of the streams."""


class _Client:
    """Takes all, and has it acknowledged at once."""

    connections, trouble, waiting = 1, "", 0

    def __init__(self) -> None:
        self.published = 0

    def connect(self) -> None:
        """Nothing."""

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Nothing comes."""
        return []

    def ack(self, messages: Sequence[Message]) -> None:
        """Nothing."""

    def publish(self, publications: Sequence[Publication]) -> int:
        """Takes them."""
        self.published += len(publications)
        return self.published

    def close(self, timeout_s: float) -> None:
        """Nothing."""


def costs(model: Path, streams: int, *, steps: int = 20, warm_up: int = 3) -> dict[str, float]:
    """Returns CPU µs a sample, by part, at 1 Hz in ticks of 0.1 s.

    Args:
        model: The detector file, with a period of 1 s.
        streams: How many.
        steps: Seconds that are measured.
        warm_up: Seconds before.
    """
    detector = Detector(model)
    meta = detector.metadata
    plan = Plan(
        streams=streams,
        steps=steps + warm_up,
        channels=meta.channels,
        every_s=1.0,
        period_ms=round(meta.period_s * 1000),
        begin_ms=int(time.time() * 1000) - (steps + warm_up) * round(meta.period_s * 1000),
        noise=0.1,
        events=1_000_003,
    )
    spent: dict[str, float] = {}

    def timed(part: str, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        begun = time.thread_time()
        found = call(*given, **named)
        spent[part] = spent.get(part, 0.0) + time.thread_time() - begun
        return found

    with TemporaryDirectory() as folder:
        parts = _Parts(detector, Path(folder), streams)
        for step in range(plan.steps):
            if step == warm_up:
                spent.clear()
            payloads = plan.payloads(step)
            for tick in range(_TICKS):
                some = range(tick, streams, _TICKS)
                messages = [
                    Message(topic=plan.topic(one), payload=payloads[one], token=1) for one in some
                ]
                parts.take(messages, timed)
    return {part: 1e6 * seconds / (steps * streams) for part, seconds in spent.items()}


class _Parts:
    """The parts of the gateway that a message passes, without threads and files."""

    def __init__(self, detector: Detector, folder: Path, streams: int) -> None:
        meta = detector.metadata
        self.families = Families(Registry())
        choice = ModelChoice(
            key="m", patterns=("*",), channels=meta.channels, period_s=meta.period_s
        )
        self.roster = Roster([choice], known=(), most=streams)
        self.intake = Intake(
            "mqtt",
            PayloadOptions(topics=("load/{device}/data",)),
            self.roster,
            self.families,
            Log(),
            clock_is_set=lambda: True,
        )
        self.gathered = Gathered(self.roster)
        settings = ModelSettings(identity=meta.identity, threshold=6.0)
        self.engine = Engine(
            {meta.identity: detector},
            EngineSettings(models={"m": settings}),
            aside=Aside(folder),
            trouble=_say,
        )
        self.board = Board(
            "gw",
            "0",
            channels={"m": meta.channels},
            periods_ns={"m": round(meta.period_s * 1e9)},
            units={},
            families=self.families,
        )
        policies: tuple[Policy, ...] = ("every", "change", "array")
        self.sinks = {
            policy: MQTTSink(
                policy,
                _Client(),
                MQTTSinkOptions(topics=Topics(gateway="gw"), publishing=Publishing(scores=policy)),
            )
            for policy in policies
        }
        self.sequence = 0

    def take(self, messages: list[Message], timed: Callable[..., Any]) -> None:
        """Lets messages of a tick through."""
        self.sequence += 1
        timed("decode and assemble", self._take_in, messages)
        record = timed("sort and encode", self._record)
        for outputs in timed("score and events", self._score, record):
            timed("page and metrics", self.board.see, outputs)
            for policy, sink in self.sinks.items():
                timed(f"publish: {policy}", sink.write, outputs)

    def _take_in(self, messages: list[Message]) -> None:
        now_ns = time.time_ns()
        self.intake.take(messages, self.gathered, now_s=time.monotonic(), now_ns=now_ns)
        self.intake.changed_parts()

    def _record(self) -> Record:
        set(self.gathered.streams())
        rows = self.gathered.take()
        record = Record(new=self.roster.take_new(), rows=rows, time_ns=time.time_ns())
        record.encode()
        return record

    def _score(self, record: Record) -> list[Any]:
        return list(self.engine.apply([(self.sequence, record)]))


def _say(kind: str, text: str) -> None:
    sys.stderr.write(f"{kind}: {text}\n")


def main() -> None:
    """Prints the table."""
    model = Path(sys.argv[1])
    streams = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    found: Mapping[str, float] = costs(model, streams)
    sys.stdout.write(
        json.dumps({part: round(us, 1) for part, us in found.items()}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
