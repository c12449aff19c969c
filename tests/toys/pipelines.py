"""Ends of the gateway's pipeline that a test holds in its hands."""

import json
from collections import deque
from itertools import count

import numpy as np

from runtime.gateway.operate.families import Families
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.operate.watchdog import Watchdog
from runtime.gateway.pipeline.models import ModelChoice, Roster
from runtime.gateway.records import NewStream, Record, Rows
from runtime.gateway.samples import Message


class Said:
    """A log that is a list of (level, kind, text)."""

    def __init__(self):
        self.lines = []

    def _say(self, level, kind, text):
        self.lines.append((level, kind, text))

    def error(self, kind, text, **_):
        self._say("error", kind, text)

    def warning(self, kind, text, **_):
        self._say("warning", kind, text)

    def info(self, kind, text, **_):
        self._say("info", kind, text)

    def kinds(self, *levels):
        return [kind for level, kind, _ in self.lines if not levels or level in levels]


class ToySource:
    """Gives messages that a test put in, and keeps what was acknowledged, in order."""

    def __init__(self, name="toy", ended=False):
        self.name, self.trouble = name, ""
        self.waiting, self.acknowledged = deque(), []
        self.is_over, self._tokens = ended, count(1)

    def put(self, *payloads):
        for payload in payloads:
            content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            self.waiting.append(Message(payload=content, token=next(self._tokens)))

    @property
    def ended(self):
        return self.is_over and not self.waiting

    def receive(self, most, _wait_s):
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def acknowledge(self, messages):
        self.acknowledged += [message.token for message in messages]

    def close(self, _timeout_s):
        self.is_over = True


class ToySink:
    """Keeps outputs; `acknowledged` is what a test says."""

    fullness = 0.0

    def __init__(self, name="out"):
        self.name, self.trouble, self.waiting = name, "", 0
        self.acknowledged, self.written = 0, []

    def write(self, outputs):
        self.written.append(outputs)

    def tick(self):
        """Has nothing to do."""

    def close(self, _timeout_s):
        """Has nothing to do."""

    @property
    def sequences(self):
        return [outputs.sequence for outputs in self.written]


def families():
    return Families(Registry())


def worker(name="toy"):
    return Watchdog().worker(name)


def roster(*, most=100, known=(), patterns=("*",), extras=(), more=(), put_aside=()):
    """Of one model `m` with channels a and b, a row a second."""
    one = ModelChoice(key="m", patterns=patterns, channels=("a", "b"), extras=extras, period_s=1.0)
    return Roster([one, *more], known=known, most=most, put_aside=put_aside)


def record(rows=0, stream=0, step=0, **entries):
    """A record with rows of one stream of model `m`, and perhaps other entries."""
    made = Rows(
        model="m",
        streams=np.full(rows, stream, np.int32),
        times_ns=(step + np.arange(rows)) * 10**9,
        values=np.zeros((rows, 2), np.float32),
        quality=np.zeros(rows, np.uint16),
    )
    return Record(rows=[made] if rows else (), **entries)


def new(number=0, name="p1", model="m"):
    return NewStream(number, name, model)
