"""Whatever happens, in whatever parts: the same scores and events."""

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.engine import Engine
from runtime.gateway.engine.group import Group
from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.engine.swap import warm_up
from runtime.gateway.records import Record
from toys.engines import START_NS, Collected, detector, rows, streams
from toys.histories import COUNT, MODELS, NAMES, histories, settings_of, values

AGAIN = re.compile("warms? up again")
LIBRARY = {detector(name).metadata.identity: detector(name) for name in MODELS}


def engine(folder, history, said):
    """With a journal: what comes behind a record is not read before it."""
    return Engine(
        LIBRARY,
        settings_of("gaussian", 0, reorder=2),
        aside=Aside(folder / "aside"),
        trouble=lambda kind, text: said.append((kind, text)),
        history=lambda after, upto: [one for one in history if after < one[0] <= upto],
    )


class Everything(Collected):
    """Also answers, and what changed of streams, by stream."""

    def __init__(self):
        super().__init__()
        self.others = {}

    def add(self, outputs):
        super().add(outputs)
        for kind in ("states", "online", "running", "answers"):
            for name, *what in getattr(outputs, kind):
                self.others.setdefault((kind, name), []).append(what)
        for name in outputs.gone:
            self.others.setdefault(("gone", name), []).append(1)
        return self

    def equals(self, other):
        assert super().equals(other)
        assert self.others == other.others
        return True


def run(running, history):
    found = Everything()
    for outputs in running.apply(history):
        found.add(outputs)
    return found


def prepare(running, history, upto):
    """Warms the model of the next settings up beside the old one, as the swapper does."""
    for sequence, record in history:
        if sequence > running.sequence and record.settings is not None:
            one = EngineSettings.from_json(record.settings).models["gaussian"]
            if one.identity == running.groups["gaussian"].detector.metadata.identity:
                return
            group = Group("gaussian", LIBRARY[one.identity], one)
            seen = [pair for pair in history if pair[0] <= min(upto, running.sequence)]
            last = warm_up(group, seen, dict(running.registry))
            running.prepared[one.identity] = (group, max(last, 0))
            return


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories(), data=st.data())
def test_any_split_and_any_restart_give_the_same(history, data, tmp_path_factory):
    """People, reloads, swaps, evictions: one by one, all at once, over snapshots and replays."""
    folder, said = tmp_path_factory.mktemp("engine"), []
    one_by_one, alone = engine(folder / "a", history, said), Everything()
    for pair in history:
        for outputs in one_by_one.apply([pair]):
            alone.add(outputs)
    assert run(engine(folder / "b", history, said), history).equals(alone)

    cuts = sorted({0, len(history), *data.draw(st.lists(st.integers(0, len(history)), max_size=4))})
    running, over = engine(folder / "c", history, said), Everything()
    for first, last in pairwise(cuts):
        if data.draw(st.booleans()):
            prepare(running, history, data.draw(st.integers(0, len(history))))
        for outputs in running.apply(history[first:last]):
            over.add(outputs)
        parts = list(running.snapshot())
        # What came after the snapshot is lost with the process, and comes again from the journal.
        for _ in running.apply(history[last : last + 3]):
            pass
        running = engine(folder / "c", history, said)
        running.restore(parts)
        assert running.sequence == (history[last - 1][0] if last else 0)
    assert over.equals(alone)
    assert all(AGAIN.search(text) for _, text in said)


def _rows(*steps):
    return Record(rows=[rows("gaussian", [(0, step, values(step, 0)) for step in steps])])


def _set(number, model="gaussian"):
    return Record(settings=settings_of(model, number).to_json())


_EVICTED = Record(evicted=NAMES[:1])
_BACK = Record(restored=NAMES[:1], rows=_rows(3).rows)
_OTHER_GAP, _OTHER_REORDER, _RUNNING = 8, 9, 6


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        # Another grid begins anew, and the newest row comes again.
        ([_rows(1, 2, 3), _set(_OTHER_GAP), _rows(3, 4)], [1, 2, 3, 4]),
        ([_rows(1, 2, 3), _set(_OTHER_REORDER), _rows(3), _rows(2, 3, 5)], [1, 2, 3, 5]),
        # The settings change back before anything new came.
        ([_rows(1, 2, 3), _set(_OTHER_GAP), _set(0), _rows(3, 4)], [1, 2, 3, 4]),
        # The old one waits for 3 with 4 in hand, and the other does not, or the other way round.
        ([_rows(1, 2, 4), _set(_OTHER_REORDER, "memory"), _rows(4, 5)], [1, 2, 3, 4, 5]),
        ([_set(_OTHER_REORDER), _rows(1, 2, 4), _set(0, "memory"), _rows(4, 5)], [1, 2, 3, 4, 5]),
        # While it is put aside, its grid or its model changes.
        ([_rows(1, 2, 3), _EVICTED, _set(_OTHER_GAP), _BACK, _rows(4)], [1, 2, 3, 4]),
        ([_rows(1, 2, 3), _set(0, "memory"), _EVICTED, _BACK, _rows(4)], [1, 2, 3, 4]),
        ([_rows(1, 2, 3), _EVICTED, _set(0, "memory"), _BACK, _rows(4)], [1, 2, 3, 4]),
        # A rule of the other one would have left rows out.
        ([_rows(*range(1, 60)), _set(_RUNNING, "memory"), _rows(59)], range(1, 60)),
    ],
)
def test_no_step_comes_out_twice_and_none_is_lost_whatever_lies_between(
    records, expected, tmp_path
):
    """Rows come again behind settings, models and evictions; at any of them there is a restart."""
    begin = Record(new=streams("gaussian", COUNT), started=True)
    history = list(enumerate([begin, *records], 1))
    alone = run(engine(tmp_path / "a", history, []), history)
    period = detector().metadata.period_ns
    came = [(NAMES[0], START_NS + step * period) for step in expected]
    assert list(alone.scores) == came
    for cut in range(len(history) + 1):
        before, over = engine(tmp_path / f"b{cut}", history, []), Everything()
        for outputs in before.apply(history[:cut]):
            over.add(outputs)
        after = engine(tmp_path / f"b{cut}", history, [])
        after.restore(list(before.snapshot()))
        for outputs in after.apply(history[cut:]):
            over.add(outputs)
        assert over.equals(alone)


