"""A snapshot that is cut a part at a time, while rows go on, is as one that is cut at once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.gateway.engine import cut as subject
from runtime.gateway.records import NewStream, Record
from toys.engines import Collected, detector, engine, rows, streams
from toys.histories import histories, values


@pytest.fixture(autouse=True)
def _one_stream_a_part(monkeypatch):
    monkeypatch.setattr(subject, "_STREAMS", 1)


def started(folder, count=3, **options):
    running = engine(folder, **options)
    list(running.apply([(1, Record(new=streams("gaussian", count)))]))
    return running


def step(number, count=3):
    return Record(rows=[rows("gaussian", [(s, number, values(number, s)) for s in range(count)])])


def run(running, records):
    found = Collected()
    for outputs in running.apply(records):
        found.add(outputs)
    return found


def test_each_part_says_from_which_record_it_goes_on(tmp_path):
    """Rows that came between them are parts too; who continues is where the last part is."""
    running = started(tmp_path / "a")
    cut, parts = running.cut(), []
    for number in range(2, 40):
        run(running, [(number, step(number))])
        if not cut.is_whole:
            parts += cut.next()
    names = [part.name for part in parts]
    assert [name.split("@")[0] for name in names if "@" in name] == [
        "streams/0", "streams/1", "streams/2",
    ]  # fmt: skip
    assert names[-1] == "engine"
    assert {name.split("/")[0] for name in names} == {"streams", "rows", "engine"}
    begun = {part.sequence for part in parts if part.name.startswith("streams/")}
    assert len(begun) == 3
    again = engine(tmp_path / "b")
    again.restore([(part.name, part.blob) for part in parts])
    assert again.sequence == parts[-1].sequence
    behind = [(number, step(number)) for number in range(again.sequence + 1, 60)]
    alone = started(tmp_path / "c")
    run(alone, [(number, step(number)) for number in range(2, again.sequence + 1)])
    assert run(again, behind).equals(run(alone, behind))


def test_streams_that_come_and_go_meanwhile(tmp_path):
    """One is put aside after it was cut, one comes back, one is new."""
    names = [one.name for one in streams("gaussian", 4)]
    history = [(n, step(n)) for n in range(2, 10)]
    history += [(10, Record(evicted=[names[2]]))]
    history += [(n, step(n, 2)) for n in range(11, 20)]
    cut_at = 13
    late = [
        (20, Record(evicted=[names[0]])),
        (21, Record(restored=[names[2]], rows=[rows("gaussian", [(2, 21, values(21, 2))])])),
        (22, Record(new=[NewStream(3, names[3], "gaussian")])),
        (23, step(23, 4)),
        (24, step(24, 4)),
    ]
    running = started(tmp_path / "a")
    run(running, [pair for pair in history if pair[0] <= cut_at])
    cut = running.cut()
    parts = [*cut.next(), *cut.next()]
    for pair in [*history, *late]:
        if pair[0] > cut_at:
            run(running, [pair])
    parts += list(cut)
    behind = [(n, step(n, 4)) for n in range(25, 50)]
    again = engine(tmp_path / "a")
    again.restore([(part.name, part.blob) for part in parts])
    assert set(again.groups["gaussian"].names) == set(running.groups["gaussian"].names)
    assert run(again, behind).equals(run(running, behind))


@pytest.mark.parametrize(
    "record",
    [
        Record(settings={}),
        Record(
            commands=[
                {"command": "threshold", "id": "1", "origin": "t", "time_ns": 0, "by": "",
                 "streams": "*", "threshold": 1.0, "false_alarms": None}
            ]
        ),
    ],
    ids=["settings", "threshold"],
)  # fmt: skip
def test_what_changes_streams_beside_their_rows_is_known(tmp_path, record):
    """Such a cut is given up, and another begun."""
    running = started(tmp_path)
    if record.settings is not None:
        record = Record(settings=running.settings.to_json())
    cut = running.cut()
    run(running, [(2, step(2))])
    assert cut.is_sound
    run(running, [(3, record)])
    assert not cut.is_sound
    assert running.cut().is_sound


def test_a_part_is_bounded_by_bytes_too(tmp_path, monkeypatch):
    """A large state is a part of its own."""
    monkeypatch.setattr(subject, "_STREAMS", 64)
    size = 4 * detector().metadata.state_size
    monkeypatch.setattr(subject, "_BYTES", 2 * size)
    running = started(tmp_path, count=5)
    assert [name.split("@")[0] for name, _ in running.snapshot()] == [
        "streams/0", "streams/1", "streams/2", "engine",
    ]  # fmt: skip


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[
        HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture,
    ],
)  # fmt: skip
@given(history=histories(), data=st.data())
def test_any_cut_of_any_history_continues_the_same(history, data, tmp_path_factory):
    """Wherever it begins, however the parts lie between the records."""
    folder = tmp_path_factory.mktemp("engine")
    history = [
        (n, r) for n, r in history
        if r.settings is None or r.settings["models"]["gaussian"]["identity"]
        == detector().metadata.identity
    ]  # fmt: skip
    begin = data.draw(st.integers(0, len(history)))
    running = engine(folder / "a")
    run(running, history[:begin])
    cut, parts = running.cut(), []
    at = begin
    while at < len(history) and not cut.is_whole:
        for _ in range(data.draw(st.integers(0, 2))):
            if not cut.is_whole:
                parts += cut.next()
        if cut.is_whole:
            break
        run(running, history[at : at + 1])
        at += 1
        if not cut.is_sound:
            cut, parts = running.cut(), []
    parts += list(cut)
    behind = history[at:]
    again = engine(folder / "a")
    again.restore([(part.name, part.blob) for part in parts])
    assert again.sequence == running.sequence
    assert run(again, behind).equals(run(running, behind))
