"""What thresholds promise, for metrics."""

import pytest

from runtime.gateway.operate.promises import Promises
from runtime.model.policy import AlarmPolicy
from toys.onnx_files import metadata
from toys.severities import autoregressive, calibration_rows

PLAIN = AlarmPolicy()
EXPECTED = {"level": 0.8, "events_per_week": [6, 4, 9], "time_share": [0.01, 0.005, 0.02]}


def test_a_budget_of_events_is_its_own_promise():
    """Events as the budget has them; the time in them as the file says."""
    meta = metadata(calibration={"expected": EXPECTED})
    assert Promises({}).of("a", meta, PLAIN) == (pytest.approx(7), 0.01)


def test_another_budget_or_policy_is_another_promise():
    """Found from the calibration rows; each model has its own."""
    severest = calibration_rows(autoregressive(20_000)).to_dict()
    meta = metadata(calibration={"expected": EXPECTED, "severest": severest})
    promises = Promises({"b": "2 % of time"})
    events, time = promises.of("b", meta, PLAIN)
    assert time == 0.02
    assert events > 7
    rarer, _ = promises.of("b", meta, AlarmPolicy(refractory_steps=500))
    assert rarer < events
    assert promises.of("a", meta, PLAIN).time == 0.01
    assert promises.of("a", meta, AlarmPolicy(refractory_steps=500)).time != 0.01


def test_a_file_without_calibration_rows_promises_its_budget_alone():
    """Of the rest nothing is known."""
    assert Promises({}).of("a", metadata(), PLAIN) == (pytest.approx(7), 0.0)
    assert Promises({"a": "1 % of time"}).of("a", metadata(), PLAIN) == (0.0, 0.01)
