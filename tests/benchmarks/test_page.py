"""The page of figures, and the normal parts of NAB that the budget benchmark takes."""

import re
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.budgets import nab as budget_nab
from benchmarks.detection import judging
from benchmarks.detection.anchors import LEFT_PROFILE
from benchmarks.detection.nab_corpus import File
from benchmarks.page import shapes
from benchmarks.page import write as page
from benchmarks.protocol import results_file
from benchmarks.protocol.results_file import ResultsFile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder without results."""
    monkeypatch.setattr(results_file, "RESULTS", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "README.md")
    return tmp_path


@pytest.mark.usefixtures("results")
def test_missing_tables_are_said_to_be_missing():
    text = page.write()
    commands = ["nab", "ucr", "severity", "discords", "skab", "paper", "scoring", "memory"]
    for wanted in (*commands, "budget --data nab"):
        assert f"Not measured yet: `python -m benchmarks {wanted}` does." in text
    assert page.PAGE.read_text(encoding="utf-8") == text


@pytest.mark.usefixtures("results")
def test_means_and_spreads_stand_beside_the_published_figures():
    results = ResultsFile("nab", ("variant", "seed", "column", "test", "profile"))
    common = {"column": "score", "failed": 0, "test": "in-sample"}
    values = (("rnn", "ours", 0, 70.0), ("rnn", "ours", 1, 72.0), ("ARTime", "peer", 0, 74.85))
    results.replace(
        [
            {"variant": name, "seed": seed, "kind": kind, "profile": profile, "value": value + more}
            | common
            for name, kind, seed, value in values
            for profile, more in (("standard", 0), ("reward_low_FP_rate", 9))
        ]
    )
    lines = page.write().splitlines()
    assert "| **rnn** |  |  |  |  | 71.0 (70.0 to 72.0) |  |  |  | 2 | 0 |" in lines
    assert any(line.startswith("| ARTime |  |  |  |  | 74.8") for line in lines)
    assert any("in-sample: ARTime 74.85, numenta 70.1," in line for line in lines)


def test_the_page_is_what_its_tables_say(tmp_path, monkeypatch):
    """It was not edited, and no table changed without it."""
    kept = page.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", tmp_path / "README.md")
    assert page.write() == kept


def test_a_random_score_stands_beside_every_table_of_detection():
    text = page.PAGE.read_text(encoding="utf-8")
    sections = text.split("## ")[1:]
    scored = [part for part in sections if "average precision" in part or "VUS-PR" in part]
    assert len(scored) == 6
    assert all("| uniform random |" in part for part in scored)
    assert text.count("| uniform random |") == 11  # by data and start in `Restarts`


def test_every_table_names_its_command():
    """And a line is a table's, a paragraph's, or empty: the page is read at a sitting."""
    text = page.PAGE.read_text(encoding="utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("## ")[1:])
    named = {title for title, part in sections.items() if "`python -m benchmarks " in part}
    assert named == {*sections} - {"Every series by itself"}
    assert len(text.splitlines()) < 280


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "benchmarks/results/README.md"]
    + [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))],
)
def test_quoted_commands_are_commands(document):
    """The command line takes every `python -m benchmarks …` of a document as it stands."""
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    for line in re.findall(r"`python -m benchmarks ([^`]*)`", text):
        arguments = line.split()
        if arguments[0] not in {"NAME", "--help"}:
            assert command.parser().parse_args(arguments).benchmark == arguments[0]


def test_the_longest_stretch_without_a_label():
    def longest(*windows):
        return budget_nab.stretch(File("nab/x/a", 1000, 100, windows, 60.0, None))

    assert longest() == (0, 1000)
    assert longest((100, 200), (800, 900)) == (200, 800)
    assert longest((0, 100)) == (100, 1000)
    assert longest((700, 1000)) == (0, 700)


def test_totals_of_stretches_are_sums_apart_by_how_the_threshold_was_found():
    common = {"policy": "default", "budget": "1/day", "days": 10.0, "allowed": 10.0}
    rows = [
        {
            **common,
            "events": 4,
            "time_in_events": 0.1,
            "times_allowed": 0.4,
            "holds": False,
            "extrapolated": False,
            "times_allowed_by_sample": 0.1,
        },
        {
            **common,
            "events": 9,
            "time_in_events": 0.3,
            "times_allowed": 0.9,
            "holds": True,
            "extrapolated": False,
            "times_allowed_by_sample": 0.2,
        },
        {
            **common,
            "events": 1,
            "time_in_events": 0.0,
            "times_allowed": 0.1,
            "holds": False,
            "extrapolated": True,
            "times_allowed_by_sample": 0.0,
        },
    ]
    counted, extrapolated = budget_nab.totals(rows)
    assert counted == {
        **common,
        "days": 20.0,
        "allowed": 20.0,
        "extrapolated": False,
        "came": 13.0,
        "events": 13,
        "days_in_events": 4.0,
        "held": 1,
        "stretches": 2,
        "by_sample": 3.0,
    }
    assert (extrapolated["extrapolated"], extrapolated["events"]) == (True, 1)
    assert budget_nab.totals([]) == []


def test_means_are_over_the_series_that_have_the_figure():
    rows = [dict.fromkeys(judging.COMPARED, 1.0), dict.fromkeys(judging.COMPARED, 2.0)]
    rows[1]["delay_s"] = float("nan")
    found = judging.means(rows)
    assert (found["series"], found["f1"], found["delay_s"]) == (2, 1.5, 1.0)


@pytest.mark.usefixtures("results")
def test_shapes_stand_beside_their_anchors():
    """Hits of how many, the mean over families, hits by family, and what was left out."""
    common = {"family": "ecg", "vus_pr": 0.25}
    ours = {**common, "variant": "memory", "hit_severity": 0.0, "above_3": 0.008}
    profile = {**common, "variant": LEFT_PROFILE, "seed": 0}
    ResultsFile("ucr", ("variant", "series", "seed")).replace(
        [
            {**ours, "series": "ucr/a", "seed": 0, "hit": 1.0},
            {**ours, "series": "ucr/b", "seed": 0, "hit": 0.0},
            {**ours, "series": "ucr/a", "seed": 1, "hit": 1.0},
            {**ours, "series": "ucr/b", "seed": 1, "hit": 1.0},
            {**profile, "series": "ucr/a", "hit": 1.0},
            {**profile, "series": "ucr/b", "left_out": "longer than 9 rows"},
        ]
    )
    text = shapes.ucr()
    ours = "| **memory** | 1.5 (1 to 2) of 2 | 0.750 | 1.0 of 1 | 0.0 | 0.250 |"
    assert f"{ours}  | 8 / 8 |  | 1.5 | 2 | 0 |" in text
    assert f"| {LEFT_PROFILE} | 1.0 of 1 | 1.000 | 1.0 of 1 |  | 0.250 |" in text
    assert "Families: ecg (2)." in text
    assert f"{LEFT_PROFILE}, left out: 1 series: longer than 9 rows" in text


@pytest.mark.usefixtures("results")
def test_severity_before_and_after_stand_beside_each_other():
    levels = {f"above_{level}_{kind}": 0.001 for level in (2, 3, 4) for kind in ("mean", "median")}
    common = {"data": "ucr", "variant": "memory", "seed": 0, "series": 97, "failed": 0, **levels}
    ResultsFile("severity", ("data", "variant", "seed", "code")).replace(
        [
            {**common, "missing": 1, "code": "aaaaaaaa-1", "scored": "2026-02-01"},
            {**common, "missing": 0, "code": "bbbbbbbb-1", "scored": "2026-01-01"},
        ]
    )
    (row,) = shapes.severity().splitlines()[-1:]
    assert row == "| **memory** |  | 1 / 1 → 1 / 1 (1 without scores) |  |  |  |"
