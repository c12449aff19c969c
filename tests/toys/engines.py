"""Engines of the gateway over the golden detectors, and what came out of them, to be compared."""

from dataclasses import asdict
from functools import cache

import numpy as np

from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.engine import Engine
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.records import NewStream, Rows
from runtime.model.detector import Detector
from toys.golden import FOLDER

START_NS = 1_772_359_200 * 10**9


@cache
def detector(name="gaussian"):
    return Detector(FOLDER / f"{name}.onnx")


def settings(*names, threshold=2.0, reorder=2, **options):
    """Settings of models that are called as their detectors."""
    return EngineSettings(
        models={
            name: ModelSettings(
                identity=detector(name).metadata.identity,
                threshold=threshold,
                policy=asdict(detector(name).metadata.alarm),
                reorder=reorder,
                **options,
            )
            for name in names
        }
    )


def engine(folder, *names, said=None, **options):
    names = names or ("gaussian",)
    return Engine(
        {detector(name).metadata.identity: detector(name) for name in names},
        settings(*names, **options),
        aside=Aside(folder / "aside"),
        trouble=lambda kind, text: (said if said is not None else []).append((kind, text)),
    )


def rows(model, samples):
    """Rows of a record from (stream, step, values), sorted as a reader does."""
    meta = detector(model).metadata
    samples = sorted(samples, key=lambda one: one[:2])
    return Rows(
        model=model,
        streams=np.array([stream for stream, _, _ in samples], np.int32),
        times_ns=np.array([START_NS + step * meta.period_ns for _, step, _ in samples], np.int64),
        values=np.array([values for _, _, values in samples], np.float32).reshape(
            len(samples), len(meta.channels)
        ),
        quality=np.zeros(len(samples), np.uint16),
    )


def streams(model, count, first=0):
    return [NewStream(first + n, f"plant/{model}{n}", model) for n in range(count)]


class Collected:
    """All that came out: scores by stream and time, events in order."""

    def __init__(self):
        self.scores = {}
        self.events = []
        self.online = []

    def add(self, outputs):
        for scored in outputs.scored:
            columns = zip(
                scored.names,
                scored.scores.times_ns.tolist(),
                scored.scores.score.tolist(),
                scored.scores.severity.tolist(),
                scored.quality.tolist(),
                scored.warm.tolist(),
                strict=True,
            )
            for name, time, score, severity, quality, warm in columns:
                assert (name, time) not in self.scores, "a step came out twice"
                self.scores[name, time] = (score, severity, quality, warm)
        self.events += outputs.events
        self.online += outputs.online
        return self

    def equals(self, other):
        """Whether the other one has the same scores, within rounding, and the same events a stream.

        Between streams there is no order.
        """
        assert self.scores.keys() == other.scores.keys()
        for key, (score, severity, quality, warm) in self.scores.items():
            theirs = other.scores[key]
            np.testing.assert_allclose((score, severity), theirs[:2], rtol=1e-4, atol=1e-5)
            assert (quality, warm) == theirs[2:]
        mine, theirs = (
            [_plain(e) for e in sorted(one.events, key=lambda e: e.stream)] for one in (self, other)
        )
        assert [one[:-1] for one in mine] == [one[:-1] for one in theirs]
        for (*_, a), (*_, b) in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        return True


def _plain(notice):
    numbers = [notice.severity, notice.duration_s]
    numbers += [n for c in notice.channels for n in (c.share, c.value, c.expected)]
    names = tuple(channel.name for channel in notice.channels)
    return (notice.id, notice.kind, notice.phase, notice.time_ns, notice.peak_ns, names, numbers)
