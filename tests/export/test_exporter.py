"""Export: the file is the whole detector, and is written only when it is right."""

import io
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from math import prod
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime
import pytest

from export import export
from export.cli import main
from export.replay import replay_series
from kad.detectors.gaussian import MovingGaussian
from kad.networks.vae_lstm.vae import embedding_lstm
from kad.runs.folder import load
from runtime import Detector, verify
from runtime.errors import InputError, VerificationError
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS
from runtime.model.schema import METADATA_KEY, SCHEMA
from runtime.tables.detector_json import metadata_json

KEPT = Path(__file__).parents[1] / "golden" / "detectors"


def export_command(*words):
    """Runs `python -m export` in this process: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["export", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return ended.value.code, out.getvalue(), err.getvalue()


def control_flow(model):
    """The control flow nodes of a file."""
    return [n.op_type for n in model.graph.node if n.op_type in {"If", "Loop", "Scan"}]


def test_file_keeps_the_contract(exported, detector):
    """Opset 17, IR 8, standard operators, one declared Loop, named tensors and dimensions."""
    model = onnx.load(exported.path)
    assert [(o.domain, o.version) for o in model.opset_import if not o.domain] == [("", 17)]
    assert model.ir_version == 8
    assert control_flow(model) == ["Loop"]
    assert {n.domain for n in model.graph.node} <= {"", "ai.onnx"}
    shapes = {
        t.name: [d.dim_param or d.dim_value for d in t.type.tensor_type.shape.dim]
        for t in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {
        "x": ["streams", "steps", 2],
        "state": ["streams", detector.state_size],
        "score": ["streams", "steps"],
        "severity": ["streams", "steps"],
        "channel_scores": ["streams", "steps", 2],
        "expected": ["streams", "steps", 2],
        "next_state": ["streams", detector.state_size],
    }
    assert [o.name for o in model.graph.output] == list(OUTPUTS)
    assert {"LSTM"} <= {n.op_type for n in model.graph.node}


def test_metadata_is_readable_with_onnxruntime_alone(exported, detector):
    """Channels, units, grid, threshold and how it was trained travel in the file."""
    session = onnxruntime.InferenceSession(exported.path)
    assert METADATA_KEY in session.get_modelmeta().custom_metadata_map
    metadata = Detector(exported.path).metadata
    assert metadata.schema == SCHEMA
    assert metadata.channels == ("a", "b")
    assert metadata.units == ("bar", None)
    assert metadata.period_s == 60.0
    assert metadata.warmup_steps == detector.warmup_steps == 17
    assert metadata.max_steps == 6
    assert metadata.threshold == detector.card["threshold"]
    assert metadata.false_alarms == "1/week"
    assert metadata.training["rows"] == 600
    assert len(metadata.training["data_sha256"]) == len(metadata.graph_sha256) == 64
    assert metadata.state[0].name == "count"
    assert sum(prod(part.shape) for part in metadata.state) == metadata.state_size
    assert {part.name for part in metadata.state if part.keeps} >= {"mean", "variance", "seen"}
    assert metadata.calibration["rows"] == 540


def test_replay_saw_all_ways_and_outputs(exported):
    """The gaps of stream, chunks and whole are reported for every output."""
    assert set(exported.gaps) == {"stream", "chunks", "whole"}
    for gaps in exported.gaps.values():
        assert set(gaps) == set(OUTPUTS)
        assert max(gaps.values()) <= 1e-5


def test_golden_vectors_replay_exactly(exported):
    """`verify` reproduces the numbers of the export on the machine that made them."""
    report = verify(exported.path)
    assert report.passed
    assert report.steps == 64
    assert max(report.gaps.values()) == 0


@pytest.fixture(scope="module")
def frozen(run, tmp_path_factory):
    """The run's file for two streams and one step, and its networks beside it."""
    folder = tmp_path_factory.mktemp("frozen")
    return export(run.folder, folder / "frozen.onnx", streams=2, steps=1, components=True)


def test_frozen_dimensions(run, exported, frozen):
    """`--streams` and `--steps` freeze the file and change no number; one step has no loop."""
    assert not control_flow(onnx.load(frozen.path))
    small, whole = Detector(frozen.path), Detector(exported.path)
    assert (small.fixed_streams, small.fixed_steps) == (2, 1)
    x = replay_series(run.detector, streams=2, steps=40)
    state = whole.initial_state(2)
    for name, a, b in zip(OUTPUTS, small.step(x, state), whole.step(x, state), strict=True):
        assert relative_gap(a, b) < 1e-5, name
    assert verify(frozen.path).passed


