"""Records that do not fit the state, as after a hole in the journal: said, never an end."""

import json
from dataclasses import replace

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.gateway.records import NewStream, Record
from runtime.gateway.samples import Quality
from toys.engines import Collected, detector, engine, rows, streams

CHANNELS = len(detector().channels)


def values(step, stream=0):
    return np.random.default_rng(1000 * stream + step).normal(size=CHANNELS)


def took(running, *records):
    """What came of records, numbered on from the engine's last."""
    found = Collected()
    for outputs in running.apply(list(enumerate(records, running.sequence + 1))):
        found.add(outputs)
    return found


def at(*steps, stream=0, model="gaussian"):
    return rows(model, [(stream, step, values(step, stream)) for step in steps])


def test_rows_of_streams_that_nobody_introduced_are_left_out(tmp_path):
    """The record that named them was lost: said, and the other rows of the tick are scored."""
    said = []
    running = engine(tmp_path, said=said)
    both = rows("gaussian", [(0, 1, values(1)), (7, 1, values(1, 7))])
    found = took(running, Record(new=streams("gaussian", 1)), Record(rows=[both]))
    assert {name for name, _ in found.scores} == {"plant/gaussian0"}
    assert [kind for kind, _ in said] == ["streams"]
    assert "1 row" in said[0][1]


def test_a_stream_that_was_put_aside_is_brought_back_by_its_rows(tmp_path):
    """Where it spoke between being found silent and being put aside, no record says so."""
    one, other = engine(tmp_path / "a"), engine(tmp_path / "b")
    start = [Record(new=streams("gaussian", 1)), Record(rows=[at(*range(20))])]
    took(one, *start, Record(evicted=["plant/gaussian0"]))
    took(other, *start, Record())
    last = Record(rows=[at(*range(20, 25))])
    assert took(one, last).equals(took(other, last))
    assert one.put_aside == {}


def test_streams_of_a_model_that_is_not_there_are_left_out(tmp_path):
    """Their rows are left out, those of others are scored, and a later model begins them."""
    said = []
    running = engine(tmp_path, said=said)
    new = [*streams("gaussian", 1), NewStream(1, "b/x", "memory")]
    found = took(running, Record(new=new), Record(rows=[at(1), at(1, stream=1, model="memory")]))
    assert {name for name, _ in found.scores} == {"plant/gaussian0"}
    assert said
    both = engine(tmp_path / "other", "gaussian", "memory")
    running._library.update(both._library)
    settings = both.settings.to_json()
    found = took(running, Record(settings=settings, rows=[at(2, stream=1, model="memory")]))
    assert [Quality(v[2]) for v in found.scores.values()] == [Quality.RESTART]


def test_a_model_that_goes_ends_the_events_of_its_streams(tmp_path):
    """Nothing stays ON for ever."""
    running = engine(tmp_path, "gaussian", "memory", threshold=0.5)
    odd = [(0, step, np.full(CHANNELS, 60.0 if step > 28 else 0.0)) for step in range(32)]
    found = took(running, Record(new=streams("gaussian", 1)), Record(rows=[rows("gaussian", odd)]))
    assert found.events[-1].phase != "end"
    models = {"memory": running.settings.models["memory"]}
    settings = replace(running.settings, models=models).to_json()
    (outputs,) = running.apply([(3, Record(settings=settings))])
    assert [event.phase for event in outputs.events] == ["end"]
    assert outputs.gone == ["plant/gaussian0"]
    assert [on for _, on, _ in outputs.states] == [False]


def test_putting_aside_ends_the_events_of_limits(tmp_path):
    """They end with the stream; its state goes OFF."""
    running = engine(tmp_path, limits={"a": {"high": 5.0}})
    high = rows("gaussian", [(0, step, np.full(CHANNELS, 9.0)) for step in range(3)])
    found = took(running, Record(new=streams("gaussian", 1)), Record(rows=[high]))
    assert [(e.kind, e.phase) for e in found.events] == [("limit", "start")]
    (outputs,) = running.apply([(3, Record(evicted=["plant/gaussian0"]))])
    assert [(e.kind, e.phase) for e in outputs.events] == [("limit", "end")]
    assert [on for _, on, _ in outputs.states] == [False]


def test_a_disk_that_takes_no_stream_aside_costs_nothing(tmp_path):
    """The stream stays, and it is said."""
    said = []
    running = engine(tmp_path, said=said)
    took(running, Record(new=streams("gaussian", 1)), Record(rows=[at(*range(5))]))

    def refuse(*_):
        raise InputError("disk full")

    running._aside.put = refuse
    found = took(running, Record(evicted=["plant/gaussian0"]), Record(rows=[at(5)]))
    assert [Quality(v[2]) for v in found.scores.values()] == [Quality(0)]
    assert "disk full" in said[0][1]


