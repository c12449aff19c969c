"""Chunks by bytes, and the memory that a detector says it needs."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from benchmarks.protocol.results_file import RESULTS
from kad.detector.footprint import CHUNK_BYTES, EXPORT, MB, SCORE, TRAIN, chunk_steps, needed
from kad.detectors import detector_class, detector_names


@pytest.mark.parametrize(
    ("longest", "numbers", "steps"),
    [
        (64, 16_000, 64),
        (64, CHUNK_BYTES // 4 // 64, 64),
        (64, CHUNK_BYTES // 4 // 63, 63),
        (64, 220 * 16_000, 4),
        (64, 10**9, 1),
        (24, 0, 24),
    ],
)
def test_chunks_of_more_channels_have_fewer_steps(longest, numbers, steps):
    """The largest array of a chunk is within the budget, and a chunk has a step at least."""
    assert chunk_steps(longest, numbers) == steps


def test_every_term_adds_up():
    """What a process takes is what it takes idle, and so much of each kind."""
    nothing = dict.fromkeys(("max_steps", "step_numbers", "row_numbers", "state_size"), 0)
    idle = needed(rows=0, inputs=0, weights=0, **nothing)
    assert idle.score == SCORE.idle
    more = needed(rows=0, inputs=0, weights=MB, **{**nothing, "state_size": MB})
    assert more.score - idle.score == round(4 * MB * (SCORE.state + SCORE.weights))
    rows = needed(rows=1000, inputs=10, weights=0, **{**nothing, "row_numbers": 3})
    assert rows.train - idle.train == 1000 * (10 * 160 + 3 * 4)
    assert rows.export == idle.export + 10 * EXPORT.column
    trained = needed(rows=0, inputs=0, weights=0, families=2, **nothing)
    assert trained.train - idle.train == 2 * TRAIN.family
    assert (trained.export, trained.score) == (idle.export, idle.score)


def test_an_ensemble_trains_the_families_of_its_members():
    """A detector without networks has none."""
    names = ("gaussian", "memory", "rnn", "vae-lstm", "ensemble")
    assert [detector_class(name)(["a"]).families for name in names] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("name", detector_names())
def test_a_chunk_is_within_its_budget_on_any_number_of_channels(name):
    """Every detector says what its largest array is, and cuts its chunks by it."""
    cls = detector_class(name)
    steps = []
    for channels in (1, 300):
        detector = cls([f"c{i}" for i in range(channels)])
        assert detector.step_numbers >= channels
        assert detector.max_steps * detector.step_numbers * 4 <= CHUNK_BYTES
        steps.append(detector.max_steps)
    assert steps[0] >= steps[1]


def test_what_is_said_is_what_was_measured():
    """`python -m benchmarks memory` measured at most what was said, and no small part of it."""
    measured = pd.read_csv(RESULTS / "memory_wide.csv")
    measured = measured[measured["peak_mb"].notna()]
    ratio = measured["peak_mb"] / measured["estimated_mb"]
    assert ratio.max() <= 1
    assert ratio.min() >= 0.7


WIDE = """
import resource, sys
import numpy as np, pandas as pd
from pathlib import Path
from kad.config import build_config
from kad.runs.train import train
from export import export
from runtime import Detector, Stream

folder = Path(sys.argv[1])
rows = np.arange(400)
waves = np.sin(rows[:, None] / np.linspace(5, 50, 60))
names = [f"c{i}" for i in range(60)]
frame = pd.DataFrame(waves, columns=names, index=pd.to_datetime(rows * 60, unit="s"))
small = {"detector": {"size": 4000, "box": 2, "boxes": 4, "start": 24}}
run = train(build_config(detector="memory", overrides=small), frame, out=folder)
stream = Stream(Detector(export(folder).path))
scores = stream.push_many(frame.index.as_unit("ns").asi8, waves)
print(len(scores), run.detector.memory_needed(400).export)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
def test_a_wide_detector_stays_within_what_it_says(tmp_path):
    """Sixty channels are trained, exported and scored by one process in the memory for the export.

    States of all steps that the replay takes would alone be twice as much.
    """
    code = subprocess.run(
        [sys.executable, "-c", WIDE, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
    )
    assert not code.returncode, code.stderr[-2000:]
    scored, peak = code.stdout.splitlines()[-2:]
    assert scored.split()[0] == "400"
    assert int(peak) <= int(scored.split()[1])
