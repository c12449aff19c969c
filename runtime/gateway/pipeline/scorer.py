"""The scorer: records through the engine, outputs to the sinks, a snapshot now and then."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from runtime.gateway.engine.engine import Engine
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.watchdog import Worker
from runtime.gateway.outputs import Outputs
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.protocols import Sink
from runtime.gateway.records import Record

__all__ = ["Scorer"]

_WAIT_S = 0.25
_MOST_ROWS = 5_000
"""Rows of one call: whole ticks, as many as have gathered."""
_ACKNOWLEDGED_S = 1.0
_FULL_S = 0.01

Watch = Callable[[Outputs], None]
"""Sees all outputs, for metrics and the page."""


class Scorer:
    """Scores what the committer hands on.

    Args:
        records: Sequence and record.
        engine: Scores.
        sinks: Where outputs go.
        controls: Where it says how far the sinks are.
        repeat_to: Outputs up to this sequence may have gone out before.
        acknowledged: How far each sink was when the gateway ended.
        watch: Sees all outputs.
        look: Looks at the engine, once a second: nobody else may while it works.
        snapshot: Begins a snapshot where one is due.
        worker: Where progress is said.
        families: The metrics.
    """

    def __init__(
        self,
        records: Batches[tuple[int, Record]],
        engine: Engine,
        sinks: Sequence[Sink],
        *,
        controls: Controls,
        repeat_to: int,
        acknowledged: Mapping[str, int],
        watch: Watch,
        look: Callable[[Engine], None],
        snapshot: Callable[[Engine], None],
        worker: Worker,
        families: Families,
    ) -> None:
        self._records, self.engine, self._sinks = records, engine, sinks
        self._controls, self._repeat_to = controls, repeat_to
        self._watch, self._look, self._snapshot = watch, look, snapshot
        self._worker, self._families = worker, families
        self._said: dict[str, int] = dict(acknowledged)
        self._spoke = 0  # the last sequence that led to something
        self._next_s = 0.0
        self._hurry = False

    def run(self) -> None:
        """Works until the committer has closed the records and all of them are scored."""
        while not self._records.ended:
            self._worker.beat()
            records = self._records.take(_MOST_ROWS, timeout_s=_WAIT_S)
            if records:
                self.take(records)
            for sink in self._sinks:
                sink.tick()
            self._say_acknowledged()
            self._snapshot(self.engine)
        self._worker.end()

    def take(self, records: Sequence[tuple[int, Record]]) -> None:
        """Scores records, and hands the outputs to the sinks that do not have them yet."""
        for some in self._cut(records):
            started = time.perf_counter()
            for outputs in self.engine.apply(some):
                self._observe(outputs, time.perf_counter() - started)
                self._publish(replace(outputs, repeat=True) if some[0][1].repeat else outputs)
                started = time.perf_counter()

    def hurry(self) -> None:
        """Waits for no sink any more: the process ends."""
        self._hurry = True

    def flush(self) -> None:
        """Scores what is held for late rows: the data are over."""
        self._publish(self.engine.flush(), to_all=True)

    def _publish(self, outputs: Outputs, *, to_all: bool = False) -> None:
        if outputs.sequence <= self._repeat_to and not to_all:
            outputs = replace(outputs, repeat=True)
        if outputs.scored or outputs.events or outputs.states or outputs.answers or outputs.online:
            self._spoke = outputs.sequence
        for sink in self._sinks:
            if to_all or outputs.sequence > self._said.get(sink.name, 0):
                self._wait_for(sink)
                sink.write(outputs)
                if outputs.repeat:
                    self._families.repeats.inc(sum(len(rows.names) for rows in outputs.scored))
        self._watch(outputs)

    def _wait_for(self, sink: Sink) -> None:
        """Waits while a sink that hands over is full: those before wait too, up to the source."""
        while sink.fullness >= 1 and not sink.trouble and not self._hurry:
            self._worker.beat()
            time.sleep(_FULL_S)
            sink.tick()

    def _cut(self, records: Sequence[tuple[int, Record]]) -> list[Sequence[tuple[int, Record]]]:
        """Cuts where what goes out changes: where a sink was, and where repeats begin or end."""
        edges = {*self._said.values(), self._repeat_to}
        cuts = [
            at
            for at, ((sequence, one), (_, other)) in enumerate(pairwise(records), 1)
            if sequence in edges or one.repeat != other.repeat
        ]
        bounds = [0, *cuts, len(records)]
        return [records[a:b] for a, b in pairwise(bounds) if a < b]

    def _observe(self, outputs: Outputs, seconds: float) -> None:
        for rows in outputs.scored:
            self._families.samples.of(rows.model).inc(len(rows.names))
            self._families.score.of(rows.model).observe(seconds)
            self._families.batch_rows.of(rows.model).observe(len(rows.names))

    def _say_acknowledged(self) -> None:
        now = time.monotonic()
        if now < self._next_s:
            return
        self._next_s = now + _ACKNOWLEDGED_S
        self._look(self.engine)
        for name, sequence in _progress(self._sinks).items():
            said = self._said.get(name, 0)
            # A record that says so leads to nothing itself: not worth another one.
            if sequence > said and said < self._spoke:
                self._said[name] = sequence
                self._controls.acknowledged(name, sequence)


def _progress(sinks: Sequence[Sink]) -> Mapping[str, int]:
    return {sink.name: sink.acknowledged for sink in sinks}
