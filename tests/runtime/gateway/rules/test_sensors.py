"""Faults of sensors."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.sensors import SensorRules, Sensors
from toys.rule_rows import SECOND, STREAMS, cut_rows, in_parts, moved

CHANNELS = ("temp", "flow")
NAN = math.nan


def said(sensors, temps, *, stream="p", start=0, step=1):
    """What changed, as phase and fault at each row, and the rows at which `temp` is masked."""
    times = (start + np.arange(len(temps)) * step) * SECOND
    values = np.array([[temp, 5.0] for temp in temps])
    masked, faulty, changes = sensors.update([stream] * len(temps), times, values)
    np.testing.assert_array_equal(np.isnan(masked), faulty | np.isnan(values))
    np.testing.assert_array_equal(masked[~faulty], values[~faulty])
    assert not faulty[:, 1].any()
    return (
        [f"{c.row} {c.phase} {c.fault}" for c in changes],
        "".join(".x"[on] for on in faulty[:, 0].tolist()),
    )


@pytest.mark.parametrize(
    ("options", "temps", "changes", "faulty"),
    [
        ({"high": 10}, [9, 10, 11, 9], ["2 start range", "3 end range"], "..x."),
        ({"low": 0}, [1, -1, NAN, 1], ["1 start range", "3 end range"], ".xx."),
        ({"stuck_s": 3}, [1, 2, 2, 2, 2, 2, 3], ["4 start stuck", "6 end stuck"], "....xx."),
        ({"stuck_s": 4}, [2, 2, NAN, 2, 2], ["4 start stuck"], "....x"),
        ({"stuck_s": 3, "still_s": 4}, [2, 2, 2, 2, 2], ["4 start stuck"], "....x"),
        ({"stuck_s": 3, "stuck_band": 0.5}, [2, 2.5, 1.5, 2, 3], ["3 start stuck", "4 end stuck"],
         "...x."),
        ({"stuck_s": 3, "stuck_band": 0.5}, [2, 2.4, 2.8, 3.2, 3.6], [], "....."),
        ({"rate_per_s": 5}, [1, 6, 12, 13], ["2 start rate", "3 end rate"], "..x."),
        ({"rate_per_s": 5}, [1, 90, 1, 2], ["1 start rate", "3 end rate"], ".xx."),
        ({"rate_per_s": 5}, [1, NAN, 11, NAN, NAN, 27], ["5 start rate"], ".....x"),
        ({"silent_s": 2}, [1, NAN, NAN, NAN, 1], ["2 start silent", "4 end silent"], "..xx."),
        ({"silent_s": 2}, [NAN, NAN, NAN, 1], ["2 start silent", "3 end silent"], "..x."),
        ({"high": 10, "release_s": 2}, [11, 9, 11, 9, 8, 9, 8],
         ["0 start range", "5 end range"], "xxxxx.."),
        ({"high": 10, "release_s": 2}, [11, 9, NAN, 9, 8], ["0 start range", "3 end range"],
         "xxx.."),
        ({"high": 10, "stuck_s": 2}, [11, 11, 9, 9, 9],
         ["0 start range", "2 end range", "4 start stuck"], "xx..x"),
        ({"high": 10, "silent_s": 1}, [11, NAN, 9],
         ["0 start range", "1 update silent", "2 end silent"], "xx."),
        ({}, [1e9, 1e9, NAN], [], "..."),
    ],
)  # fmt: skip
def test_faults(options, temps, changes, faulty):
    """When each begins and ends."""
    assert said(Sensors(CHANNELS, {"temp": SensorRules(**options)}), temps) == (changes, faulty)


def test_a_night_between_two_rows_is_no_stuck_sensor():
    """Neither is a stop of the machine that was said, nor does it make a jump."""
    sensors = Sensors(CHANNELS, {"temp": SensorRules(stuck_s=10, rate_per_s=1)})
    assert said(sensors, [2, 2, 2])[0] == []
    assert said(sensors, [2, 2], start=1000)[0] == []
    sensors.pause(["p", "unknown"])
    assert said(sensors, [90, 90], start=1002)[0] == []
    assert sensors.open() == []


def test_a_change_says_since_when():
    """Stuck since its first row, silent since its last value."""
    rules = {"temp": SensorRules(stuck_s=3), "flow": SensorRules(silent_s=2)}
    sensors = Sensors(CHANNELS, rules)
    values = np.array([[0.0, 5.0], [2.0, NAN], [2.0, NAN], [2.0, NAN], [2.0, NAN]])
    _, _, changes = sensors.update(["p"] * 5, np.arange(5) * SECOND, values)
    assert changes[0][:7] == (2, "p", "flow", "start", "silent", 2 * SECOND, 0)
    assert math.isnan(changes[0].value)
    assert changes[1] == (4, "p", "temp", "start", "stuck", 4 * SECOND, SECOND, 2.0)
    assert sensors.open() == [("p", "temp", "stuck", SECOND), ("p", "flow", "silent", 0)]
    sensors.forget(["p"])
    assert sensors.open() == []


@settings(deadline=None, max_examples=50)
@given(rows=cut_rows())
def test_any_split_gives_the_same(rows):
    """With states that went through JSON in between; each stream as if it were alone."""
    names, times, values, cuts = rows

    def make():
        return Sensors(
            CHANNELS,
            {
                "temp": SensorRules(low=-10, high=20, rate_per_s=3, release_s=2),
                "flow": SensorRules(stuck_s=5, stuck_band=1, silent_s=3, release_s=3),
            },
        )

    whole = make()
    masked, faulty, changes = whole.update(names, times, values)
    got, rule = in_parts(make, names, times, values, cuts)
    assert repr([c for a, part in got for c in moved(part[2], a)]) == repr(changes)
    for place, expected in ((0, masked), (1, faulty)):
        parts = [values[:0], *(part[place] for _, part in got)]
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert sorted(rule.open()) == sorted(whole.open())
    for stream in STREAMS:
        mine = np.array([name == stream for name in names], np.bool_)
        _, alone, _ = make().update([stream] * int(mine.sum()), times[mine], values[mine])
        np.testing.assert_array_equal(alone, faulty[mine])


class OneByOne:
    """The documented semantics of one channel, row by row, without any attention to speed."""

    def __init__(self, rules):
        self.rules, self.fault, self.good_s = rules, "", None
        self.last = self.last_s = self.same = self.same_s = None

    def found(self, now, value):
        rules, known = self.rules, math.isfinite(value)
        passed = 0 if self.last_s is None else now - self.last_s
        if known:
            is_same = self.same is not None and abs(value - self.same) <= rules.stuck_band
            if not is_same or not 0 <= passed <= (rules.stuck_s or math.inf) / 2:
                self.same, self.same_s = value, now
            if not (rules.low or -math.inf) <= value <= (rules.high or math.inf):
                return "range"
            is_step = rules.rate_per_s and self.last is not None and passed > 0
            if is_step and abs(value - self.last) > rules.rate_per_s * passed:
                return "rate"
            if rules.stuck_s and now - self.same_s >= rules.stuck_s:
                return "stuck"
        elif rules.silent_s and passed >= rules.silent_s:
            return "silent"
        return ""

    def take(self, now, value):
        found, known = self.found(now, value), math.isfinite(value)
        if known or self.last_s is None:
            self.last, self.last_s = (value if known else None), now
        if found:
            self.fault, self.good_s = found, None
        elif known and self.fault:
            if self.good_s is None or self.good_s > now:
                self.good_s = now
            if now - self.good_s >= self.rules.release_s:
                self.fault, self.good_s = "", None
        return self.fault


@settings(deadline=None, max_examples=50)
@given(
    rows=cut_rows(),
    rules=st.builds(
        SensorRules,
        low=st.sampled_from([None, -10]),
        high=st.sampled_from([None, 10]),
        stuck_s=st.sampled_from([None, 2, 6]),
        stuck_band=st.sampled_from([0, 1]),
        rate_per_s=st.sampled_from([None, 3]),
        silent_s=st.sampled_from([None, 2]),
        release_s=st.sampled_from([0, 3]),
    ),
)
def test_faults_are_those_of_a_row_by_row_reading(rows, rules):
    """Whatever the values, gaps and clocks set back."""
    names, times, values, _ = rows
    sensors = Sensors(CHANNELS, {"temp": rules})
    _, faulty, changes = sensors.update(names, times, values)
    alone = {name: OneByOne(rules) for name in STREAMS}
    expected = [
        alone[name].take(time // SECOND, value)
        for name, time, value in zip(names, times.tolist(), values[:, 0].tolist(), strict=True)
    ]
    assert faulty[:, 0].tolist() == [bool(fault) for fault in expected]
    assert all(change.fault == expected[change.row] for change in changes if change.phase != "end")
    now = {name: one.fault for name, one in alone.items() if one.fault}
    assert {name: fault for name, _, fault, _ in sensors.open()} == now


@pytest.mark.parametrize(
    "options",
    [{"stuck_s": 0}, {"stuck_s": True}, {"silent_s": math.inf}, {"rate_per_s": -1}, {"low": NAN},
     {"low": 3, "high": 3}, {"release_s": -1}, {"stuck_band": "1"}, {"still_s": 1e12}],
)  # fmt: skip
def test_rules_are_checked(options):
    """In a line."""
    with pytest.raises(ConfigError, match=r"must be .*Received"):
        SensorRules(**options)


def test_rules_of_other_channels_are_refused():
    """By name."""
    with pytest.raises(ConfigError, match="'speed'"):
        Sensors(CHANNELS, {"speed": SensorRules(high=1)})


def test_other_states_are_refused():
    """And nothing has changed."""
    sensors = Sensors(CHANNELS, {"temp": SensorRules(high=10)})
    said(sensors, [11])
    before = sensors.state()
    for wrong in (None, {**before, "fault": "CQk="}, {**before, "last": before["fault"]}):
        with pytest.raises(InputError, match="must continue"):
            sensors.restore(wrong)
    assert sensors.state() == before
