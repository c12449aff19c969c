"""Figures of the metrics that nobody counts as they happen: looked at once a second."""

from collections.abc import Mapping, Sequence

from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.operate.clocks import Clocks
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.promises import Promises
from runtime.gateway.operate.watchdog import Watchdog
from runtime.gateway.pipeline.board import Board
from runtime.gateway.protocols import Sink
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy

__all__ = ["Figures"]


class Figures:
    """Brings them into the metrics.

    Args:
        sinks: Where outputs go.
        detectors: By the models' keys.
        budgets: False-alarm budgets that are not the file's, by the models' keys.
        settings: What the configuration says of the models.
        board: How the streams are.
        watchdog: Of the workers.
        clocks: The wall clock.
        families: The metrics.
    """

    def __init__(
        self,
        *,
        sinks: Sequence[Sink],
        detectors: Mapping[str, Detector],
        budgets: Mapping[str, str],
        settings: EngineSettings,
        board: Board,
        watchdog: Watchdog,
        clocks: Clocks,
        families: Families,
    ) -> None:
        self._sinks, self._detectors = sinks, detectors
        self._promises, self._settings = Promises(budgets), settings
        self._board, self._watchdog = board, watchdog
        self._clocks, self._families = clocks, families

    def look(self, *, records: int) -> None:
        """Looks at all of them.

        Args:
            records: What waits between the committer and the scorer.
        """
        families = self._families
        families.queue.of("records").set(records)
        for sink in self._sinks:
            families.sink_waiting.of(sink.name).set(sink.waiting)
            families.connected.of(sink.name).set(not sink.trouble)
            dropped = families.dropped.of(f"sink {sink.name}")
            dropped.inc(max(0, sink.dropped - dropped.value))
            lost = families.dropped.of(f"outbox {sink.name}")
            lost.inc(max(0, getattr(sink, "lost", 0) - lost.value))
        for worker in self._watchdog.workers:
            families.standing.of(worker.name).set(worker.idle_s)
        self._count_streams()

    def _count_streams(self) -> None:
        families, states = self._families, self._board.states()
        for state in ("scored", "warming", "silent", "stopped", "muted"):
            families.streams.of(state).set(states[state])
        families.mutes.set(self._board.mutes)
        families.clock_set.set(not self._clocks.trouble)
        for key, streams in self._board.streams_of.items():
            detector, settings = self._detectors.get(key), self._settings.models.get(key)
            if detector is not None and settings is not None:
                policy = AlarmPolicy.from_dict(settings.policy)
                promise = self._promises.of(key, detector.metadata, policy)
                families.events_budget.of(key).set(streams * promise.events)
                families.events_time_budget.of(key).set(promise.time)
