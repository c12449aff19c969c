"""What the page, the probes and the metrics know of the streams: seen from the outputs."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import NamedTuple

import numpy as np

from runtime.gateway.engine.engine import Engine
from runtime.gateway.operate.event_log import EventLog
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.history import History
from runtime.gateway.operate.status import FOREVER, Overview, State, StreamHistory, StreamSummary
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.sentences import sentence

__all__ = ["Board"]

_POINTS = 240
_OTHER_TIMES_NS = 86_400 * 10**9
_RATE_S = 60.0
_GAP = int(Quality.GAP)


class _Newest(NamedTuple):
    """The newest step of a stream."""

    model: str
    time_ns: int
    severity: float
    warm: bool
    quality: int


_NOTHING = _Newest("", 0, float("nan"), False, 0)  # noqa: FBT003 - a field


class Board:
    """The newest of every stream, its last hours, and the events. Thread-safe.

    Args:
        gateway: Its name.
        version: Of kad.
        channels: Channels of each model, by key.
        units: Of channels, for sentences.
        families: The metrics.
    """

    def __init__(
        self,
        gateway: str,
        version: str,
        *,
        channels: Mapping[str, Sequence[str]],
        units: Mapping[str, str],
        families: Families,
    ) -> None:
        self._units = units
        self._gateway, self._version = gateway, version
        self._channels, self._families = channels, families
        self._lock = threading.Lock()
        self._newest: dict[str, _Newest] = {}
        self._silent: set[str] = set()
        self._rates: deque[tuple[float, int]] = deque()
        self.history = History()
        self.events = EventLog()
        self.newest_ns = 0

    def see(self, outputs: Outputs) -> None:
        """Takes outputs; by the scorer's thread."""
        count = 0
        for rows in outputs.scored:
            count += len(rows.names)
            self.history.update(rows.names, rows.scores.times_ns, rows.scores.severity)
            self._see_rows(rows)
        with self._lock:
            for name, speaks in outputs.online:
                self._newest.setdefault(name, _NOTHING)
                (self._silent.discard if speaks else self._silent.add)(name)
            for name in outputs.gone:
                self._newest.pop(name, None)
                self._silent.discard(name)
                self.history.forget(name)
                self.events.forget(name)
            self._rates.append((time.monotonic(), count))
        if outputs.events:
            self.events.add([self._worded(notice) for notice in outputs.events])
            for notice in outputs.events:
                if notice.phase == "start" and not outputs.repeat:
                    self._families.events.of(notice.model[:12], notice.kind).inc()
        if self.newest_ns:
            self._families.lag.set(time.time() - self.newest_ns / 1e9)

    def overview(self, engine: Engine) -> Overview:
        """Returns all streams and open events.

        Args:
            engine: Asked for thresholds, mutes and faults; it goes on meanwhile.
        """
        extra = _Extra(engine)
        with self._lock:
            newest, silent = list(self._newest.items()), set(self._silent)
            now = time.monotonic()
            while self._rates and now - self._rates[0][0] > _RATE_S:
                self._rates.popleft()
            span = max(now - self._rates[0][0], 1.0) if self._rates else 1.0
            rate = sum(count for _, count in self._rates) / span
        lag = time.time() - self.newest_ns / 1e9 if self.newest_ns else float("nan")
        return Overview(
            gateway=self._gateway,
            version=self._version,
            now_ns=self._now_ns(),
            streams=[extra.summary(name, one, silent=name in silent) for name, one in newest],
            events=self.events.open(),
            lag_s=lag,
            rate=rate,
            dropped=_total(self._families.dropped),
            bad=_total(self._families.bad_messages),
        )

    def states(self, engine: Engine) -> Counter[str]:
        """Returns how many streams are in each state; `muted` counts beside the others."""
        with self._lock:
            newest, silent = dict(self._newest), set(self._silent)
        stopped = {name for group in list(engine.groups.values()) for name in group.watch.stopped}
        found: Counter[str] = Counter()
        for name, one in newest.items():
            state = "silent" if name in silent else "scored" if one.warm else "warming"
            found["stopped" if name in stopped else state] += 1
        mutes = engine.orders.mutes
        found["muted"] = sum(mutes.muted(name) for name in newest) if len(mutes) else 0
        return found

    def stream(self, name: str, engine: Engine) -> StreamHistory | None:
        """Returns the last hours of a stream."""
        with self._lock:
            known = self._newest.get(name)
        if known is None:
            return None
        return StreamHistory(
            sparkline=self.history.sparkline(name, points=_POINTS),
            threshold=_Extra(engine).thresholds.get(name, float("nan")),
            ended=self.events.ended(name),
            channels=self._channels.get(known.model, ()),
        )

    def _worded(self, notice: EventNotice) -> EventNotice:
        return notice if notice.text else replace(notice, text=sentence(notice, units=self._units))

    def _now_ns(self) -> int:
        """Returns the time of the samples: in a replay of old data, that of the newest one."""
        now = time.time_ns()
        return self.newest_ns if abs(now - self.newest_ns) > _OTHER_TIMES_NS else now

    def _see_rows(self, rows: ScoredRows) -> None:
        times, severity = rows.scores.times_ns.tolist(), rows.scores.severity.tolist()
        warm, quality = rows.warm.tolist(), rows.quality.tolist()
        holes = int(np.count_nonzero(rows.quality & _GAP))
        if holes:
            self._families.holes.inc(holes)
        every = zip(repeat(rows.model), times, severity, warm, quality)
        with self._lock:
            self._newest.update(zip(rows.names, map(_Newest._make, every), strict=False))
            self._silent.difference_update(rows.names)
        if self._families.stream_severity is not None:
            for name, one in zip(rows.names, severity, strict=True):
                self._families.stream_severity.of(name).set(one)
        self.newest_ns = max(self.newest_ns, max(times, default=0))


class _Extra:
    """What the engine knows of streams beside their scores, at one moment."""

    def __init__(self, engine: Engine) -> None:
        self.thresholds: dict[str, float] = {}
        self._faults: dict[str, list[str]] = {}
        self._stopped: set[str] = set()
        self._mutes = engine.orders.mutes
        for group in list(engine.groups.values()):
            levels = group.bank.thresholds().tolist()
            self.thresholds.update(zip(group.names, levels, strict=False))
            self._stopped.update(group.watch.stopped)
            if group.watch.sensors is not None:
                for stream, channel, fault, _ in group.watch.sensors.open():
                    self._faults.setdefault(stream, []).append(f"{channel}: {fault}")

    def summary(self, name: str, one: _Newest, *, silent: bool) -> StreamSummary:
        """Returns how a stream is."""
        state: State = "silent" if silent else "scored" if one.warm else "warming"
        if name in self._stopped:
            state = "stopped"
        until, channels = self._muted(name)
        return StreamSummary(
            name=name,
            model=one.model,
            state=state,
            severity=one.severity,
            threshold=self.thresholds.get(name, float("nan")),
            newest_ns=one.time_ns,
            muted_until_ns=until,
            muted_channels=channels,
            faults=self._faults.get(name, ()),
        )

    def _muted(self, name: str) -> tuple[int | None, list[tuple[str, int]]]:
        until: int | None = None
        channels: list[tuple[str, int]] = []
        for mute in self._mutes.of(name):
            end = FOREVER if mute.rest_s is None else mute.until_ns or FOREVER
            if mute.channel:
                channels.append((mute.channel, end))
            else:
                until = end
        return until, channels


def _total(family: object) -> int:
    return int(sum(one.value for _, one in family.series()))  # type: ignore[attr-defined]
