"""The harness: finished cases are not repeated, failed ones are recorded, nothing is stale."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.protocol import cases, results_file, run, variants
from benchmarks.protocol import fingerprint as fingerprints
from benchmarks.protocol.benchmark import Benchmark, Options, Planned, Session
from benchmarks.protocol.cases import Case, Scored
from benchmarks.protocol.fingerprint import code_fingerprint
from benchmarks.protocol.jobs import Effort, finish
from benchmarks.protocol.processes import LineProcess
from benchmarks.protocol.results_file import ResultsFile, WholeTable
from runtime.errors import InputError

QUIET = Console(file=io.StringIO())


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(results_file, "RESULTS", tmp_path / "results")


def a_case(series="toy/a", seed=0, **more):
    return Case(
        benchmark="toy",
        variant="gaussian",
        series=series,
        seed=seed,
        detector="gaussian",
        preset="default",
        overrides={"training": {"seed": seed}},
        train=(0, 100),
        parts=((100, 200), (300, 310)),
        **more,
    )


def scores(case):
    parts = [
        {
            "score": np.arange(end - start, dtype="float32"),
            "severity": np.ones(end - start, "float32"),
            "channel_scores": np.zeros((end - start, 2), "float32"),
        }
        for start, end in case.parts
    ]
    return Scored(info={"train_s": 1.0, "calibration_scores": [0.5]}, parts=parts)


class Worker:
    """Stands in for a worker process: writes scores, fails on series `toy/bad`."""

    asked: list

    def __init__(self):
        self.killed = False

    def ask(self, question):
        case = Case.from_dict(json.loads(json.dumps(question))["case"])
        Worker.asked.append((case.series, case.seed))
        if case.series == "toy/bad":
            raise RuntimeError("InputError: Channel 'a' is constant.")
        if case.series == "toy/stop":
            raise KeyboardInterrupt
        scores(case).save(case)

    def kill(self):
        self.killed = True


@pytest.fixture
def asked():
    Worker.asked = []
    return Worker.asked


def test_scores_come_back_as_they_were():
    case = a_case()
    scores(case).save(case)
    back = cases.load(case)
    assert back.error is None
    for part, expected in zip(back.parts, scores(case).parts, strict=True):
        for name, array in expected.items():
            np.testing.assert_array_equal(part[name], array)


def test_other_settings_and_other_code_have_no_scores(monkeypatch):
    """Only `stale` takes scores of other code, and never those of other settings."""
    case = a_case()
    scores(case).save(case)
    other = replace(case, overrides={"training": {"seed": 0}, "detector": {"window": 9}})
    assert cases.load(other) is None
    assert cases.load(other, stale=True) is None
    monkeypatch.setattr(cases, "code_fingerprint", lambda _: "changed")
    assert cases.load(case) is None
    assert cases.load(case, stale=True) is not None
    without = replace(scores(case), info={"train_s": 1.0})
    without.save(case)
    monkeypatch.setattr(cases, "code_fingerprint", lambda _: "changed again")
    assert cases.load(case, stale=True) is None


def test_finished_cases_are_not_repeated_and_failed_ones_are_recorded(asked):
    planned = [a_case(name, seed) for seed in (0, 1) for name in ("toy/a", "toy/bad", "toy/b")]
    assert finish(planned[:2], Effort(jobs=1), QUIET, start=Worker) == 1
    assert asked == [("toy/a", 0), ("toy/bad", 0)]
    finish(planned, Effort(jobs=2), QUIET, start=Worker)
    assert sorted(asked[2:]) == [("toy/a", 1), ("toy/b", 0), ("toy/b", 1), ("toy/bad", 1)]
    assert cases.load(planned[1]).error == "InputError: Channel 'a' is constant."
    done = len(asked)
    assert finish(planned, Effort(), QUIET, start=Worker) == 0
    assert len(asked) == done
    finish(planned, Effort(retry=True), QUIET, start=Worker)
    assert sorted(asked[done:]) == [("toy/bad", 0), ("toy/bad", 1)]
    finish(planned[:1], Effort(fresh=True), QUIET, start=Worker)
    assert asked[-1] == ("toy/a", 0)


def test_an_interruption_keeps_what_is_finished_and_ends_the_workers(asked):
    workers = []

    def start():
        workers.append(Worker())
        return workers[-1]

    planned = [a_case(name) for name in ("toy/a", "toy/stop", "toy/b")]
    with pytest.raises(KeyboardInterrupt):
        finish(planned, Effort(jobs=1), QUIET, start=start)
    assert workers[0].killed
    assert cases.load(planned[0]) is not None
    assert cases.load(planned[1]) is None


def planned(case):
    return Planned(keys=case.keys, trained=(case,))


def toy_benchmark(cases, measure):
    return Benchmark(
        plan=lambda _: [planned(case) for case in cases],
        measure=measure,
        show=lambda *_: None,
        tables={"toy": ("variant", "series", "seed")},
    )


def test_a_run_measures_what_has_no_rows_and_counts_what_fails(monkeypatch):
    """A failure has no rows, is said, and is tried again; the others go on."""
    measured, console = [], Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(run, "finish", lambda *_: 1)
    several = [a_case(name) for name in ("toy/a", "toy/bad", "toy/b")]

    def measure(one, session):
        measured.append(one.keys["series"])
        if one.keys["series"] == "toy/bad":
            raise InputError("Channel 'a' is constant.")
        return {"toy": [{**one.keys, "f1": 0.5}]}

    benchmark = toy_benchmark(several, measure)
    run.run(benchmark, Options(), console)
    assert measured == ["toy/a", "toy/bad", "toy/b"]
    assert "failed gaussian, toy/bad, seed 0: Channel 'a' is constant." in console.file.getvalue()
    assert "1 of 3 trainings failed" in console.file.getvalue()
    assert "1 of 3 cases failed" in console.file.getvalue()
    assert ResultsFile("toy").table["series"].tolist() == ["toy/a", "toy/b"]
    run.run(benchmark, Options(), console)
    assert measured[3:] == ["toy/bad"]
    run.run(benchmark, Options(fresh=True), console)
    assert measured[4:] == ["toy/a", "toy/bad", "toy/b"]


def test_a_case_without_scores_has_no_figures():
    session = Session(Options(), QUIET)
    with pytest.raises(RuntimeError, match="has no scores"):
        session.scored(a_case())
    scores(a_case()).save(a_case())
    assert session.scored(a_case()).error is None


def test_rows_of_earlier_runs_stay_valid():
    """A case with a row is not measured; one that failed is, with `retry`."""
    results = ResultsFile("toy", ("variant", "series", "seed"))
    several = [planned(a_case(name)) for name in ("toy/a", "toy/b", "toy/bad")]

    def unmeasured(**options):
        kept = {"toy": ResultsFile("toy", ("variant", "series", "seed"))}
        return [one for one in several if not run.is_finished(one, kept, Options(**options))]

    assert unmeasured() == several
    results.add(**several[0].keys, f1=0.5)
    results.add(**several[2].keys, failed="no")
    assert unmeasured() == several[1:2]
    assert unmeasured(retry=True) == several[1:]
    assert unmeasured(fresh=True) == several
    several[0] = replace(several[0], again=True)
    assert unmeasured() == several[:2]


def test_a_table_of_one_run_replaces_the_file_only_when_it_ends():
    """Rows of two machines never stand in one table; an interruption leaves the old one."""
    for seconds in (1.5, 2.5):
        table = WholeTable("toy")
        table.replace([{"backend": "b", "seconds": seconds}])
        table.replace([{"backend": "a", "seconds": seconds}])
        assert [*ResultsFile("toy").table.get("seconds", [])] == [1.5, 1.5] * (seconds > 2)
        table.close()
    assert ResultsFile("toy").table["seconds"].tolist() == [2.5, 2.5]
    assert ResultsFile("toy").table["backend"].tolist() == ["b", "a"]
    WholeTable("toy").close()
    assert len(ResultsFile("toy").table) == 2


def test_a_row_replaces_the_one_with_the_same_keys():
    results = ResultsFile("toy", ("series", "seed"))
    results.add(series="a", seed=1, value=1.0)
    results.replace([{"series": "a", "seed": 1, "value": 2.0}, {"series": "a", "seed": 0}])
    assert ResultsFile("toy", ("series", "seed")).table["value"].tolist()[1:] == [2.0]
    assert results.has(series="a", seed=1, value=2.0)
    assert not results.has(series="a", seed=2)
    assert not results.has(series="a", other=2)


def test_settings_of_a_variant_win():
    series = type("Toy", (), {"name": "toy/a", "train": (0, 9), "test": ((9, 20),)})
    settings = {
        "": {"data": {"grid": "rows"}, "detector": {"smooth": 5}},
        "rnn": {"detector": {"compensate": True, "horizon": 3}},
    }
    case = Case.of("toy", "rnn-uncompensated", series, 3, settings=settings)
    assert case.overrides == {
        "data": {"grid": "rows"},
        "detector": {"smooth": 5, "compensate": False, "horizon": 3},
        "training": {"seed": 3},
    }
    assert case.parts == ((9, 20),)


def test_unknown_variants_are_named():
    with pytest.raises(InputError, match="no 'rmn'"):
        variants.chosen("rnn,rmn", [])
    assert variants.chosen(None, ["rnn", "what is to come"]) == ["rnn"]


def test_the_fingerprint_is_that_of_code_a_detector_uses():
    names = {name: code_fingerprint(name) for name in ("gaussian", "rnn", "vae-lstm")}
    assert len(set(names.values())) == 3


def test_a_root_that_is_not_there_is_an_error():
    """Left out in silence, scores of other code would pass for those of this one."""
    with pytest.raises(LookupError, match=r"kad\.detectors\.nothing_of_the_kind"):
        code_fingerprint("nothing-of-the-kind")


def test_a_move_leaves_the_fingerprint_and_a_change_does_not(tmp_path, monkeypatch):
    """Which module a definition stands in is no part of it, nor are docstrings and imports."""

    def fingerprint(**files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        files = {"kad.detectors.toy": "from kad.a import f\nfrom kad.b import g\nx = f(g)", **files}
        for name, text in files.items():
            path = folder.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(fingerprints, "ROOT", folder)
        monkeypatch.setattr(fingerprints, "ROOTS", ("kad.a",))
        for cached in (fingerprints.code_fingerprint, fingerprints._tree, fingerprints._code):
            cached.cache_clear()
        return code_fingerprint("toy")

    f, g = "def f(x): return x", "def g(x): return 2 * x"
    first = fingerprint(**{"kad.a": f, "kad.b": f"import kad.a\n{g}"})
    moved = fingerprint(**{"kad.a": '"""Hands on."""\nfrom kad.b import f\n', "kad.b": f"{g}\n{f}"})
    assert first == moved
    assert first != fingerprint(**{"kad.a": f, "kad.b": g.replace("2", "3")})
    for cached in (fingerprints.code_fingerprint, fingerprints._tree, fingerprints._code):
        cached.cache_clear()


def test_a_process_answers_fails_and_comes_back(tmp_path):
    """An exception is an error; so is the end of the process, with its last words."""
    (tmp_path / "toy_server.py").write_text(
        "import os, sys\n"
        "from benchmarks.protocol.processes import serve\n"
        "def answer(question):\n"
        "    print('noise')\n"
        "    if question == 'die':\n"
        "        sys.stderr.write('last words')\n"
        "        sys.stderr.flush()\n"
        "        os._exit(3)\n"
        "    return 1 / question\n"
        "serve(answer)\n"
    )
    root = Path(cases.__file__).parents[2]
    with LineProcess("toy_server", environment={"PYTHONPATH": f"{tmp_path}:{root}"}) as process:
        assert process.ask(4) == 0.25
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            process.ask(0)
        with pytest.raises(RuntimeError, match="exit code 3: last words"):
            process.ask("die")
        assert process.ask(2) == 0.5


@pytest.mark.slow
@pytest.mark.data
def test_a_case_is_trained_exported_and_scored(data_dir):
    """One worker process, the moving Gaussian, a discord: every row has a score."""
    from datasets import load

    series = load("discords/ecg/chfdb_chf01_275")
    case = Case.of("discords", "gaussian", series, 0, settings={})
    short = replace(case, series="nab/artificialNoAnomaly/art_flatline", train=(0, 60))
    finish([case, short], Effort(jobs=1), QUIET)
    scored = cases.load(case)
    (part,) = scored.parts
    start, end = series.test[0]
    assert part["score"].shape == (end - start,)
    assert part["channel_scores"].shape == (end - start, 2)
    assert part["severity"].max() > 0
    assert scored.costs()["training_rows"] == series.train[1] - series.train[0]
    assert scored.threshold("1/day") < scored.threshold("1/week")
    assert isinstance(scored.history, pd.DataFrame)
    assert "needs at least" in cases.load(short).error
