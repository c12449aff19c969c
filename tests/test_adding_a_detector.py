"""The recipe of docs/adding-a-detector.md, followed."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import kad
from export import export
from kad import detectors
from kad.config import build_config
from kad.data.frames import times_ns
from kad.runs.train import train
from runtime import Detector, Stream, verify
from runtime.model.compare import relative_gap
from toys.series import wave

RECIPE = Path(__file__).parent.parent / "docs" / "adding-a-detector.md"


@pytest.fixture
def linear(tmp_path, monkeypatch):
    """The recipe's file beside those in kad/detectors."""
    text = RECIPE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    name = re.search(r"`kad/detectors/(\w+)\.py`", text)[1]
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    yield name
    sys.modules.pop(f"kad.detectors.{name}", None)


def test_one_file_is_a_detector(linear, tmp_path):
    """The file alone trains, exports, runs on the gateway, and is found by its names."""
    config = build_config(detector=linear, preset="tiny", overrides={"training": {"epochs": 20}})
    run = train(config, wave(), out=tmp_path / "run")
    assert run.history["loss"].iloc[-1] < 0.5 * run.history["loss"].iloc[0]
    assert type(run.detector) is kad.Linear

    done = export(run.folder)
    assert verify(done.path).passed
    frame = wave(200, seed=5)
    frame.iloc[120, 0] += 10
    frame.iloc[50, 1] = np.nan
    scores = Stream(Detector(done.path)).push_many(times_ns(frame), frame.to_numpy())
    assert relative_gap(scores.score, run.detector.score(frame)["score"].to_numpy()) < 1e-5
    assert scores.severity.argmax() in range(120, 125)
