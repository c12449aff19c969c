"""The streams of one model: rows in, scored steps and what happens to events out."""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.alarms.bank import EventBank, Happening
from runtime.errors import InputError
from runtime.gateway.engine.settings import ModelSettings
from runtime.gateway.outputs import ScoredRows
from runtime.gateway.samples import Quality
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from runtime.streams.batch import StreamBatch
from runtime.streams.batch_scores import BatchScores
from runtime.streams.scores import Scores

__all__ = ["Group", "Stepped"]

_LENGTHS = struct.Struct("<I")
_GAP = np.uint16(Quality.GAP)
_MISSING = np.uint16(Quality.MISSING)
_RESTART = np.uint16(Quality.RESTART)


@dataclass(frozen=True, slots=True)
class Stepped:
    """What rows led to."""

    rows: ScoredRows
    happenings: Sequence[Happening]
    """In the order of `rows`; their `row` is one of these."""
    streams: npt.NDArray[np.intp]
    """Place of each step's stream in the group (steps,)."""


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
        self._places: dict[str, int] = {}
        # Of each stream: rows given to it so far, and steps since its last restart.
        self._received = np.zeros(0, np.int64)
        self._since = np.zeros(0, np.int64)
        self._marked: dict[tuple[int, int], int] = {}
        """Quality of rows that are not good and are held back, by place of stream and row."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams, by place."""
        return self.batch.names

    def place(self, name: str) -> int:
        """Returns the place of a stream."""
        return self._places[name]

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
        self._received, self._since = self._received[keep], self._since[keep]
        self._marked = {
            (place - (place > gone), row): flags
            for (place, row), flags in self._marked.items()
            if place != gone
        }
        self._renamed()

    def push(
        self,
        places: npt.NDArray[np.intp],
        times_ns: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint16],
    ) -> Stepped:
        """Scores rows, sorted by stream.

        Args:
            places: Place of each row's stream (rows,).
            times_ns: Nanoseconds since 1970-01-01 UTC (rows,).
            values: NaN: missing (rows, channels).
            quality: See `Quality` (rows,).
        """
        self._mark(places, quality)
        return self._stepped(self.batch.push_many(places, times_ns, values))

    def flush(self) -> Stepped:
        """Scores what is held for late rows, at the end of the data."""
        return self._stepped(self.batch.flush())

    def snapshot(self, names: Sequence[str]) -> bytes:
        """Returns the whole state of some streams."""
        places = [self._places[name] for name in names]
        streams = self.batch.snapshot(list(names))
        events = [self.bank.snapshot(place) for place in places]
        marked = [
            [places.index(place), row, flags]
            for (place, row), flags in sorted(self._marked.items())
            if place in places
        ]
        header = {
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
        return names

    def _grow(self, more: int) -> None:
        self._received = np.concatenate([self._received, np.zeros(more, np.int64)])
        self._since = np.concatenate([self._since, np.zeros(more, np.int64)])
        self._renamed()

    def _renamed(self) -> None:
        self._places = {name: place for place, name in enumerate(self.names)}
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
        return Stepped(rows, list(self.bank.update(streams, scores)), streams)

    def _quality(self, streams: npt.NDArray[np.intp], scores: Scores) -> npt.NDArray[np.uint16]:
        quality = np.zeros(len(streams), np.uint16)
        quality[scores.rows < 0] |= _GAP
        quality[~np.isfinite(scores.values).all(axis=1)] |= _MISSING
        quality[scores.restart] |= _RESTART
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
        if len(np.unique(streams)) == len(streams):
            since = np.where(restart, 0, self._since[streams])
            self._since[streams] = since + 1
            return np.asarray(since >= warmup)
        warm = np.zeros(len(streams), np.bool_)
        for step, (stream, anew) in enumerate(_pairs(streams, restart)):
            passed = 0 if anew else int(self._since[stream])
            warm[step] = passed >= warmup
            self._since[stream] = passed + 1
        return warm


def _pairs(
    streams: npt.NDArray[np.intp], restart: npt.NDArray[np.bool_]
) -> Iterator[tuple[int, bool]]:
    return zip(streams.tolist(), restart.tolist(), strict=True)
