"""Rules and orders inside the engine: what they do to scores and events."""

import json
from dataclasses import replace

import numpy as np
import pytest

from runtime.gateway.records import Record
from runtime.gateway.samples import Quality
from toys.engines import Collected, detector, engine, rows, streams
from toys.histories import command

CHANNELS = len(detector().channels)
WARM = detector().metadata.warmup_steps
NAME = "plant/gaussian0"


def took(running, *records):
    found = Collected()
    found.running, found.answers = [], []
    for outputs in running.apply(list(enumerate(records, running.sequence + 1))):
        found.add(outputs)
        found.running += outputs.running
        found.answers += [json.loads(answer) for _, answer in outputs.answers]
    return found


def row(step, *values, stream=0):
    calm = np.random.default_rng(step).normal(size=CHANNELS)
    calm[: len(values)] = values
    return (stream, step, calm)


def begun(folder, count=1, **options):
    running = engine(folder, **options)
    took(running, Record(new=streams("gaussian", count)))
    return running


def said(running, word, **options):
    return Record(commands=[command(running.sequence + 1, word, **options)])


@pytest.mark.parametrize("together", [True, False], ids=["one call", "a call a row"])
def test_a_machine_that_stands_still_is_not_scored(tmp_path, together):
    """STOP, SKIP and RESUME: its rows lead to nothing, and no warm-up follows."""
    running = begun(tmp_path, running={"signal": "b > -5", "near_s": 10**6})
    off = range(WARM + 2, WARM + 6)
    samples = [row(n, 0.1, -9.0 if n in off else 0.2) for n in range(WARM + 12)]
    parts = [samples] if together else [[one] for one in samples]
    found = took(running, *(Record(rows=[rows("gaussian", part)]) for part in parts))
    assert found.running == [(NAME, False), (NAME, True)]
    steps = sorted((t, warm) for (_, t), (_, _, _, warm) in found.scores.items())
    assert len(steps) == len(samples) - len(off)
    assert [warm for _, warm in steps] == [False] * WARM + [True] * (len(steps) - WARM)
    assert not any(Quality.RESTART & v[2] for v in [*found.scores.values()][1:])


def test_an_event_ends_when_the_machine_stops(tmp_path):
    """And its state goes OFF; that of its limits too."""
    running = begun(
        tmp_path, threshold=1.0, running={"signal": "b > -5"}, limits={"a": {"high": 20.0}}
    )
    calm = [row(n, 0.1, 0.2) for n in range(WARM + 5)]
    high = [row(WARM + 5 + n, 50.0 * 10**n, 0.2) for n in range(3)]
    found = took(running, Record(rows=[rows("gaussian", [*calm, *high])]))
    assert {e.kind for e in found.events if e.phase == "start"} == {"anomaly", "limit"}
    off = took(running, Record(rows=[rows("gaussian", [row(WARM + 8, 50.0, -9.0)])]))
    assert {(e.kind, e.phase) for e in off.events} >= {("anomaly", "end"), ("limit", "end")}
    assert running._telling.state()["open"] == {}


def test_a_limit_alone_is_an_event_or_only_lets_one_pass(tmp_path):
    """`always` and `only-with-score`."""
    calm = [row(n, 0.1, 0.2) for n in range(WARM + 5)]
    odd = [row(n, 8.0, 0.2) for n in range(WARM + 5, WARM + 8)]
    kinds = {}
    for event, high in [("always", 5.0), ("only-with-score", 5.0), ("only-with-score", 50.0)]:
        running = begun(
            tmp_path / f"{event}{high}", threshold=1.0, limits={"a": {"high": high}},
            limit_event=event,
        )  # fmt: skip
        found = took(running, Record(rows=[rows("gaussian", [*calm, *odd])]))
        late = [e for e in found.events if e.start_ns >= rows("gaussian", odd).times_ns[0]]
        kinds[event, high] = {e.kind for e in late if e.phase == "start"}
    assert kinds == {
        ("always", 5.0): {"anomaly", "limit"},
        ("only-with-score", 5.0): {"anomaly"},
        ("only-with-score", 50.0): set(),
    }


def test_a_sensor_at_fault_is_masked(tmp_path):
    """An event of its own kind; the score goes on without the channel, and says so."""
    running = begun(tmp_path, sensors={"a": {"high": 100.0}})
    samples = [row(n, 0.1) for n in range(5)] + [row(n, 500.0) for n in range(5, 8)]
    found = took(running, Record(rows=[rows("gaussian", samples)]))
    assert [(e.kind, e.phase) for e in found.events] == [("sensor", "start")]
    qualities = [Quality(v[2]) for v in found.scores.values()]
    assert all(q & Quality.SENSOR and q & Quality.MISSING for q in qualities[5:])
    assert not any(q & Quality.SENSOR for q in qualities[:5])


