"""The moving Gaussian, and what a detector without networks needs from everything around it."""

import json
import re
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

import kad
from export import export
from export.replay import always, replay_series, run, uneven
from kad.backend.compiled import compile_function
from kad.config import build_config
from kad.detectors import detector_class, detector_names
from kad.detectors.gaussian import MovingGaussian
from kad.report.write import write_report
from kad.runs.folder import load
from kad.runs.train import train
from runtime import Detector
from runtime.alarms.budget import event_threshold
from runtime.errors import ConfigError, InputError
from runtime.model.compare import relative_gap
from runtime.model.policy import AlarmPolicy
from toys.series import wave

WINDOW = 20


@pytest.fixture(scope="module")
def run_(tmp_path_factory):
    """A trained run."""
    config = build_config(detector="gaussian", preset="tiny")
    return train(config, wave(), out=tmp_path_factory.mktemp("gaussian") / "run")


def holey(rows=400, seed=3):
    """A wave with missing and infinite samples, a dead channel for a while, and a fault."""
    frame = wave(rows, seed=seed)
    rng = np.random.default_rng(seed)
    frame[rng.random(frame.shape) < 0.1] = np.nan
    frame.iloc[60, 0] = np.inf
    frame.iloc[100:160, 1] = np.nan
    frame.iloc[300:303, 0] += 30
    return frame


def moving_z(detector, frame):
    """Score and mean per sample and channel, by the definition, in float64."""
    mean, std = (np.asarray(v, "float64") for v in (detector.scaler.mean, detector.scaler.std))
    z = ((frame.to_numpy() - mean) / std).T
    score, expected = np.zeros_like(z), np.zeros_like(z)
    for channel, column in enumerate(z):
        for t in range(len(column)):
            before = column[:t][np.isfinite(column[:t])][-detector.window :]
            empty = detector.window - len(before)
            expected[channel, t] = before.mean() if len(before) else 0.0
            variance = (np.square(before - expected[channel, t]).sum() + empty) / detector.window
            if np.isfinite(column[t]) and len(before):
                distance = column[t] - expected[channel, t]
                score[channel, t] = distance**2 / max(variance, detector.floor**2)
    return score.T, expected.T * std + mean


def test_score_is_the_squared_distance_from_the_samples_before(run_):
    """Per channel the last `window` observed samples count; the score is the channels' sum."""
    frame = holey()
    score, expected = moving_z(run_.detector, frame)
    table = run_.detector.score(frame)
    warm = slice(WINDOW + 1, None)
    assert relative_gap(table[["score_a", "score_b"]].to_numpy()[warm], score[warm]) < 1e-5
    assert relative_gap(table["score"].to_numpy()[warm], score.sum(axis=1)[warm]) < 1e-5
    assert relative_gap(table[["expected_a", "expected_b"]].to_numpy()[warm], expected[warm]) < 1e-5
    assert table["alarm"].iloc[300]
    assert not table[["score", "severity"]].to_numpy()[:WINDOW].any()


def test_any_chunking_far_away_gives_the_same_numbers(run_):
    """Stream, uneven chunks and whole chunks agree on a level that no training row had."""
    detector = run_.detector
    x = replay_series(detector, streams=2, steps=300) + np.float32(300.0)
    step = compile_function(detector.step, detector.variables)
    zeros = np.zeros((2, detector.state_size), "float32")
    whole = run(step, x, zeros, always(detector.max_steps))
    assert all(np.isfinite(array).all() for array in whole.values())
    for lengths in (always(1), uneven(detector.max_steps)):
        parts = run(step, x, zeros, lengths)
        for name, array in whole.items():
            assert relative_gap(parts[name], array) < 1e-5, name


def test_a_constant_stretch_is_measured_by_the_floor(run_):
    """After a constant window, one `floor` of the training rows' spread away scores 1."""
    detector = run_.detector
    frame = wave(100)
    frame.iloc[40:] = frame.iloc[40].to_numpy()
    frame.iloc[80, 0] += detector.floor * float(detector.scaler.std[0])
    table = detector.score(frame)
    assert table["score"].iloc[79] == 0
    assert table["score"].iloc[80] == pytest.approx(1, rel=1e-4)


