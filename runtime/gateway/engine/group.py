"""The streams of one model: rows in, scored steps and what happens to events out."""

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.alarms.bank import EventBank, Happening
from runtime.errors import InputError
from runtime.gateway.engine.settings import ModelSettings
from runtime.gateway.engine.watch import Watch
from runtime.gateway.outputs import ScoredRows
from runtime.gateway.rules.limits import LimitChange
from runtime.gateway.rules.running import Verdict
from runtime.gateway.rules.sensors import SensorChange
from runtime.gateway.samples import Quality
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from runtime.streams.batch import StreamBatch
from runtime.streams.batch_scores import BatchScores
from runtime.streams.scores import Scores

__all__ = ["Group", "Part", "Resumed", "Stepped", "Stopped"]

_LENGTHS = struct.Struct("<I")
_GAP = np.uint16(Quality.GAP)
_MISSING = np.uint16(Quality.MISSING)
_RESTART = np.uint16(Quality.RESTART)
_SENSOR = np.uint16(Quality.SENSOR)


@dataclass(frozen=True, slots=True)
class Stepped:
    """What rows led to."""

    rows: ScoredRows
    happenings: Sequence[Happening]
    """In the order of `rows`; their `row` is one of these."""
    streams: npt.NDArray[np.intp]
    """Place of each step's stream in the group (steps,)."""
    limits: Sequence[LimitChange]
    """Their `row` is a step of `rows`."""
    may_alarm: npt.NDArray[np.bool_]
    """Whether the limits let an anomaly be told (steps,)."""


class Stopped(NamedTuple):
    """A machine has stopped: its open events are to be ended before what comes later."""

    name: str
    """Of its stream."""
    time_ns: int


class Resumed(NamedTuple):
    """A machine runs again."""

    name: str
    """Of its stream."""


Part = Stepped | SensorChange | Stopped | Resumed


