"""The UCR archive's counting: hits, rows away, families, what failed and what was left out."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.detection import ucr
from benchmarks.detection.anchors import DIFFERENCE, LEFT_PROFILE
from benchmarks.detection.judging import RANDOM
from benchmarks.protocol.benchmark import Options, Planned, Session
from datasets.ucr import Labelled
from runtime.errors import InputError

TOY = Labelled(np.zeros(1000), 300, 600, 619, "toys", 50, "ucr/toy")
"""1,000 rows of which 300 train; rows 600 to 619 are the anomaly."""


def score_with(*tops):
    score = np.zeros(1000)
    score[list(tops)] = 9.0
    return score


@pytest.mark.parametrize(
    ("top", "away", "is_hit"),
    [(499, -101, 0.0), (500, -100, 1.0), (610, 0, 1.0), (719, 100, 1.0), (720, 101, 0.0)],
)
def test_a_hit_is_within_100_rows_of_the_anomaly(top, away, is_hit):
    """Both ends are inside; a higher score in the training rows does not count."""
    score = score_with(top)
    score[299] = 10.0
    figures = ucr.judged(TOY, score)
    assert (figures["rows_away"], figures["hit"]) == (away, is_hit)
    assert bool(ucr.near(TOY)[top]) == bool(is_hit)


def test_the_first_of_equal_scores_counts():
    assert ucr.rows_away(TOY, score_with(610, 990)) == 0
    assert ucr.rows_away(TOY, score_with(310, 610)) == -290


def test_normal_rows_are_test_rows_that_are_no_hit():
    """700 test rows without the 220 near the anomaly; training rows never count."""
    severity = score_with(10, 400, 401, 610)
    severity[700:705] = 2.5
    severity[800:803] = 3.0
    figures = ucr.judged(TOY, severity, severity)
    assert figures["normal_rows"] == 480
    assert figures["above_2"] == pytest.approx(5 / 480)
    assert figures["above_3"] == pytest.approx(5 / 480)
    assert figures["above_4"] == pytest.approx(2 / 480)
    assert figures["hit_severity"] == 0.0


def test_a_score_that_is_the_label_has_the_best_volume():
    score = np.zeros(1000)
    score[600:620] = 1.0
    exact = ucr.judged(TOY, score)["vus_pr"]
    assert exact > ucr.judged(TOY, score[::-1])["vus_pr"]
    assert exact > 0.6


def measured(variant, monkeypatch, found=TOY):
    monkeypatch.setattr(ucr.ucr, "read", lambda _: found)
    keys = {"variant": variant, "series": found.name, "seed": 0}
    session = Session(Options(), Console(file=io.StringIO()))
    (row,) = ucr.measure(Planned(keys=keys), session)["ucr"]
    return row


def test_a_random_score_has_the_expected_hits(monkeypatch):
    row = measured(RANDOM, monkeypatch)
    assert row["hit"] == row["hit_severity"] == pytest.approx(220 / 700)
    assert row["family"] == "toys"


def test_the_newest_difference_finds_a_step(monkeypatch):
    found = TOY._replace(values=np.repeat([0.0, 1.0], [605, 395]))
    row = measured(DIFFERENCE, monkeypatch, found)
    assert (row["hit"], row["rows_away"]) == (1.0, 0)
    assert "above_3" not in row


def test_a_long_series_is_left_out_of_the_matrix_profiles_and_said(monkeypatch):
    monkeypatch.setattr(ucr, "LONGEST_PROFILE", 999)
    row = measured(LEFT_PROFILE, monkeypatch)
    assert row["left_out"] == "longer than 999 rows"
    lines = ucr.reasons(pd.DataFrame([row]))
    assert lines == [f"{LEFT_PROFILE}, left out: 1 series: longer than 999 rows"]


def test_a_family_that_does_not_exist_is_refused(monkeypatch):
    known = {"a": ["ucr/a1", "ucr/a2"], "b": ["ucr/b1"]}
    monkeypatch.setattr(ucr.ucr, "families", lambda: known)
    assert ucr.asked(None) == known
    assert ucr.asked("b") == {"b": ["ucr/b1"]}
    with pytest.raises(InputError, match="no family 'c'. There are a, b"):
        ucr.asked("b,c")


TABLE = pd.DataFrame(
    [
        # Two seeds, two families: a has two series, b one.
        {"variant": "m", "seed": 0, "series": "a1", "family": "a", "hit": 1.0, "above_3": 0.001},
        {"variant": "m", "seed": 0, "series": "a2", "family": "a", "hit": 0.0, "above_3": 0.002},
        {"variant": "m", "seed": 0, "series": "b1", "family": "b", "hit": 1.0, "above_3": 0.006},
        {"variant": "m", "seed": 1, "series": "a1", "family": "a", "hit": 1.0, "above_3": 0.001},
        {"variant": "m", "seed": 1, "series": "a2", "family": "a", "hit": 1.0, "above_3": 0.002},
        {"variant": "m", "seed": 1, "series": "b1", "family": "b", "failed": "too short"},
        {"variant": "p", "seed": 0, "series": "a1", "family": "a", "hit": 1.0},
        {"variant": "p", "seed": 0, "series": "a2", "family": "a", "hit": 0.0},
        {"variant": "p", "seed": 0, "series": "b1", "family": "b", "left_out": "too long"},
    ]
)


def test_a_failure_is_a_miss_and_what_was_left_out_is_nothing():
    summary = ucr.summary(TABLE)
    ours, profile = summary.loc["m"], summary.loc["p"]
    assert (ours["hits"], ours["lowest"], ours["highest"]) == (2.0, 2.0, 2.0)
    assert ours["families"] == pytest.approx((0.75 + 0.5) / 2)
    assert (ours["series"], ours["failed"]) == (3, 0.5)
    assert (profile["series"], profile["failed"], profile["hits"]) == (2, 0, 1.0)
    assert profile["families"] == 0.5
    assert (ours["on_all"], profile["on_all"]) == (1.5, 1.0)
    assert (summary["series_all"] == 2).all()


def test_shares_of_normal_rows_are_means_and_medians_over_series():
    """In 1,000 rows: seed 0 has 1, 2 and 6, seed 1 has 1 and 2."""
    ours = ucr.summary(TABLE).loc["m"]
    assert ours["above_3_mean"] == pytest.approx((3.0 + 1.5) / 2)
    assert ours["above_3_median"] == pytest.approx((2.0 + 1.5) / 2)


def test_hits_by_family_say_of_how_many():
    hits = ucr.by_family(TABLE)
    assert hits.loc["series"].tolist() == [2, 1]
    assert hits.loc["m"].tolist() == [1.5, 0.5]
    assert hits.loc["p", "a"] == 1.0


def test_everything_is_shown():
    shown = io.StringIO()
    ucr.show({"ucr": TABLE}, Console(file=shown, width=300))
    assert "m, failed: 1 series: too short" in shown.getvalue()
    assert "p, left out: 1 series: too long" in shown.getvalue()
