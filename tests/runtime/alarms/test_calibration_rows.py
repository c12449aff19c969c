"""What a file keeps of its calibration rows."""

import numpy as np
import pytest

from runtime.alarms.calibration_rows import CalibrationRows
from runtime.alarms.episodes import Episodes
from runtime.errors import ModelFileError
from runtime.model.policy import AlarmPolicy
from toys.severities import (
    autoregressive,
    calibration_rows,
)


def test_the_most_severe_rows_count_like_all():
    """From the lowest threshold that they are good for."""
    series, policy = autoregressive(30_000), AlarmPolicy(merge_gap_steps=5, refractory_steps=20)
    few = CalibrationRows.from_dict(calibration_rows(series).to_dict())
    assert len(few.severity) <= 10_000
    assert len(str(few.to_dict())) < 100_000
    whole = Episodes(policy, few.lowest(policy) + 0.01)
    numbers, never = np.arange(len(series)), np.zeros(len(series), bool)
    pieces = whole.update(np.round(series, 3), numbers=numbers, restart=never)
    assert few.events(whole.threshold, policy) == sum(p.is_kept for p in pieces) > 100


def test_stretches_stay_apart():
    """An event does not reach over a restart; the gap counts as time."""
    parts = [np.array([0.0, 5, 5]), np.array([5.0, 0, 5])]
    rows = CalibrationRows.from_dict(CalibrationRows.of(parts, rows=6, gap=100).to_dict())
    assert rows.numbers.tolist() == [1, 2, 102, 104]
    assert rows.events(4.0, AlarmPolicy()) == 3
    assert rows.events(4.0, AlarmPolicy(refractory_steps=50)) == 2
    assert rows.events(4.0, AlarmPolicy(merge_gap_steps=200)) == 2


@pytest.mark.parametrize(
    "change",
    [{"severity": "1 2"}, {"steps": "x"}, {"restarts": "7777"}, {"rows": None}, {"level": "much"},
     {"severity": 3}],
)  # fmt: skip
def test_damaged_rows_are_errors(change):
    """One line that says what was expected."""
    raw = calibration_rows(autoregressive(100)).to_dict() | change
    with pytest.raises(ModelFileError, match=r"calibration.severest must hold"):
        CalibrationRows.from_dict(raw)
