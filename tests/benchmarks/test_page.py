"""The comparison page, and the normal parts of NAB that the budget benchmark takes."""

import pytest

from benchmarks import budget_nab, page, results_file
from benchmarks.nab_corpus import File
from benchmarks.results_file import ResultsFile


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "RESULTS", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "COMPARISON.md")


def test_missing_tables_are_said_to_be_missing():
    text = page.write()
    for command in ("nab", "discords", "skab", "paper", "scoring"):
        assert f"Not measured yet: `python -m benchmarks {command}" in text
    assert page.PAGE.read_text(encoding="utf-8") == text


def test_means_and_spreads_stand_beside_the_published_figures():
    results = ResultsFile("nab", ("variant", "seed", "column", "test", "profile"))
    common = {"column": "score", "failed": 0, "test": "in-sample"}
    values = (("rnn", "ours", 0, 70.0), ("rnn", "ours", 1, 72.0), ("ARTime", "peer", 0, 74.85))
    results.replace(
        [
            {"variant": name, "seed": seed, "kind": kind, "profile": profile, "value": value}
            | common
            for name, kind, seed, value in values
            for profile in ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
        ]
    )
    lines = page.write().splitlines()
    ours = "71.0 (70.0 to 72.0)"
    assert f"| **rnn** | score | {ours} | {ours} | {ours} | 2 | 0 |" in lines
    assert any(line.startswith("| ARTime | score | 74.8") for line in lines)
    assert "| ARTime | 74.85 | 65.15 | 80.36 |" in lines


def test_the_longest_stretch_without_a_label():
    def longest(*windows):
        return budget_nab.stretch(File("nab/x/a", 1000, 100, windows, 60.0, None))

    assert longest() == (0, 1000)
    assert longest((100, 200), (800, 900)) == (200, 800)
    assert longest((0, 100)) == (100, 1000)
    assert longest((700, 1000)) == (0, 700)
