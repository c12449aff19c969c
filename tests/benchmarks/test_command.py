"""`python -m benchmarks`: one command line for every benchmark."""

import dataclasses

import pytest

from benchmarks import __main__ as command
from benchmarks.protocol import cases, results_file
from benchmarks.protocol.benchmark import Benchmark, Options
from benchmarks.registry import BENCHMARKS

LOADED = [(name, data) for name in BENCHMARKS for data in ("pump", "nab")]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(results_file, "RESULTS", tmp_path / "results")


@pytest.mark.parametrize(("name", "data"), LOADED)
def test_every_benchmark_has_the_same_three_functions(name, data):
    """And tables of its own, default names that exist, options that are known."""
    benchmark = BENCHMARKS[name].load(data)
    assert isinstance(benchmark, Benchmark)
    assert all(map(callable, (benchmark.plan, benchmark.measure, benchmark.show)))
    assert benchmark.tables
    assert set(benchmark.default) <= set(benchmark.known)
    assert set(BENCHMARKS[name].options) <= set(command.OPTIONS)


def test_no_two_benchmarks_write_the_same_table():
    loaded = {id(one): one for one in (BENCHMARKS[n].load(d) for n, d in LOADED)}.values()
    names = [table for one in loaded for table in (*one.tables, *one.details)]
    assert len(names) == len(set(names))


def test_help_has_a_line_for_each(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for name, entry in BENCHMARKS.items():
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert line.split(maxsplit=1)[1] == entry.help
    assert any(line.startswith("page ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nope"], "nope"),
        (["skab", "--seeds", "0"], "at least 1"),
        (["skab", "--variants", "rnn,rmn"], "'rmn'"),
        (["faults", "--detector", "rnn-static"], "'rnn-static'"),
        (["nab", "--recipes", "--column", "severity"], "Recipes"),
        (["report", "--seeds", "2"], "--seeds"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(arguments, named, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert named in lines[0]


def test_show_measures_nothing(capsys, monkeypatch):
    """It prints the kept table, or says that there is none."""
    benchmark = BENCHMARKS["report"].load()
    changed = dataclasses.replace(benchmark, measure=None, plan=None)
    monkeypatch.setattr("benchmarks.cost.report.BENCHMARK", changed)
    assert command.main(["report", "--show"]) == 0
    assert "Nothing has been measured yet." in capsys.readouterr().out
    table = results_file.WholeTable("report")
    table.replace([{"rows": 10_000, "page_mb": 6.28}])
    table.close()
    assert command.main(["report", "--show"]) == 0
    shown = capsys.readouterr().out
    assert "10000" in shown
    assert "6.28" in shown


def test_options_are_those_of_the_command_line(monkeypatch):
    asked = []
    monkeypatch.setattr("benchmarks.protocol.run.run", lambda *given: asked.append(given[1]))
    line = "--variants rnn,gaussian --seeds 2 --jobs 4 --stale --retry --recipes"
    assert command.main(["nab", *line.split()]) == 0
    assert command.main(["budget", "--data", "nab", "--detector", "ensemble"]) == 0
    assert command.main(["training"]) == 0
    assert asked == [
        Options(names=("rnn", "gaussian"), seeds=2, jobs=4, stale=True, retry=True, recipes=True),
        Options(names=("ensemble",)),
        Options(),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [("faults", "the same command goes on from there"), ("training", "nothing was written")],
)
def test_ctrl_c_says_what_is_kept(name, said, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.protocol.run.run", stopped)
    assert command.main([name]) == 130
    assert said in capsys.readouterr().out