def test_a_machine_that_stops_and_runs_again_in_one_call_is_told_of_in_order(tmp_path):
    """An event that its stop ends has no step behind it; rows at either time come twice."""
    begin = Record(new=streams("gaussian", 1), settings=settings_of("gaussian", _RUNNING).to_json())
    machine = {0: 20.0, 1: 50.0, 2: 0.0, 3: 50.0, 4: 0.0, 5: 20.0}  # by tens of steps, `a`
    steps = [step for step in range(60) for _ in range(1 + (step % 10 in (0, 9)))]
    samples = [(0, step, [machine[step // 10] + step % 3 / 10, 20.0]) for step in steps]
    one_by_one = [Record(rows=[rows("gaussian", [sample])]) for sample in samples]
    history = list(enumerate([begin, *one_by_one], 1))
    alone, running = Everything(), engine(tmp_path / "a", history, [])
    for pair in history:
        for outputs in running.apply([pair]):
            alone.add(outputs)
    for first in (2, 15, 35):
        together = engine(tmp_path / f"b{first}", history, [])
        found = run(together, history[:first])
        for outputs in together.apply(history[first:]):
            found.add(outputs)
        assert found.equals(alone)
    assert alone.others["running", NAMES[0]] == [[False], [True]] * 2
    period = detector().metadata.period_ns
    came = [(time - START_NS) // period for _, time in alone.scores]
    assert came == [step for step in range(60) if step // 10 not in (2, 4)]
    assert [event.phase for event in alone.events][-1] == "end"


def test_a_row_that_comes_again_behind_other_settings_counts_as_repeated(tmp_path):
    history = [(1, Record(new=streams("gaussian", 1))), (2, _rows(1, 2, 3))]
    history += [(3, _set(_OTHER_GAP)), (4, _rows(2, 3, 4))]
    running = engine(tmp_path, history, [])
    run(running, history)
    counts = running.groups["gaussian"].batch.counts_of(NAMES[0])
    assert (counts.received, counts.repeated, counts.restarts) == (6, 2, 0)


def test_limits_of_a_stream_that_is_put_aside_hold_after_a_restart(tmp_path):
    """So do all other orders: one that means nobody who is there is no reason to lose them."""
    limits = {"command": "limits", "streams": NAMES[0], "limits": {"a": {"high": 30.0}}}
    mute = {"command": "mute", "streams": NAMES[1], "channel": "", "rest_s": None,
            "until_ns": None, "why": ""}  # fmt: skip
    who = {"id": "c", "origin": "test", "time_ns": 0, "by": ""}
    history = [(1, Record(new=streams("gaussian", 2))), (2, _rows(1))]
    history += [(3, Record(commands=[{**limits, **who}, {**mute, **who}])), (4, _EVICTED)]
    said = []
    before, after = (engine(tmp_path, history, said) for _ in range(2))
    run(before, history)
    after.restore(list(before.snapshot()))
    assert said == []
    assert after.orders.state() == before.orders.state()
    faults = [step for step in range(80) if step % 41 > 36]
    back = (5, Record(restored=NAMES[:1], rows=_rows(2, 3, *faults[:4]).rows))
    events = [[(e.kind, e.time_ns) for e in run(one, [back]).events] for one in (before, after)]
    assert events[0] == events[1]
    assert "limit" in [kind for kind, _ in events[0]]


@pytest.mark.parametrize("number", range(10))
def test_settings_are_the_same_after_json(number):
    """A restart compares them with those of the configuration."""
    made = settings_of("gaussian", number)
    record = Record.decode(Record(settings=made.to_json()).encode())
    assert EngineSettings.from_json(record.settings).to_json() == made.to_json()
