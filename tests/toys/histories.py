"""Arbitrary histories of records for the gateway's engine: rows, people, reloads, swaps."""

from dataclasses import asdict, replace

import numpy as np
from hypothesis import strategies as st

from runtime.gateway.records import Record
from runtime.gateway.samples import Quality
from toys.engines import detector, rows, settings, streams

CHANNELS = len(detector().channels)
COUNT = 3
NAMES = [one.name for one in streams("gaussian", COUNT)]
MODELS = ("gaussian", "vae-lstm", "memory")
"""Detectors with the same channels."""

_KINDS = (
    *["rows"] * 8, "evict", "gap", "silent", "settings", "swap", "mute", "unmute", "threshold",
    "limits", "running", "nothing",
)  # fmt: skip


def values(step, stream):
    """Calm numbers with a fault now and then, the same for the same step."""
    random = np.random.default_rng(1000 * stream + step)
    fault = 30.0 if step % 41 > 36 else 0.0
    return 20 + random.normal(size=CHANNELS) + fault


def settings_of(name, number=0, **options):
    """Settings of the model `gaussian`, scored by a detector of any name; some variants."""
    every = [
        {},
        {"threshold": 1.0},
        {"threshold": 4.0, "thresholds": {NAMES[0]: 1.5}},
        {"limits": {"a": {"high": 40.0, "deadband": 2.0}}},
        {"limits": {"b": {"low": 19.0}}, "limit_event": "only-with-score"},
        {"sensors": {"a": {"stuck_s": 1200.0}, "b": {"high": 45.0}}},
        {"running": {"signal": "a > 19"}},
        {"running": {"signal": "b > 18.5", "off_delay_s": 600.0}},
        {"max_gap": 2},
        {"reorder": 1},
    ]
    made = settings("gaussian", **{**every[number % len(every)], **options})
    meta = detector(name).metadata
    one = replace(
        made.models["gaussian"], identity=meta.identity, policy=asdict(meta.alarm), warmed_from=1
    )
    floods = {"events": 2, "over": 1, "window_s": 3600.0} if number % 3 == 2 else None
    return replace(made, models={"gaussian": one}, floods=floods)


def command(number, word, **options):
    return {
        "command": word, "id": f"c{number}", "origin": "test", "time_ns": 0, "by": "", **options
    }  # fmt: skip


def _said(draw, kind, number):
    """A command of a person."""
    whom = draw(st.sampled_from([*NAMES, "*", "plant/*", "nobody"]))
    if kind == "mute":
        rest = draw(st.sampled_from([None, 5.0, 50.0]))
        channel = draw(st.sampled_from(["", "", "a"]))
        return command(
            number, "mute", streams=whom, channel=channel, rest_s=rest, until_ns=None, why=""
        )
    if kind == "unmute":
        return command(number, "unmute", streams=whom, channel=None)
    if kind == "threshold":
        level = draw(st.sampled_from([None, 0.8, 3.0]))
        return command(number, "threshold", streams=whom, threshold=level, false_alarms=None)
    if kind == "limits":
        limits = draw(st.sampled_from([None, {"a": {"high": 30.0}}]))
        return command(number, "limits", streams=whom, limits=limits)
    return command(
        number, "running", streams=whom, state=draw(st.sampled_from(["on", "off", "signal"]))
    )


@st.composite
def histories(draw, *, most=25):
    """Records with their sequences, from 1 on: for engines whose one model is `gaussian`."""
    step = 0
    records = [Record(new=streams("gaussian", COUNT), time_ns=0, started=True)]
    aside = set()
    model, variant = "gaussian", 0
    for number in range(1, 1 + draw(st.integers(1, most))):
        kind = draw(st.sampled_from(_KINDS))
        common = {"time_ns": number * 10**9, "elapsed_s": float(draw(st.sampled_from([0, 1, 10])))}
        if kind == "gap":
            step += draw(st.sampled_from([2, 3, 500]))
        elif kind in ("evict", "silent"):
            names = [name for name in NAMES if name not in aside]
            if names:
                name = draw(st.sampled_from(names))
                if kind == "evict":
                    aside.add(name)
                entry = {"evicted": [name]} if kind == "evict" else {"silent": [name]}
                records.append(Record(**entry, **common))
        elif kind in ("settings", "swap"):
            if kind == "swap":
                model = draw(st.sampled_from(MODELS))
            variant = draw(st.integers(0, 9))
            made = settings_of(model, variant).to_json()
            records.append(Record(settings=made, **common))
        elif kind == "nothing":
            records.append(Record(started=draw(st.booleans()), **common))
        elif kind != "rows":
            records.append(Record(commands=[_said(draw, kind, number)], **common))
        else:
            samples = []
            for _ in range(draw(st.integers(1, 12))):
                step += 1
                order = draw(st.permutations(range(COUNT)))
                speaking = order[: draw(st.integers(1, COUNT))]
                shift = draw(st.sampled_from([0, 0, 0, 1]))
                samples += [(s, step - shift, values(step - shift, s)) for s in speaking]
            made = rows("gaussian", samples)
            if draw(st.booleans()):
                made.quality[:: draw(st.integers(1, 5))] = Quality.ARRIVAL
            back = sorted(aside & {NAMES[s] for s, _, _ in samples})
            aside.difference_update(back)
            records.append(Record(rows=[made], restored=back, **common))
    return list(enumerate(records, 1))
