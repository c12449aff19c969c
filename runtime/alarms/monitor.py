"""One stream and its events as one thing: one threshold, one policy, one snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from runtime.alarms.events import Event, EventDetector
from runtime.clock.counts import GridCounts
from runtime.clock.incidents import Incidents
from runtime.clock.rows import Times, Values
from runtime.clock.time_grid import LIVE_REMEMBER
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores
from runtime.streams.sealed import damaged, reading, seal, unseal
from runtime.streams.stream import Stream

__all__ = ["Monitor", "Observed"]

_VERSION = 1


class Observed(NamedTuple):
    """What rows led to."""

    scores: Scores
    """The steps that became final."""
    closed: list[Event]
    """The events that have ended; see `Monitor.open_event` for the one that goes on."""


class Monitor:
    """Watches one stream: rows in, scores and events out.

    Args:
        detector: The detector.
        threshold: Severity of an alarm and of an event. Default: the file's.
        policy: The alarm policy. Default: the file's.
        reorder: As in `Stream`.
        max_gap: As in `Stream`.
        remember: As in `Stream`.
        warm: As in `Stream`.

    Raises:
        InputError: As `Stream` and `EventDetector`.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        threshold: float | None = None,
        policy: AlarmPolicy | None = None,
        reorder: int = 0,
        max_gap: int | None = None,
        remember: int = LIVE_REMEMBER,
        warm: bool = False,
    ) -> None:
        self._detector = detector
        self._stream = Stream(
            detector,
            reorder=reorder,
            max_gap=max_gap,
            threshold=threshold,
            remember=remember,
            warm=warm,
        )
        self._events = EventDetector.of(
            detector.metadata, threshold=self._stream.threshold, policy=policy
        )

    @property
    def threshold(self) -> float:
        """Severity of an alarm and of an event."""
        return self._events.threshold

    @property
    def policy(self) -> AlarmPolicy:
        """The alarm policy."""
        return self._events.policy

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows so far."""
        return self._stream.counts

    @property
    def incidents(self) -> Incidents:
        """When it did."""
        return self._stream.incidents

    @property
    def open_event(self) -> Event | None:
        """The event that goes on, so far; none before it has reached the minimum duration."""
        return self._events.open_event

    def push(self, time: object, values: Sequence[float] | Mapping[str, float]) -> Observed:
        """Takes one row; see `Stream.push`."""
        return self._observed(self._stream.push(time, values))

    def push_many(self, times_ns: Times, values: Values) -> Observed:
        """Takes rows; see `Stream.push_many`."""
        return self._observed(self._stream.push_many(times_ns, values))

    def finish(self) -> Observed:
        """Scores what is held for late rows, and closes the open event: the data are over."""
        observed = self._observed(self._stream.flush())
        return Observed(observed.scores, observed.closed + self._events.finish())

    def snapshot(self) -> bytes:
        """Returns the whole state, under a checksum, to be given to `restore`."""
        blobs = {"stream": self._stream.snapshot(), "events": self._events.snapshot()}
        arrays = {name: np.frombuffer(blob, np.uint8) for name, blob in blobs.items()}
        return seal("monitor", _VERSION, {}, arrays)

    @classmethod
    def restore(cls, detector: Detector, blob: bytes) -> Self:
        """Continues from `snapshot`, as if there had been no interruption.

        Raises:
            InputError: Anything that `snapshot` did not return under this detector.
        """
        _, arrays = unseal("monitor", _VERSION, blob, {"stream": "u1", "events": "u1"})
        stream = Stream.restore(detector, arrays["stream"].tobytes())
        events = EventDetector.restore(detector.channels, arrays["events"].tobytes())
        with reading("monitor", blob):
            monitor = cls.__new__(cls)
            monitor._detector, monitor._stream, monitor._events = detector, stream, events
            if monitor.snapshot() != bytes(blob) or stream.threshold != events.threshold:
                raise damaged("monitor", blob, "another form")
        return monitor

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).restore, (self._detector, self.snapshot())

    def _observed(self, scores: Scores) -> Observed:
        return Observed(scores, self._events.update(scores))
