"""Limits beside the score."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.limit_tables import ChannelLimits
from runtime.gateway.rules.limits import Limits
from toys.rule_rows import SECOND, STREAMS, cut_rows, in_parts, moved

CHANNELS = ("temp", "flow")


def said(limits, temps, *, stream="p", start=0, step=1):
    """What changed, as phase and word at each row, and the rows at which `temp` is beyond."""
    times = (start + np.arange(len(temps)) * step) * SECOND
    values = np.array([[temp, 5.0] for temp in temps])
    changes, active = limits.update([stream] * len(temps), times, values)
    assert all(c.stream == stream and c.channel == "temp" for c in changes)
    assert not active[:, 1].any()
    letters = "".join(".x"[on] for on in active[:, 0].tolist())
    return [f"{c.row} {c.phase} {c.word}" for c in changes], letters


@pytest.mark.parametrize(
    ("options", "temps", "changes", "active"),
    [
        ({"high": 10}, [9, 10, 11, 12, 10, 9], ["2 start high", "4 end high"], "..xx.."),
        ({"low": 10}, [11, 10, 9, 10], ["2 start low", "3 end low"], "..x."),
        ({"high": 10, "deadband": 2}, [11, 9, 8, 9], ["0 start high", "2 end high"], "xx.."),
        ({"low": 10, "deadband": 2}, [9, 11, 12, 11], ["0 start low", "2 end low"], "xx.."),
        (
            {"high": 10, "high_high": 20, "deadband": 2},
            [11, 21, 19, 17, 9, 8],
            ["0 start high", "1 update high_high", "3 update high", "5 end high"],
            "xxxxx.",
        ),
        (
            {"low_low": 0, "low": 5, "high": 10},
            [-1, 3, 11, 7],
            ["0 start low_low", "1 update low", "2 update high", "3 end high"],
            "xxx.",
        ),
        ({"high": 10, "on_delay_s": 2}, [11, 9, 11, 11, 11, 9], ["4 start high", "5 end high"],
         "....x."),
        ({"high": 10, "off_delay_s": 2}, [11, 9, 11, 9, 9, 9], ["0 start high", "5 end high"],
         "xxxxx."),
        ({"high": 10, "on_delay_s": 2}, [11, math.nan, 11, math.nan], ["2 start high"], "..xx"),
        ({"high": 10}, [math.nan, math.inf, 11, math.nan, -math.inf, 9],
         ["2 start high", "5 end high"], "..xxx."),
    ],
)  # fmt: skip
def test_levels_deadband_and_delays(options, temps, changes, active):
    """What is on a limit is not beyond it; what is missing says nothing."""
    limits = Limits(CHANNELS, {"temp": ChannelLimits(**options)})
    assert said(limits, temps) == (changes, active)


def test_a_change_says_what_a_person_needs():
    """Value, limit, and when it began: before the delay."""
    limits = Limits(CHANNELS, {"flow": ChannelLimits(high=10, on_delay_s=2)})
    values = np.array([[0.0, 11.0], [0.0, 12.0], [0.0, 13.0]])
    (change,), _ = limits.update(["p"] * 3, np.arange(3) * SECOND, values)
    assert change == (2, "p", "flow", "start", "high", 2 * SECOND, 0, 13.0, 10.0)
    assert limits.open() == [("p", "flow", "high", 0)]


@pytest.mark.parametrize(
    ("event", "permits", "changes"),
    [
        ("always", [True, True], ["1 start high"]),
        ("only-with-score", [False, True], ["1 start high"]),
        ("off", [True, True], []),
    ],
)
def test_anomalies_may_need_a_limit(event, permits, changes):
    """Only with it, or without looking."""
    limits = Limits(CHANNELS, {"temp": ChannelLimits(high=10)}, event=event)
    found, active = limits.update(["p"] * 2, np.arange(2) * SECOND, np.array([[9.0, 0], [11, 0]]))
    assert limits.permits(active).tolist() == permits
    assert [f"{c.row} {c.phase} {c.word}" for c in found] == changes


def test_streams_may_have_limits_of_their_own():
    """By name or pattern, the last that fits; what was open ends where its limit is gone."""
    limits = Limits(CHANNELS, {"temp": ChannelLimits(high=10)})
    limits.override("q*", {"temp": ChannelLimits(high=20)})
    values = np.array([[15.0, 0.0]] * 3)
    changes, active = limits.update(["p", "q1", "q2"], np.arange(3) * SECOND, values)
    assert active[:, 0].tolist() == [True, False, False]
    limits.override("p", {})
    assert list(limits.overrides) == ["q*", "p"]
    (change,), _ = limits.update(["p"], np.array([9 * SECOND]), values[:1])
    assert (change.phase, change.word) == ("end", "high")
    assert math.isnan(change.limit)
    limits.override("p", None)
    limits.override("q*", None)
    changes, _ = limits.update(["p", "q1"], np.array([9, 9]) * SECOND, values[:2])
    assert [c.stream for c in changes] == ["p", "q1"]


@settings(deadline=None, max_examples=50)
@given(rows=cut_rows())
def test_any_split_gives_the_same(rows):
    """With states that went through JSON in between; each stream as if it were alone."""
    names, times, values, cuts = rows

    def make():
        limits = Limits(
            CHANNELS,
            {
                "temp": ChannelLimits(
                    low_low=-10, low=-1, high=10, high_high=20, deadband=2, on_delay_s=3,
                    off_delay_s=2,
                ),
                "flow": ChannelLimits(high=1),
            },
        )  # fmt: skip
        limits.override("r", {"temp": ChannelLimits(low=0, off_delay_s=4)})
        return limits

    whole = make()
    changes, active = whole.update(names, times, values)
    got, rule = in_parts(make, names, times, values, cuts)
    assert repr([c for a, part in got for c in moved(part[0], a)]) == repr(changes)
    np.testing.assert_array_equal(
        np.concatenate([active[:0], *(part[1] for _, part in got)]), active
    )
    assert sorted(rule.open()) == sorted(whole.open())
    for stream in STREAMS:
        mine = np.array([name == stream for name in names], np.bool_)
        alone, on = make().update([stream] * int(mine.sum()), times[mine], values[mine])
        assert [c[1:7] for c in alone] == [c[1:7] for c in changes if c.stream == stream]
        np.testing.assert_array_equal(on, active[mine])


def test_forgotten_streams_begin_anew():
    """And leave nothing open."""
    limits = Limits(CHANNELS, {"temp": ChannelLimits(high=10)})
    said(limits, [11])
    limits.forget(["p", "none"])
    assert limits.open() == []
    assert said(limits, [11], start=5)[0] == ["0 start high"]


def test_limits_of_other_channels_are_refused():
    """And other kinds of events."""
    with pytest.raises(ConfigError, match="'speed'"):
        Limits(CHANNELS, {"speed": ChannelLimits(high=1)})
    with pytest.raises(ConfigError, match="only-with-score, always or off"):
        Limits(CHANNELS, {}, event="sometimes")


def test_other_states_are_refused():
    """And nothing has changed."""
    limits = Limits(CHANNELS, {"temp": ChannelLimits(high=10)})
    said(limits, [11])
    before = limits.state()
    for wrong in (
        None, {}, {**before, "x": 1}, {**before, "level": "!"}, {**before, "level": "CQk="},
        {**before, "streams": ["p", "p"]}, {**before, "streams": [5]}, {**before, "since": "AAAA"},
        {**before, "next": "AgI="},
    ):  # fmt: skip
        with pytest.raises(InputError, match="must continue"):
            limits.restore(wrong)
    assert limits.state() == before