@pytest.mark.parametrize("kind", ["anomaly", "limit", "sensor"])
def test_a_muted_event_is_told_when_the_mute_ends(tmp_path, kind):
    """While it goes on; one that is over is not."""
    options = {
        "anomaly": {"threshold": 1.0},
        "limit": {"limits": {"a": {"high": 20.0}}, "threshold": 1e9},
        "sensor": {"sensors": {"a": {"high": 20.0}}, "threshold": 1e9},
    }[kind]
    running = begun(tmp_path, **options)
    took(running, Record(rows=[rows("gaussian", [row(n, 0.1, 0.2) for n in range(WARM + 5)])]))
    mute = {"streams": "plant/*", "channel": "", "rest_s": 10.0, "until_ns": None, "why": ""}
    took(running, said(running, "mute", **mute))
    at = WARM + 5
    muted = took(running, Record(rows=[rows("gaussian", [row(at, 50.0, 0.2)])], elapsed_s=1.0))
    assert muted.events == []
    assert all(Quality(v[2]) & Quality.MUTED for v in muted.scores.values())
    parts = list(running.snapshot())
    running.restore(parts)
    later = took(running, Record(rows=[rows("gaussian", [row(at + 1, 50.0, 0.2)])], elapsed_s=20.0))
    assert [(e.kind, e.phase) for e in later.events] == [(kind, "start")]
    over = took(
        running, Record(rows=[rows("gaussian", [row(n, 0.1, 0.2) for n in range(at + 2, at + 20)])])
    )
    assert (kind, "end") in [(e.kind, e.phase) for e in over.events]


def test_a_mute_of_a_channel_is_of_events_that_blame_it_alone(tmp_path):
    """Another channel's limit is told."""
    running = begun(tmp_path, threshold=1e9, limits={c: {"high": 20.0} for c in "ab"})
    mute = {"streams": NAME, "channel": "a", "rest_s": None, "until_ns": None, "why": ""}
    took(running, said(running, "mute", **mute))
    found = took(running, Record(rows=[rows("gaussian", [row(1, 50.0, 50.0)])]))
    assert [e.channels[0].name for e in found.events] == ["b"]


def levels(running):
    group = running.groups["gaussian"]
    return dict(zip(group.names, group.bank.thresholds().tolist(), strict=True))


def test_thresholds_by_pattern_hold_for_streams_that_come_later(tmp_path):
    """The last order that fits counts; they survive a snapshot, a reload, and are taken back."""
    running = begun(tmp_path, threshold=5.0, thresholds={"plant/gaussian3": 9.0})
    every = {"streams": "plant/*", "false_alarms": None}
    took(running, said(running, "threshold", threshold=2.0, **every))
    own = {"streams": NAME, "false_alarms": None}
    took(running, said(running, "threshold", threshold=3.0, **own))
    took(running, Record(new=streams("gaussian", 1, first=1)))
    new = [replace(streams("gaussian", 1)[0], number=9, name="other")]
    took(running, Record(new=new))
    expected = {NAME: 3.0, "other": 5.0}
    assert expected.items() <= levels(running).items()
    again = engine(tmp_path, threshold=5.0)
    again.restore(list(running.snapshot()))
    assert levels(again) == levels(running)
    models = {k: replace(m, threshold=7.0) for k, m in again.settings.models.items()}
    took(again, Record(settings=replace(again.settings, models=models).to_json()))
    assert levels(again)[NAME] == 3.0
    assert levels(again)["other"] == 7.0
    took(again, said(again, "threshold", threshold=None, **own))
    assert levels(again)[NAME] == 2.0
    took(again, said(again, "threshold", threshold=None, **every))
    assert levels(again)[NAME] == 7.0


def test_limits_by_command_survive_a_snapshot_and_hold_in_a_new_group(tmp_path):
    """Also for streams that come later."""
    running = begun(tmp_path, threshold=1e9)
    limits = {"a": {"high": 20.0}}
    answered = took(running, said(running, "limits", streams="plant/*", limits=limits))
    assert answered.answers[0]["ok"]
    again = engine(tmp_path, threshold=1e9)
    again.restore(list(running.snapshot()))
    took(again, Record(new=[replace(streams("gaussian", 1)[0], number=1, name="plant/late")]))
    both = rows("gaussian", [row(1, 50.0), row(1, 50.0, stream=1)])
    found = took(again, Record(rows=[both]))
    assert sorted(e.stream for e in found.events) == [NAME, "plant/late"]


def test_what_nobody_can_do_is_answered_so(tmp_path):
    """No stream, no running signal, no command: one line each, and the engine goes on."""
    running = begun(tmp_path)
    for word, options in [
        ("threshold", {"streams": "nobody", "threshold": 1.0, "false_alarms": None}),
        ("running", {"streams": NAME, "state": "on"}),
        ("dance", {}),
    ]:
        (answer,) = took(running, said(running, word, **options)).answers
        assert not answer["ok"]
        assert "\n" not in answer["error"]


def test_a_flood_is_one_event(tmp_path):
    """Single ones are held back until it is over."""
    running = engine(tmp_path, threshold=1e9, limits={"a": {"high": 20.0}})
    running._begin(replace(running.settings, floods={"events": 3, "over": 2, "window_s": 3600.0}))
    took(running, Record(new=streams("gaussian", 8)))
    high = rows("gaussian", [row(1, 50.0, stream=s) for s in range(8)])
    found = took(running, Record(rows=[high]))
    kinds = [e.kind for e in found.events]
    assert kinds.count("flood") == 1
    assert kinds.count("limit") == 3
