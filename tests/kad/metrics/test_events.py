"""Figures of events."""

import numpy as np
import pytest

from kad.metrics import (
    event_figures,
)


def test_events_by_hand():
    """Three events on two labels: one early, one late, one in vain."""
    figures = event_figures(
        [(5, 12), (24, 26), (40, 50)], [(10, 20), (20, 30), (60, 70)], rows=100, period_s=60
    )
    assert figures.precision == pytest.approx(2 / 3)
    assert figures.recall == pytest.approx(2 / 3)
    assert figures.delay_s == 60 * (0 + 4) / 2
    assert figures.false_alarms == 1
    assert figures.false_alarms_per_day == pytest.approx(1 / (70 / 1440))
    assert figures.normal_in_events == pytest.approx((5 + 10) / 70)


def test_events_without_events_or_labels():
    silence = event_figures([], [(1, 2)], rows=10)
    assert (silence.recall, silence.false_alarms, silence.normal_in_events) == (0, 0, 0)
    assert np.isnan([silence.precision, silence.delay_s]).all()
    alone = event_figures([(0, 3)], [], rows=86_400)
    assert (alone.precision, alone.false_alarms_per_day) == (0, 1)
    assert alone.normal_in_events == pytest.approx(3 / 86_400)
    assert np.isnan(alone.recall)
    everything = event_figures([(0, 3)], [(0, 10)], rows=10)
    assert np.isnan([everything.normal_in_events, everything.false_alarms_per_day]).all()
