"""Whether machines run, row by row."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.running import Running, RunningRule, Verdict

SECOND = 10**9
CHANNELS = ("speed", "flow")


def judged(machine, speeds, *, stream="p", start=0, step=1):
    """Verdicts of rows a second apart, as a word of letters: s core, t stop, k skip, r resume."""
    times = (start + np.arange(len(speeds)) * step) * SECOND
    values = np.array([[speed, 1.0] for speed in speeds])
    found = machine.judge([stream] * len(speeds), times, values)
    return "".join("stkr"[verdict] for verdict in found)


@pytest.mark.parametrize(
    ("options", "speeds", "expected"),
    [
        ({}, [9, 9, 0, 0, 9, 9], "sstkrs"),
        ({}, [0, 0, 9], "tkr"),
        ({"on_delay_s": 2}, [9, 0, 9, 9, 9, 9], "stkkrs"),
        ({"on_delay_s": 2}, [0, 9, 0, 9, 9, 9], "tkkkkr"),
        ({"off_delay_s": 2}, [9, 0, 0, 0, 0, 9], "ssstkr"),
        ({"off_delay_s": 2}, [9, 0, 0, 9, 0, 0], "ssssss"),
        ({}, [9, np.nan, 0, np.nan, 9], "sstkr"),
        ({"unknown": "off"}, [9, np.nan, 0, np.nan, 9], "stkkr"),
        ({"unknown": "on"}, [9, np.nan, 0, np.nan, 9], "sstrs"),
    ],
)
def test_verdicts(options, speeds, expected):
    """With delays, and where the signal is missing."""
    machine = Running(RunningRule(signal="speed > 1", **options), CHANNELS)
    assert judged(machine, speeds) == expected


def test_a_row_far_from_the_one_before_waits_for_another():
    """A stamp of 2036 after a stop resumes nothing."""
    machine = Running(RunningRule(signal="speed > 1", near_s=3), CHANNELS)
    assert judged(machine, [9, 0]) == "st"
    assert judged(machine, [9], start=10**8) == "k"
    assert judged(machine, [9, 9], start=4000) == "kr"
    assert judged(machine, [0, 9], start=4002) == "tr"


def test_a_reading_beside_the_channels_holds_until_it_comes_again():
    """As devices send a state on change only."""
    machine = Running(RunningRule(signal="on"), CHANNELS)
    assert machine.extras == ("on",)
    assert judged(machine, [1, 1]) == "ss"
    machine.hear("p", {"on": 0.0, "other": 3})
    machine.hear("q", {"on": 1.0})
    assert judged(machine, [1, 1], start=2) == "tk"
    assert judged(machine, [1, 1], stream="q") == "ss"
    assert machine.stopped == ("p",)
    machine.hear("p", {"on": 1.0})
    assert judged(machine, [1], start=4) == "r"
    assert machine.stopped == ()


def test_a_person_has_the_last_word():
    """Until the signal counts again."""
    machine = Running(RunningRule(signal="speed > 1"), CHANNELS)
    machine.override("p", "off")
    assert machine.overrides == {"p": False}
    assert judged(machine, [9, 9]) == "tk"
    machine.override("p", "on")
    assert judged(machine, [0, 0], start=2) == "rs"
    machine.override("p", "signal")
    assert judged(machine, [0, 0], start=4) == "tk"
    machine.override("*", "off")
    machine.override("q*", "on")
    assert judged(machine, [9], stream="z") == "t"
    assert judged(machine, [0], stream="q1") == "s"
    with pytest.raises(ConfigError, match="on, off"):
        machine.override("p", "up")


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("pqr"),
            st.integers(-3, 40),
            st.sampled_from([0.0, 9.0, np.nan]),
        ),
        max_size=40,
    ),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    delays=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 10)),
)
def test_any_split_gives_the_same(rows, cuts, delays):
    """With states that went through JSON in between, of some streams at a time."""
    on, off, near = delays
    rule = RunningRule(signal="speed > 1 or on", on_delay_s=on, off_delay_s=off, near_s=near)
    names = [name for name, _, _ in rows]
    times = np.cumsum([step for _, step, _ in rows]).astype(np.int64) * SECOND
    values = np.array([[speed, 0.0] for _, _, speed in rows]).reshape(-1, 2)

    def new():
        machine = Running(rule, CHANNELS)
        machine.hear("q", {"on": 0.0})
        machine.override("r", "off")
        return machine

    whole = new()
    expected = whole.judge(names, times, values)
    machine, got = new(), []
    for a, b in pairwise(sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})):
        got += machine.judge(names[a:b], times[a:b], values[a:b]).tolist()
        first, second = machine.state(["p"]), machine.state(["q", "r"])
        machine = Running(rule, CHANNELS)
        for part in (second, first):
            machine.restore(json.loads(json.dumps(part, allow_nan=False)))
    assert got == expected.tolist()
    assert len(got) == len(rows)
    if rows:
        assert machine.state(list("pqr")) == whole.state(list("pqr"))
        stopped = {name for name in "pqr" if name in whole.stopped}
        last = dict(zip(names, got, strict=True))
        off_verdicts = (Verdict.STOP, Verdict.SKIP)
        assert stopped == {name for name, verdict in last.items() if verdict in off_verdicts}


def test_forgotten_streams_begin_anew():
    """What a person said stays."""
    machine = Running(RunningRule(signal="speed > 1"), CHANNELS)
    judged(machine, [0])
    machine.override("q", "off")
    machine.forget(["p", "q", "none"])
    assert machine.stopped == ()
    assert judged(machine, [9]) == "s"
    assert judged(machine, [9], stream="q") == "t"


@pytest.mark.parametrize(
    "options",
    [{"signal": "5"}, {"on_delay_s": -1}, {"off_delay_s": np.nan}, {"near_s": True},
     {"unknown": "maybe"}, {"on_delay_s": "2"}],
)  # fmt: skip
def test_rules_are_checked(options):
    """In a line that says what was expected."""
    with pytest.raises(ConfigError, match="must"):
        RunningRule(**{"signal": "speed > 1", **options})


@pytest.mark.parametrize(
    "state",
    [None, {}, {"odd": {}, "known": {}}, {"odd": [], "known": {}, "overrides": {}},
     {"odd": {"p": [1, None, 0, None]}, "known": {}, "overrides": {}},
     {"odd": {"p": [True, None, None, None]}, "known": {}, "overrides": {}},
     {"odd": {"p": [True, 2**63, 0, None]}, "known": {}, "overrides": {}},
     {"odd": {}, "known": {"p": {"on": []}}, "overrides": {}},
     {"odd": {}, "known": {"p": {"x": 1}}, "overrides": {}},
     {"odd": {}, "known": {}, "overrides": {"p": 1}}],
)  # fmt: skip
def test_other_states_are_refused(state):
    """And nothing has changed."""
    machine = Running(RunningRule(signal="on"), CHANNELS)
    before = machine.state()
    with pytest.raises(InputError, match="must continue"):
        machine.restore(state)
    assert machine.state() == before
