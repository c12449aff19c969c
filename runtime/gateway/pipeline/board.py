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
from runtime.gateway.rules.mutes import Mutes
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
        periods_ns: The same of their periods.
        units: Of channels, for sentences.
        families: The metrics.
    """

    def __init__(
        self,
        gateway: str,
        version: str,
        *,
        channels: Mapping[str, Sequence[str]],
        periods_ns: Mapping[str, int],
        units: Mapping[str, str],
        families: Families,
    ) -> None:
        self._periods_ns, self._units = periods_ns, units
        self._gateway, self._version = gateway, version
        self._channels, self._families = channels, families
        self._lock = threading.Lock()
        self._newest: dict[str, _Newest] = {}
        self._silent: set[str] = set()
        self._extra = _Extra()
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
            self._trim_rates()
        if outputs.events:
            self.events.add([self._worded(notice) for notice in outputs.events])
            for notice in outputs.events:
                if notice.phase == "start" and not outputs.repeat:
                    self._families.events.of(notice.model[:12], notice.kind).inc()
        if self.newest_ns:
            self._families.lag.set(time.time() - self.newest_ns / 1e9)

    def look_at(self, engine: Engine) -> None:
        """Takes note of thresholds, mutes and faults; by the scorer's thread, once a second."""
        self._extra = _Extra(engine)

    def overview(self) -> Overview:
        """Returns all streams and open events."""
        extra = self._extra
        with self._lock:
            newest, silent = list(self._newest.items()), set(self._silent)
            now = self._trim_rates()
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

    @property
    def mutes(self) -> int:
        """How many mutes hold."""
        return self._extra.mutes

    @property
    def streams_of(self) -> dict[str, int]:
        """How many streams each model scores."""
        return self._extra.streams_of

    def states(self) -> Counter[str]:
        """Returns how many streams are in each state; `muted` counts beside the others."""
        extra = self._extra
        with self._lock:
            newest, silent = dict(self._newest), set(self._silent)
        found: Counter[str] = Counter()
        for name, one in newest.items():
            state = "silent" if name in silent else "scored" if one.warm else "warming"
            found["stopped" if name in extra.stopped else state] += 1
        found["muted"] = sum(name in extra.muted for name in newest)
        return found

    def stream(self, name: str) -> StreamHistory | None:
        """Returns the last hours of a stream."""
        with self._lock:
            known = self._newest.get(name)
        if known is None:
            return None
        return StreamHistory(
            sparkline=self.history.sparkline(name, points=_POINTS),
            threshold=self._extra.thresholds.get(name, float("nan")),
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
        holes = np.flatnonzero(rows.quality & _GAP)
        if len(holes):
            self._families.holes.inc(sum(self._missing(rows, step) for step in holes.tolist()))
        every = zip(repeat(rows.model), times, severity, warm, quality)
        with self._lock:
            self._newest.update(zip(rows.names, map(_Newest._make, every), strict=False))
            self._silent.difference_update(rows.names)
        if self._families.stream_severity is not None:
            for name, one in zip(rows.names, severity, strict=True):
                self._families.stream_severity.of(name).set(one)
        self.newest_ns = max(self.newest_ns, max(times, default=0))

    def _trim_rates(self) -> float:
        """Forgets counts of before the last minute; returns the time now."""
        now = time.monotonic()
        while self._rates and now - self._rates[0][0] > _RATE_S:
            self._rates.popleft()
        return now

    def _missing(self, rows: ScoredRows, step: int) -> int:
        """Returns how many rows never came at a step, or before one that warms up again."""
        if rows.scores.rows[step] < 0:
            return 1
        name, time_ns = rows.names[step], int(rows.scores.times_ns[step])
        if step and rows.names[step - 1] == name:
            last_ns = int(rows.scores.times_ns[step - 1])
        else:
            last_ns = self._newest.get(name, _NOTHING).time_ns
        slots = round((time_ns - last_ns) / self._periods_ns[rows.model]) if last_ns else 2
        return max(1, slots - 1)


class _Extra:
    """What the engine knows of streams beside their scores, at one moment."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.thresholds: dict[str, float] = {}
        self.muted: dict[str, int] = {}
        """End of the mute of each stream that is muted as a whole."""
        self.stopped: set[str] = set()
        self.streams_of: dict[str, int] = {}
        """How many streams each model scores."""
        self.mutes = 0
        self._channels: dict[str, list[tuple[str, int]]] = {}
        self._faults: dict[str, list[str]] = {}
        if engine is None:
            return
        self.mutes = len(engine.orders.mutes)
        for group in engine.groups.values():
            levels = group.bank.thresholds().tolist()
            self.thresholds.update(zip(group.names, levels, strict=True))
            self.stopped.update(group.watch.stopped)
            self.streams_of[group.key] = len(group.names)
            if self.mutes:
                for name in group.names:
                    self._note_mutes(name, engine.orders.mutes)
            if group.watch.sensors is not None:
                for stream, channel, fault, _ in group.watch.sensors.open():
                    self._faults.setdefault(stream, []).append(f"{channel}: {fault}")

    def summary(self, name: str, one: _Newest, *, silent: bool) -> StreamSummary:
        """Returns how a stream is."""
        state: State = "silent" if silent else "scored" if one.warm else "warming"
        if name in self.stopped:
            state = "stopped"
        return StreamSummary(
            name=name,
            model=one.model,
            state=state,
            severity=one.severity,
            threshold=self.thresholds.get(name, float("nan")),
            newest_ns=one.time_ns,
            muted_until_ns=self.muted.get(name),
            muted_channels=self._channels.get(name, ()),
            faults=self._faults.get(name, ()),
        )

    def _note_mutes(self, name: str, mutes: Mutes) -> None:
        for mute in mutes.of(name):
            end = FOREVER if mute.rest_s is None else mute.until_ns or FOREVER
            if mute.channel:
                self._channels.setdefault(name, []).append((mute.channel, end))
            else:
                self.muted[name] = end


def _total(family: object) -> int:
    return int(sum(one.value for _, one in family.series()))  # type: ignore[attr-defined]
