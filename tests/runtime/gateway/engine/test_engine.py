"""The engine's outputs follow from its state and the records: any split, any restart."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import InputError, ModelFileError
from runtime.gateway.records import NewStream, Record
from runtime.gateway.samples import Quality
from toys.engines import Collected, detector, engine, rows, streams

CHANNELS = len(detector().channels)


def values(step, stream):
    """Calm numbers with a fault now and then, the same for the same step."""
    random = np.random.default_rng(1000 * stream + step)
    fault = 30.0 if step % 41 > 36 else 0.0
    return 20 + random.normal(size=CHANNELS) + fault


@st.composite
def histories(draw):
    """Records: new streams, rows with gaps, disorder and repeats, evictions and returns."""
    count, step = 3, 0
    records = [Record(new=streams("gaussian", count))]
    aside = set()
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["rows"] * 8 + ["evict", "gap"]))
        if kind == "gap":
            step += draw(st.sampled_from([2, 3, 500]))
            continue
        if kind == "evict":
            names = [s.name for s in streams("gaussian", count) if s.name not in aside]
            if names:
                name = draw(st.sampled_from(names))
                aside.add(name)
                records.append(Record(evicted=[name]))
            continue
        samples = []
        for _ in range(draw(st.integers(1, 12))):
            step += 1
            order = draw(st.permutations(range(count)))
            speaking = order[: draw(st.integers(1, count))]
            shift = draw(st.sampled_from([0, 0, 0, 1]))
            samples += [(s, step - shift, values(step - shift, s)) for s in speaking]
        back = sorted(aside & {f"plant/gaussian{s}" for s, _, _ in samples})
        aside.difference_update(back)
        records.append(Record(rows=[rows("gaussian", samples)], restored=back))
    return list(enumerate(records, 1))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories(), data=st.data())
def test_any_split_and_any_restart_give_the_same(history, data, tmp_path_factory):
    """One by one, all at once, and over snapshots after which records are taken again."""
    folder = tmp_path_factory.mktemp("engine")
    alone = Collected()
    one_by_one = engine(folder / "a")
    for pair in history:
        for outputs in one_by_one.apply([pair]):
            alone.add(outputs)
    at_once = Collected()
    for outputs in engine(folder / "b").apply(history):
        at_once.add(outputs)
    assert alone.equals(at_once)

    cuts = sorted({0, len(history), *data.draw(st.lists(st.integers(0, len(history)), max_size=4))})
    said, over = [], Collected()
    running = engine(folder / "c", said=said)
    for first, last in pairwise(cuts):
        for outputs in running.apply(history[first:last]):
            over.add(outputs)
        parts = list(running.snapshot())
        # What came after the snapshot is lost with the process, and comes again from the journal.
        lost = history[last : last + 3]
        for _ in running.apply(lost):
            pass
        running = engine(folder / "c", said=said)
        running.restore(parts)
        assert running.sequence == (history[last - 1][0] if last else 0)
    assert over.equals(alone)
    assert said == []


def test_models_score_side_by_side(tmp_path):
    """Each stream by its own model; numbers as from a stream alone."""
    both = engine(tmp_path, "gaussian", "memory")
    one, other = streams("gaussian", 1), streams("memory", 1, first=1)
    found = Collected()
    few = len(detector("memory").channels)
    records = [Record(new=[*one, *other])]
    records += [
        Record(
            rows=[
                rows("gaussian", [(0, step, values(step, 0))]),
                rows("memory", [(1, step, values(step, 1)[:few])]),
            ]
        )
        for step in range(30)
    ]
    for outputs in both.apply(list(enumerate(records, 1))):
        found.add(outputs)
    alone = Collected()
    for outputs in engine(tmp_path / "alone").apply(
        [(n, Record(new=one) if n == 1 else Record(rows=r.rows[:1]))
         for n, r in enumerate(records, 1)]
    ):  # fmt: skip
        alone.add(outputs)
    mine = {key: value for key, value in found.scores.items() if key[0] == one[0].name}
    assert mine.keys() == alone.scores.keys()
    np.testing.assert_allclose(
        [v[:2] for v in mine.values()], [v[:2] for v in alone.scores.values()], rtol=1e-5
    )
    assert len(found.scores) == 60


def test_quality_says_what_is_not_as_it_should_be(tmp_path):
    """Of the row as it came, and of holes and restarts, also where rows were held back."""
    running = engine(tmp_path)
    part = rows("gaussian", [(0, 3, values(3, 0))])
    part.quality[:] = Quality.PARTIAL
    missing = values(4, 0)
    missing[0] = np.nan
    records = [
        Record(new=streams("gaussian", 1)),
        Record(rows=[rows("gaussian", [(0, 0, values(0, 0)), (0, 1, values(1, 0))])]),
        Record(rows=[part]),
        Record(rows=[rows("gaussian", [(0, 4, missing)])]),
    ]
    found = Collected()
    for outputs in running.apply(list(enumerate(records, 1))):
        found.add(outputs)
    qualities = [Quality(quality).reasons() for _, _, quality, _ in found.scores.values()]
    assert qualities == [["restart"], [], ["missing", "gap"], ["partial"], ["missing"]]


def test_a_state_that_cannot_be_used_is_said_and_begins_anew(tmp_path):
    """One damaged part costs its streams their state, nobody else."""
    running = engine(tmp_path)
    history = [
        (1, Record(new=streams("gaussian", 2))),
        (2, Record(rows=[rows("gaussian", [(0, 1, values(1, 0)), (1, 1, values(1, 1))])])),
    ]
    list(running.apply(history))
    parts = [
        (name, blob[:-9] if name.startswith("streams/") else blob)
        for name, blob in running.snapshot()
    ]
    said = []
    again = engine(tmp_path, said=said)
    again.restore(parts)
    assert [kind for kind, _ in said] == ["state", "state"]
    assert "warm up again" in said[1][1]
    found = Collected()
    next_rows = rows("gaussian", [(0, 2, values(2, 0)), (1, 2, values(2, 1))])
    for outputs in again.apply([(3, Record(rows=[next_rows]))]):
        found.add(outputs)
    assert [Quality(v[2]) for v in found.scores.values()] == [Quality.RESTART] * 2


def test_an_event_is_told_from_start_to_end(tmp_path):
    """Start, perhaps updates, end: one id, the channels at the peak."""
    running = engine(tmp_path, threshold=3.0)
    meta = detector().metadata
    records = [Record(new=streams("gaussian", 1))]
    length = meta.warmup_steps + 40
    fault = range(length - 10, length - 5)
    for step in range(length):
        row = values(step * 41, 0)
        if step in fault:
            row = row + np.eye(1, CHANNELS)[0] * 80
        records.append(Record(rows=[rows("gaussian", [(0, step, row)])]))
    found = Collected()
    for outputs in running.apply(list(enumerate(records, 1))):
        found.add(outputs)
    during = [
        e for e in found.events if e.start_ns >= rows("gaussian", [(0, fault[0], row)]).times_ns
    ]
    assert during[0].phase == "start"
    assert during[-1].phase == "end"
    assert len({notice.id for notice in during}) == 1
    blamed = during[-1].channels[0]
    assert blamed.name == meta.channels[0]
    assert blamed.value > 90
    assert abs(blamed.expected - 20) < 60
    assert 0 < blamed.share <= 1
    assert during[-1].duration_s >= meta.period_s


@pytest.mark.parametrize("content", [b"", b"x", b"\x05\x00\x00\x00{}", b"\x02\x00\x00\x00{}abc"])
def test_records_of_another_version_are_errors(content):
    """Never another exception."""
    with pytest.raises(InputError, match="another version"):
        Record.decode(content)


def test_records_are_the_same_after_encoding():
    """All entries, NaN among the values."""
    made = rows("gaussian", [(0, 1, np.full(CHANNELS, np.nan)), (3, 1, values(1, 3))])
    record = Record(
        settings={"models": {}},
        new=[NewStream(3, "a/ö", "gaussian")],
        restored=["b"],
        commands=[{"do": "mute"}],
        rows=[made],
        parts=[{"source": "s", "model": "gaussian", "stream": "a", "rows": []}],
        silent=["c"],
        evicted=["d"],
        acknowledged={"mqtt": 7},
        time_ns=5,
    )
    again = Record.decode(record.encode())
    assert again.encode() == record.encode()
    np.testing.assert_array_equal(again.rows[0].values, made.values)
    assert again.new == record.new


def test_a_hole_too_long_to_be_filled_is_said_at_the_step_behind_it(tmp_path):
    """In one record or in two; the first step of a stream has no hole before it."""
    running = engine(tmp_path)
    far = detector().metadata.max_gap_steps + 5
    records = [
        Record(new=streams("gaussian", 1)),
        Record(rows=[rows("gaussian", [(0, 0, values(0, 0)), (0, far, values(1, 0))])]),
        Record(rows=[rows("gaussian", [(0, 2 * far, values(2, 0))])]),
    ]
    found = Collected()
    for outputs in running.apply(list(enumerate(records, 1))):
        found.add(outputs)
    found.add(running.flush())
    qualities = [Quality(quality).reasons() for _, _, quality, _ in found.scores.values()]
    assert qualities == [["restart"], ["gap", "restart"], ["gap", "restart"]]


def test_a_new_stream_learns_from_its_past(tmp_path):
    """Nothing of the past goes out, and the first row behind it is scored as the next one."""
    running, length = engine(tmp_path), detector().metadata.warmup_steps + 5
    past = rows("gaussian", [(0, step, values(step, 0)) for step in range(length)])
    now = rows("gaussian", [(0, length, values(length, 0))])
    history = [(1, Record(new=streams("gaussian", 1), past=[past], rows=[now]))]
    found = Collected()
    for outputs in running.apply([(1, Record.decode(history[0][1].encode()))]):
        found.add(outputs)
    whole = Collected()
    all_rows = rows("gaussian", [(0, step, values(step, 0)) for step in range(length + 1)])
    for outputs in engine(tmp_path / "b").apply(
        [(1, Record(new=streams("gaussian", 1), rows=[all_rows]))]
    ):
        whole.add(outputs)
    (key,) = found.scores
    assert found.scores[key][3]
    np.testing.assert_allclose(found.scores[key][:2], whole.scores[key][:2], rtol=1e-5)


def test_a_model_that_fails_ends_nothing(tmp_path, monkeypatch):
    """It is said, its streams warm up again, and the next rows are scored."""
    said = []
    running = engine(tmp_path, said=said)
    first = [(1, Record(new=streams("gaussian", 2)))]
    first += [
        (2 + step, Record(rows=[rows("gaussian", [(0, step, values(step, 0))])]))
        for step in range(5)
    ]
    list(running.apply(first))

    def fail(*_):
        raise ModelFileError("The detector must give finite numbers.")

    monkeypatch.setattr(running.groups["gaussian"].batch, "push_many", fail)
    (outputs,) = running.apply(
        [(10, Record(rows=[rows("gaussian", [(0, 6, values(6, 0))])], time_ns=7))]
    )
    assert [notice.kind for notice in outputs.events] == ["hole"]
    assert "warm up again, their model failed" in said[-1][1]
    (outputs,) = running.apply([(11, Record(rows=[rows("gaussian", [(0, 7, values(7, 0))])]))])
    assert Quality(int(outputs.scored[0].quality[0])) == Quality.RESTART
    assert running.groups["gaussian"].names == ("plant/gaussian0", "plant/gaussian1")
