"""The discords' anchor: a matrix profile of the test part, after the training rows."""

import numpy as np
import pandas as pd

from benchmarks.detection import discords
from benchmarks.protocol.benchmark import Planned
from datasets import Series


def toy():
    """1,000 rows; the first 400 are tested, the rest trains. Rows 200 to 209 are the discord."""
    return Series(
        name="discords/toy",
        frame=pd.DataFrame({"a": np.arange(1000.0), "b": np.arange(1000.0)}),
        windows=((200, 209),),
        train=(400, 1000),
        test=((0, 400),),
    )


def test_the_profile_sees_the_training_rows_before_the_test_rows(monkeypatch):
    """Rows whose windows hold the place where both meet score 0."""
    seen = []

    def profile(values):
        seen.append(values[:, 0].tolist())
        return np.arange(1.0, 1001.0)

    monkeypatch.setattr(discords, "left_profile", profile)
    score = discords._profile(toy())
    assert seen == [[*range(400, 1000), *range(400)]]
    first = discords.WINDOW + discords.NEWEST - 2
    assert not score[:first].any()
    assert score[first:].tolist() == list(range(601 + first, 1001))


def test_an_anchor_has_the_figures_that_need_no_threshold(monkeypatch):
    def profile(values):
        score = np.zeros(len(values))
        score[600 + 205] = 9.0
        return score

    monkeypatch.setattr(discords, "left_profile", profile)
    monkeypatch.setattr(discords, "load", lambda _: toy())
    keys = {"variant": discords.LEFT_PROFILE, "series": "discords/toy", "seed": 0}
    tables = discords.measure(Planned(keys=keys), None)
    (row,) = tables["discords"]
    assert (row["top_inside"], row["top_rows_away"], row["precision"]) == (True, 0, 1.0)
    assert "f1_default" not in row
    assert tables["discords_metrics"][0]["vus_pr"] > 0
    at_thresholds = dict.fromkeys(("f1_default", "f1_day", "f1_rare"), np.nan)
    summary = discords.summary(pd.DataFrame([{**row, **at_thresholds}]))
    assert summary.loc[discords.LEFT_PROFILE, "top_inside"] == 1
