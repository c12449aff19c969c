"""Events of many streams: only those where something may happen are looked at one by one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.alarms.events import Event, EventDetector
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata
from runtime.streams.scores import Scores
from runtime.streams.threshold import level_of

__all__ = ["EventBank", "Happening"]


class Happening(NamedTuple):
    """What one step did to the event of its stream."""

    stream: int
    """Place of the stream."""
    row: int
    """Of the scores."""
    event: Event
    """As it stands, or as it ended."""
    is_open: bool
    """Whether it goes on."""
    shares: Mapping[str, float]
    """Each channel's share of the blame so far, 0 to 1."""


class EventBank:
    """The event detectors of many streams of one model; the same events as one by one.

    A quiet stream, whose severity stays below its threshold while no event goes on, costs a share
    of a comparison of arrays; its detector is told of the steps when it is needed.

    Args:
        metadata: Of the detector.
        threshold: Severity that opens an event, where a stream has none of its own.
        policy: Instead of the file's.
    """

    def __init__(
        self, metadata: Metadata, *, threshold: float | None = None, policy: AlarmPolicy | None
    ) -> None:
        self._metadata, self._policy = metadata, policy
        self.threshold = metadata.threshold if threshold is None else threshold
        self._detectors: list[EventDetector] = []
        self._levels = np.zeros(0, np.float32)
        # Of each stream: steps that its detector has not been told of, and the time of the last.
        self._untold = np.zeros(0, np.int64)
        self._last_ns = np.zeros(0, np.int64)
        self._busy = np.zeros(0, np.bool_)
        """An event goes on, or a stream has not begun: its detector takes every step."""

    def __len__(self) -> int:
        return len(self._detectors)

    def add(self, streams: int) -> None:
        """Takes in new streams, behind the others."""
        self._take(
            [
                EventDetector.of(self._metadata, threshold=self.threshold, policy=self._policy)
                for _ in range(streams)
            ]
        )

    def keep(self, streams: npt.NDArray[np.intp]) -> None:
        """Lets go of all streams but some, whose numbers become their places among these."""
        self._detectors = [self._detectors[stream] for stream in streams.tolist()]
        for name in ("_levels", "_untold", "_last_ns", "_busy"):
            setattr(self, name, getattr(self, name)[streams])

    def detector(self, stream: int) -> EventDetector:
        """Returns a stream's detector, told of all its steps."""
        detector = self._detectors[stream]
        if self._untold[stream]:
            detector.pass_quietly(int(self._untold[stream]), int(self._last_ns[stream]))
            self._untold[stream] = 0
        return detector

    def update(self, streams: npt.NDArray[np.intp], scores: Scores) -> Iterator[Happening]:
        """Takes scores, and yields what happens to events, stream by stream.

        Args:
            streams: Place of each step's stream, sorted (steps,).
            scores: Of them.
        """
        quiet = scores.severity < self._levels[streams]
        quiet &= ~scores.restart & ~self._busy[streams]
        # Behind a step of its stream that is not quiet, none of the same call is: in order.
        if quiet.all():
            self._pass(streams, scores.times_ns)
            return
        noisy = np.zeros(len(self._detectors), np.bool_)
        noisy[streams[~quiet]] = True
        is_noisy = noisy[streams]
        self._pass(streams[~is_noisy], scores.times_ns[~is_noisy])
        for row in np.flatnonzero(is_noisy).tolist():
            yield from self._step(int(streams[row]), row, scores)

    def finish(self, stream: int) -> Event | None:
        """Closes the open event of a stream."""
        closed = self.detector(stream).finish()
        self._busy[stream] = False
        return closed[0] if closed else None

    def set_threshold(self, stream: int, threshold: float) -> None:
        """Gives a stream another threshold from here on; an open event goes on."""
        detector = self.detector(stream)
        self._replace(stream, detector.changed(threshold=threshold))

    def reconfigure(
        self, thresholds: Sequence[float], *, threshold: float, policy: AlarmPolicy | None
    ) -> None:
        """Gives all streams other thresholds and another policy; open events go on.

        Args:
            thresholds: Of each stream.
            threshold: Of streams that are added later.
            policy: Instead of the one so far; None: the file's.
        """
        self._policy, self.threshold = policy, threshold
        wanted = policy or self._metadata.alarm
        for stream, own in enumerate(thresholds):
            detector = self.detector(stream)
            if detector.threshold != own or detector.policy != wanted:
                self._replace(stream, detector.changed(threshold=own, policy=wanted))

    def thresholds(self) -> npt.NDArray[np.float32]:
        """Returns the threshold of each stream, float32 (streams,)."""
        return self._levels

    def snapshot(self, stream: int) -> bytes:
        """Returns the whole state of a stream's events."""
        return self.detector(stream).snapshot()

    def read(self, blobs: Sequence[bytes]) -> list[EventDetector]:
        """Returns the detectors that `snapshot` returned, for `take_in`.

        Raises:
            InputError: As `EventDetector.restore`.
        """
        channels = self._metadata.channels
        return [EventDetector.restore(channels, blob, policy=self._policy) for blob in blobs]

    def take_in(self, detectors: Sequence[EventDetector]) -> None:
        """Takes in streams with the detectors that they have, behind the others."""
        self._take(list(detectors))

    def _take(self, detectors: list[EventDetector]) -> None:
        levels = [level_of(one.threshold) for one in detectors]
        more = len(detectors)
        self._detectors += detectors
        self._levels = np.concatenate([self._levels, np.array(levels, np.float32)])
        self._untold = np.concatenate([self._untold, np.zeros(more, np.int64)])
        self._last_ns = np.concatenate([self._last_ns, np.zeros(more, np.int64)])
        self._busy = np.concatenate([self._busy, np.array([d.is_busy for d in detectors], bool)])

    def _replace(self, stream: int, detector: EventDetector) -> None:
        self._detectors[stream] = detector
        self._levels[stream] = level_of(detector.threshold)

    def _pass(self, streams: npt.NDArray[np.intp], times_ns: npt.NDArray[np.int64]) -> None:
        self._untold += np.bincount(streams, minlength=len(self._detectors))
        # Rows of a stream come in order: the last one stays.
        self._last_ns[streams] = times_ns

    def _step(self, stream: int, row: int, scores: Scores) -> Iterator[Happening]:
        detector = self.detector(stream)
        before = detector.shares
        closed = detector.update(scores.taken(np.array([row])))
        going = detector.open_event
        for event in closed:
            # Where the step has opened another event, its blame has taken the place.
            shares = before if detector.is_busy else detector.shares
            yield Happening(stream, row, event, is_open=False, shares=shares)
        if going is not None:
            yield Happening(stream, row, going, is_open=True, shares=detector.shares)
        self._busy[stream] = detector.is_busy
