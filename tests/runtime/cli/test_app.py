"""`runtime verify`, and arguments that no command takes."""

import pytest

pytest.importorskip("onnx")

from runtime.cli.app import main
from runtime.model.detector import Detector
from runtime.model.schema import GOLDEN_KEY
from toys.onnx_files import graph, metadata, sealed, toy


def test_verify(model, tmp_path, capsys):
    """0 with the gap of each output; 1 where the numbers differ; 2 for no detector."""
    assert main(["verify", model]) == 0
    captured = capsys.readouterr()
    assert "next_state      0.00e+00" in captured.out
    assert "passed: 64 steps" in captured.out
    other = tmp_path / "other.onnx"
    golden = {GOLDEN_KEY: Detector(toy()).golden}
    other.write_bytes(sealed(graph(metadata(), decay=0.8), metadata(), **golden))
    assert main(["verify", str(other)]) == 1
    assert "must reproduce its golden vectors" in capsys.readouterr().err
    assert main(["verify", __file__]) == 2
