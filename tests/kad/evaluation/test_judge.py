"""`kad evaluate`: every metric beside what a detector has to beat, and figures over seeds."""

import importlib
import re
import sys
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from kad.cli.figures import as_text
from kad.config import build_config
from kad.evaluation.judge import BASELINE, RANDOM, evaluate_run
from kad.metrics import METRICS, aggregate, evaluate, nab_scores
from kad.metrics.nab import NABSeries
from kad.runs.train import train
from runtime.errors import InputError
from toys.series import TINY, wave
from toys.training import networks_as_they_are

ROWS = 700
TRAINED = 500
FAULTS = [(560, 570), (620, 640)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A wave with two faults, their labels, and a run of the moving Gaussian on its first rows."""
    folder = tmp_path_factory.mktemp("evaluation")
    frame = wave(ROWS)
    for start, end in FAULTS:
        frame.iloc[start:end, 0] += 40
    frame.to_csv(folder / "data.csv")
    write_labels(folder / "labels.csv", [frame.index[[a, b - 1]] for a, b in FAULTS])
    config = build_config(detector="gaussian", overrides={"data": {"train": f"0:{TRAINED}"}})
    train(config, folder / "data.csv", out=folder / "run")
    return folder


def write_labels(path, windows):
    pd.DataFrame(windows, columns=["start", "end"]).to_csv(path, index=False)
    return path


def figures(evaluation, detector):
    """Values by metric."""
    table = evaluation.table
    return table[table["detector"] == detector].set_index("metric")["value"]


@pytest.fixture
def scored():
    """A score, its labels and its detections."""
    score = np.random.default_rng(0).random(400)
    score[210:220] += 0.5
    score[300:302] += 0.9
    return score, [(200, 220), (300, 310)], score > 0.99


# Every metric of one series


def test_every_metric_is_there(scored):
    """All names, those of a default threshold only where there is one."""
    score, labels, detected = scored
    assert list(evaluate(score, labels, detected=detected)) == list(METRICS)
    without = evaluate(score, labels)
    assert list(without) == [n for n, metric in METRICS.items() if metric.threshold != "default"]
    for name, metric in METRICS.items():
        assert name.startswith("best_") == (metric.threshold == "labels")


def test_rows_that_do_not_count_are_as_if_not_there(scored):
    """Left-out rows change nothing but for rows near the cut; labels in them do not count."""
    score, labels, detected = scored
    kept = evaluate(score, [(5, 9), *labels], detected=detected, keep=np.arange(400) >= 100)
    cut = evaluate(score[100:], [(a - 100, b - 100) for a, b in labels], detected=detected[100:])
    assert kept == pytest.approx(cut, nan_ok=True)


def test_best_figures_are_never_worse(scored):
    """A threshold chosen with the labels in view cannot lose to another."""
    score, labels, detected = scored
    got = evaluate(score, labels, detected=detected)
    for name in ("f1", "adjusted_f1"):
        assert got[f"best_{name}"] >= got[name]
    whole = nab_scores([NABSeries(score, labels, probation=0)])
    assert got["best_nab_standard"] == whole["standard"].score


def test_nab_takes_one_alert_per_event(scored):
    """Twenty rows of one false alarm cost as much as one."""
    score, labels, _ = scored
    once, long = np.zeros(400, bool), np.zeros(400, bool)
    once[[50, 200]] = True
    long[50:70], long[200:215] = True, True
    short, extended = (evaluate(score, labels, detected=d) for d in (once, long))
    assert short["nab_standard"] == extended["nab_standard"]
    assert short["nab_standard"] == pytest.approx(100 * (1 - 0.11 - 1 + 2) / 4)


def test_without_labels_false_alarms_are_left(scored):
    """A normal series says how often it alarms, and nothing else."""
    score, _, detected = scored
    got = evaluate(score, [], detected=detected, period_s=86_400)
    assert got["false_alarms_per_day"] > 0
    known = {name for name, value in got.items() if not np.isnan(value)}
    assert known == {"precision", "event_precision", "range_precision", "false_alarms_per_day"} | {
        "adjusted_precision",
        "normal_in_events",
    }


@pytest.mark.parametrize("score", [np.array([0, np.nan]), np.zeros((2, 2)), np.zeros(0)])
def test_unusable_scores_are_refused(score):
    with pytest.raises(InputError, match=r"\(rows,\)"):
        evaluate(score, [])


# Over series and seeds


def test_aggregate_by_hand():
    """Means over series first, then the spread of these over seeds."""
    rows = [("a", 0, 0.2), ("b", 0, 0.4), ("a", 1, 0.6), ("b", 1, np.nan)]
    table = pd.DataFrame(rows, columns=["series", "seed", "f1"]).assign(detector="x", other=1)
    (got,) = aggregate(table).to_dict("records")
    assert got == {
        "detector": "x",
        "metric": "f1",
        "mean": pytest.approx(0.45),
        "std": pytest.approx(np.std([0.3, 0.6], ddof=1)),
        "min": pytest.approx(0.3),
        "max": 0.6,
        "series": 2,
        "seeds": 2,
    }


def test_aggregate_refuses_what_cannot_be_compared():
    """Seeds with other series, and a series twice, would make a wrong mean."""
    table = pd.DataFrame({"detector": "x", "series": ["a", "b", "a"], "seed": [0, 0, 1], "f1": 0.5})
    with pytest.raises(InputError, match="same series"):
        aggregate(table)
    with pytest.raises(InputError, match="one row per detector, series, seed"):
        aggregate(pd.concat([table, table]))


# A run


def test_a_moving_gaussian_is_its_own_baseline(folder):
    """Fitted on the rows that trained the run, the baseline of such a run gives its figures."""
    got = evaluate_run(folder / "run", folder / "data.csv", folder / "labels.csv")
    ours, theirs = figures(got, "gaussian"), figures(got, BASELINE)
    pd.testing.assert_series_equal(ours, theirs)
    assert list(ours.index) == list(METRICS)
    assert got.notes == ("200 of 700 steps count: the others lie in the training rows.",)
    assert (ours["event_recall"], ours["delay_s"]) == (1, 0)
    assert ours["vus_pr"] > figures(got, RANDOM)["vus_pr"] + 0.2


def test_training_rows_do_not_count(folder, tmp_path):
    """A label among them is reported, and does not change a figure; --test chooses others."""
    times = wave(ROWS).index
    more = write_labels(
        tmp_path / "more.csv", [times[[20, 30]], *(times[[a, b - 1]] for a, b in FAULTS)]
    )
    data = folder / "data.csv"
    got = evaluate_run(folder / "run", data, more)
    assert "1 of 3 labelled windows" in got.notes[-1]
    alone = evaluate_run(folder / "run", data, folder / "labels.csv")
    pd.testing.assert_frame_equal(got.table, alone.table)
    chosen = evaluate_run(folder / "run", data, more, test="0:600", draws=1)
    assert chosen.notes[0] == "600 of 700 steps count: --test 0:600."
    assert figures(chosen, "gaussian")["event_recall"] == 0.5


def test_data_without_the_training_rows(folder, tmp_path):
    """The baseline needs the rows that trained, and takes no others for them."""
    rest = tmp_path / "rest.csv"
    wave(ROWS).iloc[TRAINED:].to_csv(rest)
    labels = folder / "labels.csv"
    without = evaluate_run(folder / "run", rest, labels, draws=1)
    assert "--training" in without.notes[-1]
    assert BASELINE not in set(without.table["detector"])
    given = evaluate_run(folder / "run", rest, labels, training=folder / "data.csv", draws=1)
    pd.testing.assert_series_equal(figures(given, "gaussian"), figures(given, BASELINE))
    with pytest.raises(InputError, match="must hold the rows that trained"):
        evaluate_run(folder / "run", rest, labels, training=rest)


def test_labels_meet_the_nearest_step(folder, tmp_path):
    """A label between two samples belongs to the nearer one; overlapping labels are one."""
    times = wave(ROWS).index + pd.Timedelta("20s")
    shifted = write_labels(
        tmp_path / "shifted.csv",
        [times[[560, 569]], times[[565, 568]], times[[620, 639]]],
    )
    got, exact = (
        evaluate_run(folder / "run", folder / "data.csv", labels, draws=1)
        for labels in (shifted, folder / "labels.csv")
    )
    pd.testing.assert_frame_equal(got.table, exact.table)


def test_rows_without_times(tmp_path):
    """Row numbers are the labels' time where the data have none."""
    frame = wave(ROWS)
    frame.iloc[560:570] += 12
    frame.to_csv(tmp_path / "data.csv", index=False)
    config = build_config(
        detector="gaussian", preset="tiny", overrides={"data": {"train": "0:500", "period": 60.0}}
    )
    train(config, tmp_path / "data.csv", out=tmp_path / "run")
    labels = write_labels(tmp_path / "labels.csv", [(560, 569)])
    got = evaluate_run(tmp_path / "run", tmp_path / "data.csv", labels, draws=1)
    assert got.notes == ("200 of 700 steps count: the others lie in the training rows.",)
    assert figures(got, "gaussian")["event_recall"] == 1
    assert figures(got, "gaussian")["delay_s"] == 0


def test_a_detector_file_gives_the_runs_figures(run, exported, tmp_path):
    """RUN may be the exported file: the same scores, so the same figures."""
    frame = wave(800)
    frame.iloc[700:720] += 15
    labels = write_labels(tmp_path / "labels.csv", [frame.index[[700, 719]]])
    in_keras, in_onnx = (
        evaluate_run(path, frame, labels, draws=1) for path in (run.folder, exported.path)
    )
    np.testing.assert_allclose(in_keras.table["value"], in_onnx.table["value"], rtol=1e-3)
    assert in_onnx.notes == in_keras.notes
    assert set(in_onnx.table["detector"]) == {"vae-lstm", RANDOM, BASELINE}


def test_what_stands_beside_has_its_own_threshold(tmp_path):
    """The moving Gaussian is one trained with the budget; the random score alarms as often."""
    frame = wave(2600)
    frame.iloc[700:720] += 15
    labels = write_labels(tmp_path / "labels.csv", [frame.index[[700, 719]]])
    overrides = {"alarm": {"false_alarms": "48/day"}}
    config = build_config(detector="gaussian", overrides=overrides)
    train(config, frame.iloc[:600], out=tmp_path / "gaussian")
    more = build_config(overrides={**TINY, **overrides})
    with networks_as_they_are():
        train(more, frame.iloc[:600], out=tmp_path / "vae-lstm")
    ours, alone = (
        evaluate_run(tmp_path / name, frame, labels) for name in ("vae-lstm", "gaussian")
    )
    pd.testing.assert_series_equal(figures(ours, BASELINE), figures(alone, "gaussian"))
    assert figures(ours, RANDOM)["false_alarms_per_day"] == pytest.approx(48, rel=0.3)


def test_a_gap_is_as_long_as_in_the_runtime(folder, tmp_path):
    """The refractory time passes while a gap lasts: a fault after it is an event of its own."""
    frame = wave(ROWS)
    faults = [(560, 570), (690, 700)]
    for start, end in faults:
        frame.iloc[start:end, 0] += 40
    frame.index = frame.index.where(np.arange(ROWS) < 575, frame.index + pd.Timedelta("10h"))
    windows = [frame.index[[start, end - 1]] for start, end in faults]
    labels = write_labels(tmp_path / "labels.csv", windows)
    config = build_config(
        detector="gaussian",
        overrides={"data": {"train": f"0:{TRAINED}"}, "alarm": {"refractory": "5h"}},
    )
    run = train(config, frame, out=tmp_path / "run")
    detector = run.detector
    assert len(detector.events_of(detector.scores(frame)[0])) == 2
    assert figures(evaluate_run(tmp_path / "run", frame, labels), "gaussian")["event_recall"] == 1


# The command line


def kad(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["kad", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        sys.exit(importlib.import_module("kad.cli.app").main())
    return ended.value.code


def test_command_prints_and_writes(folder, monkeypatch, capsys, tmp_path):
    """A table that says which thresholds saw the labels, and the same figures as CSV."""
    out = tmp_path / "metrics.csv"
    code = kad(
        monkeypatch, "evaluate", folder / "run", folder / "data.csv",
        "--labels", folder / "labels.csv", "-o", out,
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert code == 0
    assert "Default threshold, chosen without labels: 1/week (gaussian: severity" in printed
    assert "threshold chosen with the labels in view" in printed
    for name in ("gaussian", RANDOM, BASELINE):
        assert name in printed
    for metric in METRICS.values():
        assert metric.title in printed
    table = pd.read_csv(out)
    assert list(table) == ["detector", "threshold", "metric", "value"]
    assert len(table) == 3 * len(METRICS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none", "data.csv", "--labels", "labels.csv"), "There is no detector at none"),
        (("run", "none.csv", "--labels", "labels.csv"), "can be read. Received: none.csv"),
        (("run", "data.csv", "--labels", "none.csv"), "none.csv cannot be read"),
        (("run", "data.csv", "--labels", "data.csv"), "columns start and end"),
        (("run", "data.csv", "--labels", "late.csv"), "No window of late.csv holds a row"),
        (("run", "data.csv", "--labels", "numbers.csv"), "times without a time zone"),
        (("run", "data.csv", "--labels", "labels.csv", "--test", "9000:"), "--test 9000: holds no"),
        (("run", "data.csv", "--labels", "labels.csv", "-o", "data.csv"), "file as the data"),
        (("run", "trained.csv", "--labels", "early.csv"), "Every row of the data trained"),
        (("run", "data.csv"), "Missing option"),
    ],
)
def test_user_faults_are_one_line(folder, monkeypatch, capsys, arguments, message):
    """Exit code 2, one line on stderr."""
    monkeypatch.chdir(folder)
    write_labels(folder / "late.csv", [("2031-01-01", "2031-01-02")])
    write_labels(folder / "numbers.csv", [(3, 5)])
    frame = wave(ROWS)
    write_labels(folder / "early.csv", [frame.index[[3, 5]]])
    frame.iloc[:TRAINED].to_csv(folder / "trained.csv")
    code = kad(monkeypatch, "evaluate", *arguments)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert code == 2, lines
    assert len(lines) == 1, lines
    assert re.search(message, lines[0])


def test_figures_that_nothing_defines_are_not_printed(tmp_path):
    """Where no label counts, false alarms are what is left to say."""
    frame = wave(1200)
    labels = write_labels(tmp_path / "labels.csv", [frame.index[[200, 210]]])
    config = build_config(detector="gaussian", preset="tiny")
    train(config, frame.iloc[:600], out=tmp_path / "run")
    got = evaluate_run(tmp_path / "run", frame, labels, draws=1)
    assert "1 of 1 labelled windows lie in rows that do not count." in got.notes
    console = Console(file=StringIO(), width=200)
    console.print(as_text(got))
    text = console.file.getvalue()
    assert "false alarms per day" in text
    assert "normal time in events" in text
    assert "recall" not in text
    assert "–" not in text
