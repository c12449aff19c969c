"""Which scores are published."""

import math

import numpy as np
import pytest

from runtime.gateway.samples import Quality
from runtime.gateway.sinks.options import Publishing
from runtime.gateway.sinks.selection import Selection
from toys.gateway_outputs import SECOND, T0, scored


def chosen(selection, *rows):
    return [selection.chosen(one).tolist() for one in rows]


@pytest.mark.parametrize("policy", ["every", "array"])
def test_all_of_them(policy):
    selection = Selection(Publishing(scores=policy))
    assert chosen(selection, scored(["a", "b", "b"])) == [[0, 1, 2]]


def test_every_third_of_each_stream():
    selection = Selection(Publishing(scores="nth", n=3))
    ticks = [scored(["a"]), scored(["a", "b"]), scored(["a", "a", "b"])]
    assert chosen(selection, *ticks) == [[0], [1], [1]]


def test_a_change_of_alarm_quality_warmth_or_severity_goes_out():
    selection = Selection(Publishing(scores="change", step=0.5))
    steps = [
        ({"severity": 1.0, "alarm": False}, True),
        ({"severity": 1.4, "alarm": False}, False),
        ({"severity": 1.6, "alarm": False}, True),
        ({"severity": 1.6, "alarm": True}, True),
        ({"severity": 1.6, "alarm": True, "quality": Quality.GAP}, True),
        ({"severity": 1.6, "alarm": True, "quality": Quality.GAP}, False),
        ({"severity": 1.6, "alarm": True}, True),
        ({"severity": 1.6, "alarm": True, "warm": False}, True),
        ({"severity": math.nan, "alarm": True, "warm": False}, True),
        ({"severity": math.nan, "alarm": True, "warm": False}, False),
        ({"severity": math.inf, "alarm": True, "warm": False}, True),
        ({"severity": math.inf, "alarm": True, "warm": False}, False),
    ]
    found = [bool(chosen(selection, scored(["a"], **step))[0]) for step, _ in steps]
    assert found == [expected for _, expected in steps]


def test_slow_drift_adds_up():
    """Severity is compared with what went out last, not with the sample before."""
    selection = Selection(Publishing(scores="change", step=0.5))
    severity = np.arange(20) * 0.2
    rows = scored(["a"] * 20, severity=severity, times=T0 + np.arange(20) * SECOND)
    assert selection.chosen(rows).tolist() == [0, 3, 6, 9, 12, 15, 18]


def test_a_heartbeat_by_the_samples_time():
    selection = Selection(Publishing(scores="change", heartbeat_s=60))
    times = T0 + np.array([0, 30, 59, 60, 119, 120, 90]) * SECOND
    rows = scored(["a"] * 7, times=times)
    assert selection.chosen(rows).tolist() == [0, 3, 5, 6]


def test_streams_do_not_touch_each_other_and_can_be_forgotten():
    selection = Selection(Publishing(scores="change"))
    assert chosen(selection, scored(["a", "b"]), scored(["a", "b"])) == [[0, 1], []]
    selection.forget("a")
    assert chosen(selection, scored(["a", "b"])) == [[0]]
