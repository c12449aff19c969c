"""Golden vectors replay, and what does not is found."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.errors import ModelFileError
from runtime.model.detector import Detector
from runtime.model.outputs import OUTPUTS
from runtime.model.schema import GOLDEN_KEY, METADATA_KEY
from runtime.model.verify import make_golden, read_golden, verify
from toys.onnx_files import graph, metadata, toy, with_props

INF = float("inf")


def test_golden_vectors_pass_and_survive_packing(tmp_path):
    """The toy reproduces itself exactly, from a path, bytes or a loaded detector."""
    raw = toy(("a", "b"))
    path = tmp_path / "toy.onnx"
    path.write_bytes(raw)
    for source in (str(path), path, raw, Detector(raw)):
        report = verify(source)
        assert report.passed
        assert report.gaps == dict.fromkeys(OUTPUTS, 0.0)
        assert report.steps == 64
    golden = read_golden(Detector(raw).golden)
    assert np.isnan(golden.x).any()


def test_fixed_streams_and_steps_replay_the_same_vectors():
    """Frozen files are verified too."""
    assert verify(toy(("a", "b"), streams=3)).passed
    assert verify(toy(("a", "b"), streams=1, steps=1)).passed


def test_another_network_fails():
    """A graph with another decay does not pass with the golden vectors of the first."""
    meta = metadata()
    props = {METADATA_KEY: meta.to_json(), GOLDEN_KEY: Detector(toy()).golden}
    report = verify(with_props(graph(meta, decay=0.9001), **props))
    assert not report.passed
    assert report.gaps["score"] > 1e-5


def test_non_finite_outputs_fail():
    """NaN in an output fails even where the golden vectors have it too."""
    detector = Detector(toy())
    golden = read_golden(detector.golden)
    state = np.full_like(golden.state, np.nan)
    text = make_golden(golden.x, state, detector.step(golden.x, state))
    props = {METADATA_KEY: detector.metadata.to_json(), GOLDEN_KEY: text}
    assert verify(with_props(graph(detector.metadata), **props)).gaps["score"] == INF


def test_missing_or_damaged_golden_vectors():
    """Both are errors of the file, in one line."""
    with pytest.raises(ModelFileError, match="golden vectors"):
        verify(toy(golden=False))
    for text in ("", "no base64!", "aGVsbG8=", Detector(toy()).golden[:400]):
        with pytest.raises(ModelFileError, match="golden vectors"):
            read_golden(text)