ENGINE = {"settings", "registry", "put_aside", "acknowledged", "parts", "sequence"}
OTHERS = {"notices", "orders", "presence", "open", "watch"}


SOUND = [("put_aside", {"x": 1}), ("acknowledged", {"x": 1}), ("sequence", 3)]


def parts_of(running):
    took(running, Record(new=streams("gaussian", 1)), Record(rows=[at(*range(5))]))
    return dict(running.snapshot())


@pytest.mark.parametrize("name", sorted(ENGINE))
@pytest.mark.parametrize("content", [None, 3, {"x": 1}, [[1]], "missing"])
def test_a_snapshot_of_another_version_leaves_the_engine_new(tmp_path, name, content):
    """One error, and nothing half taken."""
    parts = parts_of(engine(tmp_path))
    state = json.loads(parts["engine"])
    if content == "missing":
        del state[name]
    else:
        state[name] = content
    again = engine(tmp_path)
    before = json.loads(dict(again.snapshot())["engine"])
    try:
        again.restore({**parts, "engine": json.dumps(state).encode()}.items())
    except InputError as error:
        assert "must be what this version keeps" in str(error)  # noqa: PT017
        assert json.loads(dict(again.snapshot())["engine"]) == before
    else:
        assert (name, content) in SOUND


def test_floods_that_cannot_be_read_are_said(tmp_path):
    """Where there are rules of them."""
    said = []
    floods = engine(tmp_path, said=said)
    floods._begin(replace(floods.settings, floods={}))
    parts = parts_of(floods)
    state = {**json.loads(parts["engine"]), "floods": 3}
    floods.restore({**parts, "engine": json.dumps(state).encode()}.items())
    assert "floods" in said[-1][1]


@pytest.mark.parametrize("name", sorted(OTHERS))
@pytest.mark.parametrize("content", [None, 3, {"x": 1}, [[1]], "missing"])
def test_what_is_known_beside_the_scores_is_lost_alone(tmp_path, name, content):
    """The streams go on with what they had learnt; what was lost is said."""
    parts = parts_of(engine(tmp_path))
    state = json.loads(parts["engine"])
    if content == "missing":
        del state[name]
    else:
        state[name] = content
    said = []
    again = engine(tmp_path, said=said)
    again.restore({**parts, "engine": json.dumps(state).encode()}.items())
    found = took(again, Record(rows=[at(5)]))
    assert [Quality(v[2]) for v in found.scores.values()] == [Quality(0)]
    assert said or (name, content) == ("watch", {"x": 1})
    assert json.loads(dict(again.snapshot())["engine"])


def test_a_stream_twice_in_a_snapshot_is_no_end(tmp_path):
    """The last counts: it came and went while the snapshot was cut."""
    parts = parts_of(engine(tmp_path))
    said = []
    again = engine(tmp_path, said=said)
    (first,) = [name for name in parts if name.startswith("streams/0@")]
    twice = {**parts, first.replace("/0@", "/64@"): parts[first]}
    again.restore(twice.items())
    assert said == []
    assert len(took(again, Record(rows=[at(5)])).scores) == 1


@pytest.mark.parametrize("name", ["rows/7", "rows/x", "rows", "streams/1@x/gaussian", "other/1"])
def test_parts_of_another_version_are_said_and_cost_nobody_else(tmp_path, name):
    """Whatever they are called, and whatever is in them."""
    parts = parts_of(engine(tmp_path))
    said = []
    again = engine(tmp_path, said=said)
    again.restore({**parts, name: b"something else"}.items())
    assert [kind for kind, _ in said] == ["state"]
    found = took(again, Record(rows=[at(5)]))
    assert [Quality(v[2]) for v in found.scores.values()] == [Quality(0)]


def test_a_snapshot_of_the_version_before_is_read(tmp_path):
    """All of it was cut at one record; what is known beside the scores was with all the rest."""
    sensors = {"a": {"high": 45.0}}
    running = engine(tmp_path, sensors=sensors)
    high = rows("gaussian", [(0, step, np.full(CHANNELS, 50.0)) for step in range(5)])
    took(running, Record(new=streams("gaussian", 1)), Record(rows=[high]))
    group = running.groups["gaussian"]
    state = json.loads(dict(running.snapshot())["engine"])
    state["watch"] = {"gaussian": group.watch.state()}
    old = [
        ("engine", json.dumps(state).encode()),
        ("streams/0/gaussian", group.snapshot(group.names)),
    ]
    said = []
    again = engine(tmp_path, said=said, sensors=sensors)
    again.restore(old)
    assert said == []
    assert again.groups["gaussian"].watch.sensors.open() == group.watch.sensors.open() != []
    assert took(again, Record(rows=[at(5)])).equals(took(running, Record(rows=[at(5)])))
