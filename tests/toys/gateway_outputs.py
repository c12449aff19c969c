"""What the gateway's engine says, made by hand."""

import numpy as np

from runtime.gateway.outputs import BlamedChannel, EventNotice, Outputs, ScoredRows
from runtime.streams.scores import Scores

T0 = 1_772_359_200_250_000_000
"""2026-03-01T10:00:00.250Z."""
IDENTITY = "9f2c41d07a3e" + "0" * 52
SECOND = 10**9


def scored(
    names, *, score=1.92, severity=3.4, alarm=True, quality=0, warm=True, times=None, model="pump"
):
    """Steps of streams, two channels; numbers are the same for all or one each."""
    steps = len(names)

    def column(value, dtype):
        return np.broadcast_to(np.asarray(value, dtype), (steps,)).copy()

    times = T0 if times is None else times
    scores = Scores(
        score=column(score, np.float32),
        severity=column(severity, np.float32),
        expected=np.zeros((steps, 2), np.float32),
        channel_scores=np.zeros((steps, 2), np.float32),
        times_ns=column(times, np.int64),
        values=np.zeros((steps, 2)),
        alarm=column(alarm, np.bool_),
        restart=np.zeros(steps, np.bool_),
        rows=np.arange(steps),
    )
    return ScoredRows(
        model=model,
        identity=IDENTITY,
        channels=("flow", "temp"),
        names=list(names),
        scores=scores,
        quality=column(quality, np.uint16),
        warm=column(warm, np.bool_),
    )


def notice(stream="a/p7", phase="start", **changes):
    """An event of one channel that began a minute before its peak."""
    start = changes.pop("start_ns", 1_772_359_140_000_000_000)
    fields = {
        "id": f"{stream}-{start // 10**6}",
        "stream": stream,
        "kind": "anomaly",
        "phase": phase,
        "time_ns": start,
        "start_ns": start,
        "peak_ns": start + 60 * SECOND,
        "severity": 4.1,
        "channels": (BlamedChannel(name="flow", share=0.81, value=3.1, expected=12.4),),
        "text": "Look at the pump.",
    }
    return EventNotice(**{**fields, **changes})


def tick(sequence, names=(), *, events=(), states=(), **changes):
    """Outputs of one record: a step of each stream, and what else is said."""
    fields = {"scored": (scored(names),) if names else (), "events": events, "states": states}
    return Outputs(sequence=sequence, **{**fields, **changes})
