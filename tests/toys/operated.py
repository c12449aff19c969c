"""An invented gateway for the page, the probes and the metrics: no stream is real."""

import numpy as np

from runtime.errors import InputError
from runtime.gateway.operate.event_log import EventLog
from runtime.gateway.operate.history import History
from runtime.gateway.operate.status import Overview, StreamHistory, StreamSummary
from runtime.gateway.outputs import BlamedChannel, EventNotice

NOW_NS = 1_772_400_000_000_000_000
MINUTE_NS = 60 * 10**9
THRESHOLD = 3.0
CHANNELS = ("flow", "inlet pressure", "vibration", "winding temperature")
SENTENCES = (
    "Flow is 3.1 m³/h where 12.4 were expected; inlet pressure goes with it.",
    "Vibration has risen to 7.9 mm/s within 20 minutes; usual is 2.2.",
    "Winding temperature is 96 °C, 21 above what load and ambient explain.",
    "Inlet pressure swings between 1.2 and 2.6 bar every 40 s.",
)


class Operated:
    """Answers as a pipeline would: a `Status`."""

    def __init__(self, streams=3, *, seed=0, now_ns=NOW_NS):
        self.random = np.random.default_rng(seed)
        self.now_ns = now_ns
        self.names = [f"line {i // 40 + 1}/pump {i % 40 + 1:02d}" for i in range(streams)]
        self.records = History()
        self.events = EventLog()
        self.faults = {}
        self.silent = {}
        self.warming = set()
        self.muted = {}
        self.muted_channels = {}
        self.severity = np.zeros(streams)
        self.troubles = []
        self.standing = []
        self.mutes = []
        self._live()

    def _live(self):
        """Scores eight hours, and lets some streams misbehave."""
        count = len(self.names)
        calm = self.random.uniform(0.3, 1.0, count)
        shape = self.random.uniform(0, 6.28, count)
        troubled = {i: float(self.random.uniform(8, 400)) for i in self._some(count, 0.007)}
        for minute in range(480, -1, -1):
            level = calm * (1 + 0.35 * np.sin(shape + minute / 50))
            level = np.abs(self.random.exponential(0.35, count)) + level
            for stream, began in troubled.items():
                if minute <= began:
                    level[stream] += 3.6 + 1.2 * np.sin(minute / 9) * min(1, (began - minute) / 30)
            named = [n for n in self.names if self.silent.get(n, -1) < minute]
            picked = np.array([self.silent.get(n, -1) < minute for n in self.names])
            times = np.full(len(named), self.now_ns - minute * MINUTE_NS)
            self.records.update(named, times, level[picked])
            self.severity = level
            if minute == 60:
                self.silent = {self.names[i]: 45 for i in self._some(count, 0.003, troubled)}
        for number, (stream, began) in enumerate(troubled.items()):
            minutes = began if number % 3 else 60 * 31
            self.open(self.names[stream], minutes, text=SENTENCES[number % len(SENTENCES)])
        self.faults = {
            self.names[i]: ["flow is stuck at 12.40 for 38 min"]
            for i in self._some(count, 0.003, troubled)
            if self.names[i] not in self.silent
        }
        self.warming = {self.names[i] for i in self._some(count, 0.004, troubled)}

    def _some(self, count, share, but=()):
        size = max(1, round(share * count)) if count >= 3 else 0
        free = [i for i in range(count) if i not in but]
        return sorted(self.random.choice(free, size=min(size, len(free)), replace=False).tolist())

    def open(self, stream, minutes, *, kind="anomaly", text="", severity=4.6):
        """Opens an event that began some minutes ago."""
        start = self.now_ns - round(minutes * MINUTE_NS)
        blamed = [
            BlamedChannel(name="flow", share=0.72, value=3.1, expected=12.4),
            BlamedChannel(name="inlet pressure", share=0.2, value=1.41, expected=1.9),
        ]
        notice = EventNotice(
            id=f"{stream}-{kind}-{start}", stream=stream, kind=kind, phase="start",
            time_ns=start, start_ns=start, peak_ns=start, severity=severity, channels=blamed,
            duration_s=minutes * 60, text=text,
        )  # fmt: skip
        self.events.add([notice])
        return notice

    def healthy(self):
        return self.standing

    def ready(self):
        return self.troubles

    def overview(self):
        streams = [
            StreamSummary(
                name=name,
                model="pump",
                state=self._state(name),
                severity=float(self.severity[place]),
                threshold=THRESHOLD,
                newest_ns=self.now_ns - self.silent.get(name, 0) * MINUTE_NS,
                muted_until_ns=self.muted.get(name),
                muted_channels=self.muted_channels.get(name, ()),
                faults=self.faults.get(name, ()),
            )
            for place, name in enumerate(self.names)
        ]
        return Overview(
            gateway="gw1", version="0.2.0", now_ns=self.now_ns, streams=streams,
            events=self.events.open(), lag_s=0.41, rate=float(len(streams)), dropped=0, bad=12,
        )  # fmt: skip

    def _state(self, name):
        return "silent" if name in self.silent else "warming" if name in self.warming else "scored"

    def history(self, stream):
        if stream not in self.names:
            return None
        return StreamHistory(
            sparkline=self.records.sparkline(stream, points=121),
            threshold=THRESHOLD,
            ended=self.events.ended(stream),
            channels=CHANNELS,
        )

    def mute(self, stream, channel, until_ns, origin):
        if stream not in self.names:
            raise InputError(f"A stream must be known. Received: {stream!r}. See the list.")
        self.mutes.append((stream, channel, until_ns, origin))
        if channel is None:
            self.muted[stream] = until_ns
            if until_ns is None:
                del self.muted[stream]