class Group:
    """Scores the streams of one model and finds their events.

    Args:
        key: The model's, in the configuration.
        detector: The model.
        settings: How it scores.
    """

    def __init__(self, key: str, detector: Detector, settings: ModelSettings) -> None:
        self.key, self.detector, self.settings = key, detector, settings
        meta = detector.metadata
        self._policy = AlarmPolicy.from_dict(settings.policy)
        self.batch = StreamBatch(
            detector,
            (),
            reorder=settings.reorder,
            max_gap=settings.max_gap,
            threshold=settings.threshold,
            warm=settings.warm,
            prompt=True,
        )
        self.bank = EventBank(meta, threshold=settings.threshold, policy=self._policy)
        self.watch = Watch(settings, detector.channels)
        self._renamed()
        # Of each stream: rows given to it so far, and steps since its last restart.
        self._received = np.zeros(0, np.int64)
        self._since = np.zeros(0, np.int64)
        self._marked: dict[tuple[int, int], int] = {}
        """Quality of rows that are not good and are held back, by place of stream and row."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams, by place."""
        return self.batch.names

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def place(self, name: str) -> int:
        """Returns the place of a stream."""
        return self._places[name]

    def reconfigure(self, settings: ModelSettings) -> bool:
        """Takes other settings, and goes on; thresholds of streams become those of the settings.

        Returns:
            False where it cannot, and has not changed: another detector, grid or start.
        """
        before = self.settings
        same = ("identity", "reorder", "max_gap", "warm")
        if any(getattr(before, name) != getattr(settings, name) for name in same):
            return False
        watched = self.watch.state() if settings.extras == before.extras else {}
        self.settings, self._policy = settings, AlarmPolicy.from_dict(settings.policy)
        self.watch = Watch(settings, self.detector.channels)
        self.watch.restore(watched)
        self.batch.threshold = settings.threshold
        self.bank.reconfigure(
            [settings.thresholds.get(name, settings.threshold) for name in self.names],
            threshold=settings.threshold,
            policy=self._policy,
        )
        return True

    def add(self, names: Sequence[str]) -> None:
        """Takes in new streams, behind the others."""
        self.batch.add(names)
        self.bank.add(len(names))
        self._grow(len(names))
        for name in names:
            own = self.settings.thresholds.get(name)
            if own is not None:
                self.bank.set_threshold(self._places[name], own)

    def remove(self, name: str) -> None:
        """Lets go of a stream."""
        gone = self._places[name]
        keep = np.delete(np.arange(len(self.names)), gone)
        self.batch.remove([name])
        self.bank.keep(keep)
        self.watch.forget([name])
        self._received, self._since = self._received[keep], self._since[keep]
        self._marked = {
            (place - (place > gone), row): flags
            for (place, row), flags in self._marked.items()
            if place != gone
        }
        self._renamed()

    def follow(self, before: StreamBatch, names: Sequence[str]) -> None:
        """Lets streams go on behind those of another batch, see `StreamBatch.follow`.

        Args:
            before: The batch; flushed, or what it holds is lost.
            names: Of streams here; those that it does not have stay as they are.
        """
        both = [name for name in names if name in before.names]
        self.batch.follow(before, both)
        for name in both:
            self._received[self._places[name]] = self.batch.counts_of(name).received
        places = {self._places[name] for name in both}
        self._marked = {key: flags for key, flags in self._marked.items() if key[0] not in places}

    def push(
        self,
        places: npt.NDArray[np.intp],
        times_ns: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint16],
    ) -> None:
        """Takes rows as `parts` does; nobody hears of what they lead to."""
        for part in self.parts(places, times_ns, values, quality):
            if isinstance(part, Stopped):
                self.bank.finish(self.place(part.name))

    def parts(
        self,
        places: npt.NDArray[np.intp],
        times_ns: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint16],
    ) -> Iterator[Part]:
        """Scores rows, sorted by stream, and yields what they lead to, of each stream in order.

        A row is taken when the parts before it have been: an event that is ended where a machine
        stops knows of no later step.

        Args:
            places: Place of each row's stream (rows,).
            times_ns: Nanoseconds since 1970-01-01 UTC (rows,).
            values: NaN: missing (rows, channels and extras).
            quality: See `Quality` (rows,).
        """
        running, channels = self.watch.running, len(self.detector.channels)
        columns = channels + len(self.settings.extras)
        if values.shape[1] != columns:
            # Rows from before a change of the running signal.
            more = np.full((len(values), max(0, columns - values.shape[1])), np.nan)
            values = np.concatenate([values[:, :columns], more], axis=1)
        odd = np.zeros(len(places), np.bool_)
        if running is not None:
            names = self._names[places].tolist()
            verdicts = running.judge(names, times_ns, values)
            if verdicts.any():
                odd = np.isin(places, places[verdicts != Verdict.SCORE])
        values = values[:, :channels]
        plain = ~odd
        if plain.any():
            yield from self._push_rows(
                places[plain], times_ns[plain], values[plain], quality[plain]
            )
        for row in np.flatnonzero(odd).tolist():
            yield from self._push_odd(
                Verdict(verdicts[row]), slice(row, row + 1), (places, times_ns, values, quality)
            )

    def _push_odd(
        self, verdict: Verdict, at: slice, rows: tuple[Any, Any, Any, Any]
    ) -> Iterator[Part]:
        """Takes a row of a machine that stops, stands still or runs again."""
        places, times_ns, values, quality = (array[at] for array in rows)
        name = str(self._names[places[0]])
        if verdict == Verdict.STOP:
            yield self._stepped(self.batch.flush([name]))
            yield Stopped(name, int(times_ns[0]))
            self.watch.limits.forget([name])
            if self.watch.sensors is not None:
                self.watch.sensors.pause([name])
        if verdict == Verdict.RESUME:
            yield self._stepped(self.batch.resume([name], times_ns))
            yield Resumed(name)
        if verdict in (Verdict.SCORE, Verdict.RESUME):
            yield from self._push_rows(places, times_ns, values, quality)

    def _push_rows(
        self,
        places: npt.NDArray[np.intp],
        times_ns: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint16],
    ) -> Iterator[Part]:
        if self.watch.sensors is not None:
            names = self._names[places].tolist()
            values, faulty, changes = self.watch.sensors.update(names, times_ns, values)
            quality = np.where(faulty.any(axis=1), quality | _SENSOR, quality)
            yield from changes
        self._mark(places, quality)
        yield self._stepped(self.batch.push_many(places, times_ns, values))

    def flush(self) -> Stepped:
        """Scores what is held for late rows, at the end of the data."""
        return self._stepped(self.batch.flush())

    def snapshot(self, names: Sequence[str], *, watched: bool = False) -> bytes:
        """Returns the whole state of some streams.

        Args:
            names: Of the streams.
            watched: Also what is known of them beside the score; without it, that begins anew.
        """
        places = [self._places[name] for name in names]
        streams = self.batch.snapshot(list(names))
        events = [self.bank.snapshot(place) for place in places]
        marked = [
            [places.index(place), row, flags]
            for (place, row), flags in sorted(self._marked.items())
            if place in places
        ]
        header = {
            "names": list(names),
            "identity": self.detector.metadata.identity,
            "watch": self.watch.state(names) if watched else {},
            "received": self._received[places].tolist(),
            "since": self._since[places].tolist(),
            "marked": marked,
            "streams": len(streams),
            "events": [len(blob) for blob in events],
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        return b"".join([_LENGTHS.pack(len(text)), text, streams, *events])

    def take_in(self, blob: bytes) -> tuple[str, ...]:
        """Adds streams from what `snapshot` returned; returns their names.

        Raises:
            InputError: Something else, or of another detector.
        """
        try:
            (length,) = _LENGTHS.unpack_from(blob)
            at = _LENGTHS.size + length
            header: dict[str, Any] = json.loads(blob[_LENGTHS.size : at])
            cuts = np.cumsum([at, header["streams"], *header["events"]]).tolist()
            parts = [blob[a:b] for a, b in pairwise(cuts)]
            watched = header.get("watch", {})
            received, since = (np.array(header[n], np.int64) for n in ("received", "since"))
            marked = [(int(place), int(row), int(flags)) for place, row, flags in header["marked"]]
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise InputError(
                "The state of streams must be what this version keeps. "
                f"Received: {len(blob)} bytes, {type(error).__name__}. They start anew."
            ) from error
        first = len(self.names)
        detectors = self.bank.read(parts[1:])
        names = self.batch.take_in(parts[0])
        self.bank.take_in(detectors)
        self._grow(len(names))
        self._received[first:], self._since[first:] = received, since
        self._marked |= {(first + place, row): flags for place, row, flags in marked}
        self.watch.restore(watched)
        return names

    @staticmethod
    def names_in(blob: bytes) -> list[str]:
        """Returns whose states `snapshot` returned; none where that cannot be read."""
        try:
            (length,) = _LENGTHS.unpack_from(blob)
            header = json.loads(blob[_LENGTHS.size : _LENGTHS.size + length])
            return [str(name) for name in header.get("names", ())]
        except (ValueError, TypeError, AttributeError, struct.error):
            return []

    @staticmethod
    def batch_in(blob: bytes, library: Callable[[str], Detector | None]) -> StreamBatch | None:
        """Returns the streams of what `snapshot` returned, of whichever detector.

        Args:
            blob: What it returned.
            library: Returns a detector by its identity.

        Returns:
            None where its detector is gone, or it cannot be read.
        """
        try:
            (length,) = _LENGTHS.unpack_from(blob)
            at = _LENGTHS.size + length
            header = json.loads(blob[_LENGTHS.size : at])
            detector = library(str(header["identity"]))
            if detector is None:
                return None
            return StreamBatch.restore(detector, blob[at : at + header["streams"]])
        except (ValueError, KeyError, TypeError, struct.error):
            return None

    def _grow(self, more: int) -> None:
        self._received = np.concatenate([self._received, np.zeros(more, np.int64)])
        self._since = np.concatenate([self._since, np.zeros(more, np.int64)])
        self._renamed()

    def _renamed(self) -> None:
        self._places: dict[str, int] = {name: place for place, name in enumerate(self.names)}
        self._names = np.array(self.names, object)

    def _mark(self, places: npt.NDArray[np.intp], quality: npt.NDArray[np.uint16]) -> None:
        """Keeps the quality of rows that are not good until their steps are final."""
        counts = np.bincount(places, minlength=len(self._received))
        if quality.any():
            first = np.concatenate([[True], places[1:] != places[:-1]])
            starts = np.flatnonzero(first)
            within = np.arange(len(places)) - np.repeat(starts, np.diff([*starts, len(places)]))
            rows = self._received[places] + within
            at = np.flatnonzero(quality)
            keys = zip(places[at].tolist(), rows[at].tolist(), strict=True)
            self._marked |= dict(zip(keys, quality[at].tolist(), strict=True))
        self._received += counts

    def _stepped(self, found: BatchScores) -> Stepped:
        scores, streams = found.scores, found.streams
        levels = self.bank.thresholds()
        if len(streams) and (levels[streams] != levels[0]).any():
            scores = replace(scores, alarm=scores.severity >= levels[streams])
        quality = self._quality(streams, scores)
        warm = self._warm(streams, scores.restart)
        rows = ScoredRows(
            model=self.key,
            identity=self.detector.metadata.identity,
            channels=self.detector.channels,
            names=self._names[streams].tolist(),
            scores=scores,
            quality=quality,
            warm=warm,
        )
        changes, active = self.watch.limits.update(rows.names, scores.times_ns, scores.values)
        return Stepped(
            rows,
            list(self.bank.update(streams, scores)),
            streams,
            changes,
            self.watch.limits.permits(active),
        )

    def _quality(self, streams: npt.NDArray[np.intp], scores: Scores) -> npt.NDArray[np.uint16]:
        quality = np.zeros(len(streams), np.uint16)
        quality[scores.rows < 0] |= _GAP
        quality[~np.isfinite(scores.values).all(axis=1)] |= _MISSING
        quality[scores.restart] |= _RESTART
        if scores.restart.any():
            # Not the beginning of a stream: what lies before it was too long to be filled.
            before = (self._since[streams] > 0) | ~_firsts(streams)
            quality[scores.restart & before] |= _GAP
        if self._marked:
            for step, key in enumerate(zip(streams.tolist(), scores.rows.tolist(), strict=True)):
                quality[step] |= self._marked.pop(key, 0)
            self._forget(streams, scores)
        return quality

    def _forget(self, streams: npt.NDArray[np.intp], scores: Scores) -> None:
        """Lets go of the marks of rows that were dropped: those before the latest step."""
        latest = dict(zip(streams.tolist(), scores.rows.tolist(), strict=True))
        reach = self.settings.reorder + 1
        self._marked = {
            (place, row): flags
            for (place, row), flags in self._marked.items()
            if row > latest.get(place, -1) - reach
        }

    def _warm(
        self, streams: npt.NDArray[np.intp], restart: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Says which steps lie behind a warm-up, and counts on."""
        warmup = self.detector.metadata.warmup_steps
        if not restart.any():
            firsts = np.flatnonzero(_firsts(streams))
            counts = np.diff(firsts, append=len(streams))
            since = self._since[streams] + np.arange(len(streams)) - np.repeat(firsts, counts)
            self._since[streams[firsts]] += counts
            return np.asarray(since >= warmup)
        warm = np.zeros(len(streams), np.bool_)
        for step, (stream, anew) in enumerate(_pairs(streams, restart)):
            passed = 0 if anew else int(self._since[stream])
            warm[step] = passed >= warmup
            self._since[stream] = passed + 1
        return warm


def _firsts(streams: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Returns which steps are the first of their stream; they lie together."""
    firsts = np.ones(len(streams), np.bool_)
    firsts[1:] = streams[1:] != streams[:-1]
    return firsts


def _pairs(
    streams: npt.NDArray[np.intp], restart: npt.NDArray[np.bool_]
) -> Iterator[tuple[int, bool]]:
    return zip(streams.tolist(), restart.tolist(), strict=True)