def test_a_run_without_phases_is_a_whole_run(run_, tmp_path):
    """History, report, `resume` and `load` work where there is nothing to train."""
    assert list(pd.read_csv(run_.folder / "history.csv")) == list(run_.history)
    assert run_.history.empty
    page = write_report(run_.folder, wave(), output=tmp_path / "page.html").read_text()
    assert "This detector has no networks" in page
    assert "Epochs" not in page
    config = build_config(file=run_.folder / "config.toml")
    again = train(config, wave(), out=run_.folder, resume=True).detector
    assert again.card == run_.detector.card == load(run_.folder).card
    with pytest.raises(InputError, match="at least 21 rows.*--preset tiny"):
        train(config, wave(15), out=tmp_path / "short")


def test_options_that_mean_nothing_here_are_refused():
    """Epochs of a detector that has none are an unknown key."""
    with pytest.raises(ConfigError, match="Unknown configuration key 'training.epochs'"):
        build_config(detector="gaussian", overrides={"training": {"epochs": 3}})


def test_every_detector_is_offered():
    """Help, errors and `kad.<ClassName>` know each module of kad/detectors without a list."""
    done = subprocess.run(
        [sys.executable, "-m", "kad", "train", "--help"],
        capture_output=True, text=True, check=True, env={"COLUMNS": "300", "PATH": ""},
    )  # fmt: skip
    assert f"One of {', '.join(detector_names())}." in re.sub(r"\s+", " ", done.stdout)
    with pytest.raises(ConfigError, match="one of ensemble, gaussian, .*Did you mean 'gaussian'"):
        detector_class("gausian")
    assert kad.MovingGaussian is MovingGaussian
    for name in detector_names():
        assert getattr(kad, detector_class(name).__name__) is detector_class(name)
    with pytest.raises(AttributeError, match="MovingGaussian"):
        _ = kad.Gaussian


def test_the_alarm_policy_and_the_budget_travel_with_the_run(tmp_path):
    """From [alarm] to run, exported file and events; the threshold is what `runtime` computes."""
    alarm = {"refractory": "10min", "merge_gap": 90, "release": 0.6, "false_alarms": "2/h"}
    config = build_config(detector="gaussian", preset="tiny", overrides={"alarm": alarm})
    detector = train(config, wave(4000), out=tmp_path / "run").detector
    policy = AlarmPolicy(refractory_steps=10, merge_gap_steps=2, release=0.6)
    assert load(tmp_path / "run").alarm_policy == policy
    meta = Detector(export(tmp_path / "run", tmp_path / "detector.onnx").path).metadata
    assert (meta.alarm, meta.threshold) == (policy, detector.card["threshold"])
    again = event_threshold("2/h", period_s=60, calibration=meta.calibration, policy=meta.alarm)
    assert (again.threshold, again.span_s) == (meta.threshold, 3600 * 60)
    # The calibration rows give the events that the budget allows: 120 in 3600 minutes.
    scores, _ = detector.scores(wave(4000))
    last = replace(scores, **{f.name: getattr(scores, f.name)[-3600:] for f in fields(scores)})
    found = detector.events_of(last)
    assert len(found) == pytest.approx(120, abs=2)
    starts = np.diff([event.start_ns for event in found])
    assert starts.min() >= 10 * 60 * 10**9


def test_runs_from_before_the_policy_keep_their_events(run_):
    """No policy and no calibration rows in the card: hysteresis alone, the threshold as it was."""
    detector = load(run_.folder)
    card = {k: v for k, v in detector.card.items() if k != "alarm"}
    del card["calibration"]["severest"]
    detector._card = json.dumps(card)
    assert detector.alarm_policy == AlarmPolicy()
    assert "counts samples" in detector.budget.note
    assert detector.events_of(detector.scores(wave())[0]) is not None
