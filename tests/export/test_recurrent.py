"""The RNN predictor's file: one operator per layer, and the numbers of Keras."""

import numpy as np
import onnx
import pytest

from export import export
from export.detector_file import detector_file
from export.replay import replay_series
from kad.runs.folder import load
from runtime import Detector, verify
from runtime.clock.context import CONTEXT_COLUMNS
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS
from toys.rnn import CELLS, toy_rnn

CONTROL_FLOW = {"If", "Loop", "Scan"}
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


def operators(content):
    """How often each operator is in a file, those inside loops included."""
    counts = {}

    def walk(graph):
        for node in graph.node:
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    walk(attribute.g)

    walk(onnx.load_from_string(content).graph)
    return counts


def exported_toy(**arguments):
    """The file of a toy."""
    return detector_file(toy_rnn(**arguments), {})


@pytest.mark.parametrize("head", ["recursive", "direct"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_and_head_is_free_of_loops(cell, head):
    """Each layer is one operator, and stream, chunks and whole give Keras' numbers.

    The replay has missing and infinite samples and outages. A recursive LSTM needs a second LSTM
    per layer, which shows the cell; each step of a roll-out is one operator per layer.
    """
    done = exported_toy(head=head, **CELLS[cell])
    counts = operators(done.content)
    assert not CONTROL_FLOW & set(counts)
    layer = OPERATORS[CELLS[cell]["cell"]]
    depth, horizon = 2, 4
    rolled_out = depth * (horizon - 1) if head == "recursive" else 0
    cells = depth if (cell, head) == ("lstm", "recursive") else 0
    assert counts[layer] == depth + cells + rolled_out
    assert not (set(OPERATORS.values()) - {layer}) & set(counts)
    assert set(done.gaps) == {"stream", "chunks", "whole"}
    for gaps in done.gaps.values():
        assert set(gaps) == set(OUTPUTS)
        assert max(gaps.values()) <= 1e-5
    assert verify(done.content).passed


SRU = {"cell": "sru", "embedding": 6}
"""As wide as its input in the second layer, projected in the first."""


@pytest.mark.parametrize("head", ["recursive", "direct"])
def test_an_sru_is_no_loop_and_no_recurrent_operator(head, tmp_path):
    """A chunk of any length at once, and single steps in a step file: the numbers of Keras."""
    toy_rnn(head=head, **SRU).save(tmp_path / "toy.keras")
    done = export(tmp_path / "toy.keras", tmp_path / "toy.onnx", step=True)
    for path in (done.path, done.step):
        assert not {*CONTROL_FLOW, *OPERATORS.values()} & set(operators(path.read_bytes()))
    assert set(done.gaps) == {"stream", "chunks", "whole", "step"}
    assert max(gap for gaps in done.gaps.values() for gap in gaps.values()) <= 1e-5
    assert verify(done.path).passed


def test_an_sru_frozen_to_few_steps(tmp_path):
    """Frozen to three steps, a chunk takes two rounds, and gives the numbers of the free file."""
    toy_rnn(**SRU).save(tmp_path / "toy.keras")
    free = export(tmp_path / "toy.keras", tmp_path / "toy.onnx")
    fixed = export(tmp_path / "toy.keras", tmp_path / "fixed.onnx", streams=2, steps=3)
    counts, fewer = (operators(one.path.read_bytes()) for one in (free, fixed))
    assert fewer["Pad"] < counts["Pad"]
    large, small = Detector(free.path), Detector(fixed.path)
    x = replay_series(load(tmp_path / "toy.keras"), streams=2, steps=60)
    want, got = (one.step(x, one.initial_state(2))._asdict() for one in (large, small))
    for name in OUTPUTS:
        assert relative_gap(got[name], want[name], output=name) < 1e-5, name


def test_imputing_with_its_own_forecast_is_one_loop():
    """With static scores, the detector's own recurrence is the only Loop; the same numbers."""
    arguments = {"cell": "gru", "layers": 1, "horizon": 2, "context": CONTEXT_COLUMNS}
    done = exported_toy(impute="forecast", **arguments)
    counts = operators(done.content)
    assert {name: n for name, n in counts.items() if name in CONTROL_FLOW} == {"Loop": 1}
    assert max(gap for gaps in done.gaps.values() for gap in gaps.values()) <= 1e-5


@pytest.mark.parametrize(
    "arguments",
    [
        {"cell": "gru", "head": "direct", "layers": 1, "gaussian": "joint", "smooth": 3},
        {
            "layers": 1,
            "horizon": 1,
            "residual": True,
            "tied": True,
            "compensate": True,
            "clip": 0.0,
        },
        {"channels": 1, "layers": 1, "smooth": 3, "compensate": True},
        {"channels": 1, "layers": 1, "cell": "gru", "impute": "forecast", "gaussian": "joint"},
        {"layers": 1, "cell": "gru", "scoring": {}},
        {"layers": 1, "cell": "sru", "impute": "forecast", "horizon": 2},
    ],
    ids=[
        "joint and smooth",
        "residual, tied, compensated, one step ahead, no clip",
        "one channel",
        "one channel, joint, forecast",
        "adaptive",
        "sru, forecast",
    ],
)
def test_options_export(arguments):
    """The other options are in the graph, too."""
    done = exported_toy(**arguments)
    loops = {"Loop"} if {"impute", "scoring"} & set(arguments) else set()
    assert CONTROL_FLOW & set(operators(done.content)) == loops
    assert max(gap for gaps in done.gaps.values() for gap in gaps.values()) <= 1e-5


def test_one_step_at_a_time(rnn_exported, tmp_path):
    """Frozen to `--streams 2 --steps 1`, the file gives the numbers of the free one."""
    run, whole = rnn_exported
    frozen = export(run.folder, tmp_path / "frozen.onnx", streams=2, steps=1)
    assert not CONTROL_FLOW & set(operators(frozen.path.read_bytes()))
    small = Detector(frozen.path)
    assert (small.fixed_streams, small.fixed_steps) == (2, 1)
    x = replay_series(run.detector, streams=2, steps=60)
    state, expected = small.initial_state(2), whole.step(x, whole.initial_state(2))
    parts = []
    for t in range(60):
        parts.append(small.step(np.ascontiguousarray(x[:, t : t + 1]), state)._asdict())
        state = parts[-1]["next_state"]
    for name in OUTPUTS[:-1]:
        joined = np.concatenate([p[name] for p in parts], axis=1)
        assert relative_gap(joined, getattr(expected, name)) < 1e-5, name
    assert relative_gap(state, expected.next_state) < 1e-5


@pytest.fixture(scope="module")
def rnn_exported(rnn_run, tmp_path_factory):
    """The trained run and its file."""
    done = export(rnn_run.folder, tmp_path_factory.mktemp("exported") / "rnn.onnx")
    return rnn_run, Detector(done.path)


def test_export_leaves_the_layers_alone(rnn_exported):
    """After an export the detector runs its own recurrences again."""
    run, detector = rnn_exported
    x = replay_series(run.detector, streams=1, steps=40)
    state = np.zeros((1, run.detector.state_size), "float32")
    outputs = load(run.folder).step(x, state)
    assert relative_gap(outputs["score"], detector.step(x, state).score) < 1e-5
