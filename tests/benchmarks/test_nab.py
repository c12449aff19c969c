"""NAB's corpus in the benchmark: the scorer's figures, halves, thresholds chosen on one half."""

import io
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.detection import nab, nab_corpus, nab_recipes
from benchmarks.detection.alerts import alerts
from benchmarks.detection.nab_corpus import POLICY, File, Sweep, corpus_score, cross_half, halves
from benchmarks.detection.nab_recipes import chosen_recipes
from benchmarks.detection.rescoring import Recipe, Rescorer
from benchmarks.protocol.benchmark import Options, Planned, Session
from benchmarks.protocol.cases import Scored
from kad.graph.scoring import ErrorStream
from kad.metrics import NAB_PROFILES, NABSeries, nab_scores, nab_worth


def toy_file(name, windows, rows=1000, probation=100):
    return File(name, rows, probation, windows, 60.0, nab_worth(rows, windows))


FILES = (
    toy_file("nab/x/a", ((300, 360), (700, 760))),
    toy_file("nab/x/b", ((50, 140),)),
    toy_file("nab/x/c", ()),
    toy_file("nab/y/d", ((500, 620),), rows=800),
    toy_file("nab/y/e", ((400, 420),)),
)


@pytest.fixture
def corpus(monkeypatch):
    """Five small files instead of NAB's."""
    for module in (nab, nab_corpus, nab_recipes):
        monkeypatch.setattr(module, "files", lambda: FILES)
    halves.cache_clear()
    yield FILES
    halves.cache_clear()


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    found = [rng.exponential(1.0, file.rows) for file in FILES]
    for file, score in zip(FILES, found, strict=True):
        for start, end in file.windows:
            score[(start + end) // 2] += 6.0
    return found


def test_halves_are_apart_and_by_turns_within_each_folder(corpus):
    first, second = halves()
    assert sorted([*first, *second]) == list(range(len(corpus)))
    assert [corpus[n].name[-1] for n in first] == ["a", "c", "e"]
    assert [corpus[n].name[-1] for n in second] == ["b", "d"]


def test_the_sweep_is_nabs_score_of_the_alerts(corpus, scores):
    """Every threshold and profile, against NAB's scorer on one row per alert."""
    grid = np.array([np.inf, 7.0, 5.0, 3.0, 1.0])
    sweep = Sweep.of(scores, POLICY, grid)
    for number, threshold in enumerate(grid):
        series = []
        for file, score in zip(corpus, scores, strict=True):
            rows = np.zeros(file.rows)
            rows[alerts(score, threshold, POLICY(file.probation))] = 1.0
            series.append(NABSeries(rows, file.windows, file.probation))
        expected = nab_scores(series, thresholds=dict.fromkeys(NAB_PROFILES, 0.5))
        for profile in NAB_PROFILES:
            assert sweep.score(profile, number) == pytest.approx(expected[profile].score)


def test_silence_is_zero_and_perfection_a_hundred(corpus):
    silence = np.array([file.figures(np.empty(0, int)) for file in corpus])
    starts = [np.array([max(s, f.probation) for s, _ in f.windows], int) for f in corpus]
    perfect = np.array([f.figures(rows) for f, rows in zip(corpus, starts, strict=True)])
    for profile in NAB_PROFILES.values():
        assert corpus_score(silence, profile) == pytest.approx(0.0)
        without_late = [0, 3, 4]  # the window of `b` begins in the probation: found late
        assert corpus_score(perfect, profile, np.array(without_late)) == pytest.approx(100.0)


def test_each_half_is_scored_at_the_others_threshold(corpus, scores):
    sweep = Sweep.of(scores, POLICY, np.array([np.inf, 7.0, 5.0, 3.0, 1.0]))
    first, second = halves()
    expected = tuple(
        sweep.score("standard", sweep.best("standard", there), here)
        for here, there in ((first, second), (second, first))
    )
    assert cross_half([sweep], "standard") == expected
    silent = Sweep.of([np.zeros_like(s) for s in scores], POLICY, sweep.thresholds)
    assert cross_half([silent, sweep], "standard") == expected


def test_windows_and_false_alarms_add_up_to_the_score(corpus, scores):
    lost = list(nab._per_window(scores, 5.0))
    sweep = Sweep.of(scores, POLICY, np.array([5.0]))
    assert sum(row["points"] for row in lost) == pytest.approx(sweep.score("standard", 0))
    assert sum(row["most"] for row in lost) == pytest.approx(100.0)


def test_figures_of_a_peer_are_complete(corpus, scores):
    rows, _ = nab.figures(nab.Subject("peer", 0, "peer", scores, []))
    ours = ("label-free", "cross-half, all")
    tests = [test for test in nab.TESTS if not test.startswith(ours)]
    assert {row["test"] for row in rows} == set(tests)
    best = {row["profile"]: row["value"] for row in rows if row["test"] == "in-sample"}
    halved = {row["profile"]: row["value"] for row in rows if row["test"] == "cross-half"}
    assert all(best[profile] > 0 for profile in NAB_PROFILES)
    assert set(halved) == set(NAB_PROFILES)


def test_halves_choose_scoring_options(corpus, monkeypatch):
    """With one recipe it is the figure of policy and threshold, by that recipe's scores."""
    recipe = Recipe(winsor=3.0, half_lives=2.0, own_means=True, own_weights=True)
    streams = [ErrorStream("a", short=3), ErrorStream("b", short=5)]
    rng = np.random.default_rng(1)
    scored = []
    for file in corpus:
        errors = rng.exponential(1.0, (file.rows, 1, 2)).astype("float32")
        for start, end in file.windows:
            errors[(start + end) // 2 : end] += 4.0
        ones = np.ones((file.rows, 1), "float32")
        kept = {"errors": errors, "counts": np.ones_like(errors), "z": 0 * ones}
        kept |= {"observed": ones, "is_warm": ones[:, 0], "trusts": np.ones_like(errors)}
        scored.append(Scored(info={"error_streams": streams}, streams=kept))
    rescorer = Rescorer(1, streams, recipe)
    scores = [
        rescorer.score(one.streams, file.probation).astype("float64")
        for one, file in zip(scored, corpus, strict=True)
    ]
    monkeypatch.setattr(nab_recipes, "RECIPES", [recipe])

    rows, tried = chosen_recipes(scored, Console(file=io.StringIO()))
    grid = nab_corpus.grid_of(scores)
    sweeps = [Sweep.of(scores, policy, grid) for policy in nab_corpus.POLICIES.values()]
    usual = Sweep.of(scores, POLICY, grid)
    for row, tries in zip(rows, tried, strict=True):
        halves_scores = row["first_half"], row["second_half"]
        assert halves_scores == pytest.approx(cross_half(sweeps, row["profile"]))
        assert row["value"] == pytest.approx(sum(halves_scores) / 2)
        assert tries["in_sample"] == usual.score(row["profile"], usual.best(row["profile"])) > 50
    assert chosen_recipes([None, *scored[1:]], Console()) == ([], [])


@pytest.mark.data
def test_all_series_are_in_one_half(data_dir):
    first, second = halves()
    assert len(nab_corpus.files()) == len(first) + len(second) == 58
    assert not set(first) & set(second)
    windows = [sum(len(nab_corpus.files()[n].windows) for n in half) for half in halves()]
    assert windows == [57, 59]


def test_the_left_matrix_profile_is_a_baseline(corpus, scores, monkeypatch):
    """Figures without a threshold of its own, in the same table; those at one are NaN."""
    by_name = dict(zip((file.name for file in corpus), scores, strict=True))
    monkeypatch.setattr(nab, "load", lambda name: Frame(by_name[name]))
    monkeypatch.setattr(nab, "left_profile", lambda values: values[:, 0])
    session = Session(Options(), Console(file=io.StringIO()))
    keys = {"variant": nab.LEFT_PROFILE, "seed": 0, "column": "score"}
    tables = nab.measure(Planned(keys=keys), session)
    assert {row["kind"] for row in tables["nab"]} == {"baseline"}
    (volume,) = (row["value"] for row in tables["nab"] if row["test"] == "VUS-PR")
    assert volume == nab._volume(scores)
    (means,) = tables["nab_means"]
    assert means["series"] == len(corpus)
    assert np.isnan(means["f1"])
    assert "nab_windows" not in tables


class Frame(NamedTuple):
    """A series that has nothing but values."""

    values: np.ndarray

    @property
    def frame(self):
        return pd.DataFrame({"value": self.values})
