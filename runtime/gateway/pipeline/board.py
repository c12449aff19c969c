"""What the page, the probes and the metrics know of the streams: seen from the outputs."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from runtime.gateway.operate.event_log import EventLog
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.history import History
from runtime.gateway.operate.status import Overview, State, StreamHistory, StreamSummary
from runtime.gateway.outputs import Outputs, ScoredRows
from runtime.gateway.samples import Quality

__all__ = ["Board"]

_POINTS = 240
_RATE_S = 60.0
_STOPPED = int(Quality.STOPPED)
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
        families: The metrics.
    """

    def __init__(
        self,
        gateway: str,
        version: str,
        *,
        channels: Mapping[str, Sequence[str]],
        periods_ns: Mapping[str, int],
        families: Families,
    ) -> None:
        self._periods_ns = periods_ns
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
            self.events.add(outputs.events)
            for notice in outputs.events:
                if notice.phase == "start" and not outputs.repeat:
                    self._families.events.of(notice.model[:12], notice.kind).inc()
        if self.newest_ns:
            self._families.lag.set(time.time() - self.newest_ns / 1e9)

    def overview(self) -> Overview:
        """Returns all streams and open events."""
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
            now_ns=time.time_ns(),
            streams=[_summary(name, one, silent=name in silent) for name, one in newest],
            events=self.events.open(),
            lag_s=lag,
            rate=rate,
            dropped=_total(self._families.dropped),
            bad=_total(self._families.bad_messages),
        )

    def stream(self, name: str) -> StreamHistory | None:
        """Returns the last hours of a stream."""
        with self._lock:
            known = self._newest.get(name)
        if known is None:
            return None
        return StreamHistory(
            sparkline=self.history.sparkline(name, points=_POINTS),
            threshold=float("nan"),
            ended=self.events.ended(name),
            channels=self._channels.get(known.model, ()),
        )

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
        self.newest_ns = max(self.newest_ns, max(times, default=0))

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


def _summary(name: str, one: _Newest, *, silent: bool) -> StreamSummary:
    state: State = "silent" if silent else "scored" if one.warm else "warming"
    if one.quality & _STOPPED:
        state = "stopped"
    return StreamSummary(
        name=name, model=one.model, state=state, severity=one.severity, newest_ns=one.time_ns
    )


def _total(family: object) -> int:
    return int(sum(one.value for _, one in family.series()))  # type: ignore[attr-defined]
