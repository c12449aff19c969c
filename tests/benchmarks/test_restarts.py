"""What a restart keeps, where outages are cut, and which rows are compared after them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.detection import restarts
from benchmarks.detection.restarts import Outputs, Subject

ROWS, TRAINED = 2000, 400


def subject(*labels):
    index = pd.date_range("2025-01-01", periods=ROWS, freq="5min")
    frame = pd.DataFrame({"a": np.arange(ROWS, dtype="float64")}, index=index)
    return Subject(frame, TRAINED, [*labels], 300.0)


class Counting:
    """Its state is how many rows the stream has seen since its start, and since ever."""

    metadata = SimpleNamespace(
        channels=("a",),
        inputs=[SimpleNamespace(name="a", role="channel")],
        max_gap_steps=100,
        warmup_steps=10,
        threshold=1000.0,
        alarm=None,
    )

    def initial_state(self):
        return np.zeros((1, 2), "float32")

    def step(self, x, state):
        seen = state[:, None] + np.arange(1, x.shape[1] + 1)[None, :, None]
        return SimpleNamespace(
            score=seen[..., 0], severity=seen[..., 1], next_state=seen[:, -1].astype("float32")
        )


@pytest.fixture(autouse=True)
def _no_events(monkeypatch):
    monkeypatch.setattr(restarts, "event_ranges", lambda *_: [])


def test_one_rule_forgets_everything_and_one_where_it_is():
    state = np.array([[7.0, 3.0]], "float32")
    assert restarts.everything_zero(state).tolist() == [[0, 0]]
    assert restarts.first_number_zero(state).tolist() == [[0, 3]]
    assert state.tolist() == [[7, 3]]


def test_outages_lie_in_the_middle_and_outside_labels():
    low, high = 400 + 640, 400 + 960
    free = restarts.cuts(subject())
    assert len(free) == restarts.CUTS
    assert free == sorted(free) == restarts.cuts(subject())
    assert low <= free[0]
    assert free[-1] < high
    label = (low, low + 130)
    assert all(cut >= label[1] for cut in restarts.cuts(subject(label)))
    assert len(restarts.cuts(subject((0, ROWS)))) == restarts.CUTS


def test_streams_go_on_from_the_state_that_the_rule_leaves():
    """Seen ever: all rows without an outage, none of before, or all but those that were lost."""
    after = {row["start"]: row for row in restarts.after_outages(Counting(), subject())}
    assert {row["after"] for row in after.values()} == {restarts.OUTAGE}
    cut = np.mean(restarts.cuts(subject()))
    # Row 10 to 81 after the start, so the median is the mean of rows 45 and 46 after it, from 1.
    rows = restarts.SOON[0] / 2 + 10.5
    assert after["no outage"]["median_72"] == pytest.approx(cut + restarts.LOST + rows)
    assert after["everything zero"]["median_72"] == pytest.approx(rows)
    assert after["first number 0"]["median_72"] == pytest.approx(cut + rows)


def test_a_warm_start_has_seen_the_training_rows_and_a_cold_one_nothing():
    after = {
        row["start"]: row["median_72"] for row in restarts.after_training(Counting(), subject())
    }
    assert after["cold"] + TRAINED == after["warm"] == after["goes on"]


def test_the_warm_state_is_the_files_where_it_has_one():
    end = np.array([[5.0, 6.0]], "float32")
    assert restarts.warm_state(SimpleNamespace(), end).tolist() == [[0, 6]]
    with_one = SimpleNamespace(warm_state=np.array([0.0, 9.0], "float32"))
    assert restarts.warm_state(with_one, end).tolist() == [[0, 9]]


def test_an_outage_that_is_bridged_is_no_restart(monkeypatch):
    monkeypatch.setattr(restarts, "LOST", 100)
    with pytest.raises(RuntimeError, match="no restart"):
        list(restarts.after_outages(Counting(), subject()))


def test_severities_are_compared_after_the_warm_up_and_outside_labels():
    severity = np.zeros(400)
    severity[:10] = 9.0
    severity[10:46] = 5.0
    found = restarts.figures(
        Outputs(severity, severity),
        [(10, 28)],
        warmup=10,
        threshold=5.0,
        events=[(12, 14), (100, 101)],
        period_s=300.0,
    )
    assert found["above_72"] == pytest.approx(18 / 54)
    assert found["median_72"] == 0
    assert found["above_288"] == pytest.approx(18 / 270)
    assert found["event_recall"] == 1
    assert found["false_alarms_per_day"] == pytest.approx(1 / (382 * 300 / 86_400))
    none = restarts.figures(
        Outputs(severity[:5], severity[:5]), [], warmup=10, threshold=5.0, events=[], period_s=1.0
    )
    assert np.isnan([none["vus_pr"], none["above_72"], none["median_288"]]).all()