def test_components_are_the_networks(run, frozen):
    """encoder.onnx, lstm.onnx and decoder.onnx compute what the Keras networks compute."""
    assert [p.name for p in frozen.components] == ["encoder.onnx", "lstm.onnx", "decoder.onnx"]
    detector = run.detector
    rng = np.random.default_rng(0)
    windows = rng.normal(20, 4, (5, 6, 2)).astype("float32")
    codes = rng.normal(size=(5, 2, 2)).astype("float32")
    inputs = {
        "encoder": ({"windows": windows}, detector.encoder(detector.scaler(windows))),
        "lstm": ({"codes": codes}, [detector.lstm(codes)]),
        "decoder": (
            {"codes": codes[:, 0]},
            [detector.scaler.inverse(detector.decoder(codes[:, 0]))],
        ),
    }
    for path, (name, (feed, expected)) in zip(frozen.components, inputs.items(), strict=True):
        session = onnxruntime.InferenceSession(path)
        for got, want in zip(session.run(None, feed), expected, strict=True):
            assert relative_gap(got, np.asarray(want)) < 1e-5, name


@pytest.mark.parametrize("head", ["dense", "lstm"])
def test_both_lstm_heads_are_free_of_loops(head):
    """The paper's linear LSTM head, too, becomes plain operators with Keras' numbers."""
    from export.onnx_graph import to_onnx

    network = embedding_lstm(l_seq=5, code_size=3, units=4, head=head)
    model = to_onnx(
        lambda codes: {"predicted": network(codes)},
        inputs={"codes": ("batch", 4, 3)},
        outputs={"predicted": ("batch", 4, 3)},
    )
    codes = np.random.default_rng(0).normal(size=(1, 4, 3)).astype("float32")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (predicted,) = session.run(None, {"codes": codes})
    assert relative_gap(predicted, np.asarray(network(codes))) < 1e-5
    assert sum(n.op_type == "LSTM" for n in model.graph.node) == 2


def test_a_file_that_disagrees_is_not_written(tmp_path, monkeypatch):
    """Without the Where handler one NaN poisons the state: replay sees it, no file appears."""
    from export import onnx_graph

    monkeypatch.setattr(onnx_graph, "_HANDLERS", {})
    with pytest.raises(VerificationError, match="No file was written"):
        export(KEPT / "gaussian.keras", tmp_path / "detector.onnx")
    assert not list(tmp_path.iterdir())


def test_wrong_arguments_are_refused(tmp_path):
    """Each wrong argument is one line, and nothing is written."""
    MovingGaussian(["a"]).save(tmp_path / "unfitted.keras")
    trained = KEPT / "gaussian.keras"
    most = load(trained).max_steps
    for arguments, message in [
        ((tmp_path / "unfitted.keras",), "is not trained"),
        ((tmp_path / "nothing",), "no detector at"),
        ((trained, tmp_path / "no" / "x.onnx"), "does not exist"),
    ]:
        with pytest.raises(InputError, match=message):
            export(*arguments)
    said = f"at most the detector's max_steps, {most}. Received: {most + 1}"
    with pytest.raises(InputError, match=said):
        export(trained, tmp_path / "x.onnx", steps=most + 1)
    assert [p.name for p in tmp_path.iterdir()] == ["unfitted.keras"]


def test_metadata_beside_the_file(tmp_path):
    """`--metadata` writes what `runtime info --json` prints, as `<name>.json`, and says so."""
    done = export(KEPT / "gaussian.keras", tmp_path / "pump.onnx", metadata=True)
    assert done.metadata == tmp_path / "pump.json"
    assert done.metadata.read_text() == metadata_json(Detector(done.path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pump.json", "pump.onnx"]
    text = export_command(KEPT / "gaussian.keras", "-o", tmp_path / "again.onnx", "--metadata")[1]
    assert f"Wrote {tmp_path / 'again.json'}." in text
    assert (tmp_path / "again.json").read_text() == done.metadata.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run -o run/model.keras", "--output .* as the run's model.keras"),
        ("run -o link.onnx", "--output .* as the run's model.keras"),
        ("run/model.keras -o run/model.keras", "--output .* as the detector"),
        ("run -o run/config.toml", "--output .* as the run's config.toml"),
        ("run -o run/report.html", "--output .* as the run's report.html"),
        ("run -o pump.json --metadata", "--metadata .* as --output"),
        ("run -o detector.onnx --metadata", "--metadata .* as the run's model.keras"),
        ("run -o run/encoder.onnx --components", "encoder.onnx of --components .* as --output"),
        ("run -o pump.onnx --components", "lstm.onnx of --components .* as the run's config.toml"),
    ],
)
def test_no_file_of_the_run_is_replaced(tmp_path, monkeypatch, words, message):
    """Exit code 2, one line that names both, and every file as it was."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.keras").write_bytes((KEPT / "vae-lstm.keras").read_bytes())
    (tmp_path / "run" / "config.toml").write_text("")
    (tmp_path / "link.onnx").symlink_to("run/model.keras")
    (tmp_path / "detector.json").hardlink_to(tmp_path / "run" / "model.keras")
    (tmp_path / "lstm.onnx").symlink_to("run/config.toml")
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, _, said = export_command(*words.split())
    assert code == 2, said
    assert re.fullmatch(f"kad: error: {message}. Received: .* Name another file.\n", said), said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
