"""`runtime info` and `runtime vectors`."""

import json
import re

import pytest

pytest.importorskip("onnx")

from runtime.cli.app import main
from runtime.model.detector import Detector
from runtime.tables.detector_json import metadata_json, vectors_json
from toys.commands import error_of, names
from toys.onnx_files import toy


def test_info(model, capsys):
    """Text for people, JSON for programs."""
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    assert f"toy, schema {Detector(model).metadata.schema}" in text
    assert "3 steps" in text
    assert main(["info", model, "--json"]) == 0
    text = capsys.readouterr().out
    assert text == metadata_json(Detector(model))
    info = json.loads(text)
    assert info["inputs"] == [{"name": "a", "role": "channel", "unit": None}]
    assert info["fixed_steps"] is None


def test_info_says_what_an_event_is(calibrated, model, capsys):
    """The policy in seconds, and how the budget is known."""
    assert main(["info", calibrated]) == 0
    assert re.search(r"^events +refractory 120 s$", capsys.readouterr().out, re.MULTILINE)
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^events +release at 0.7 of the threshold$", text, re.MULTILINE)
    assert re.search(r"^note +a budget of 1/day counts samples", text, re.MULTILINE)


def test_vectors(model, tmp_path, capsys):
    """To stdout, or into a file that appears whole."""
    assert main(["vectors", model]) == 0
    text = capsys.readouterr().out
    assert text == "".join(vectors_json(Detector(model)))
    assert main(["vectors", model, "-o", str(tmp_path / "vectors.json")]) == 0
    assert (tmp_path / "vectors.json").read_text() == text
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(toy(golden=False))
    assert "golden vectors" in error_of(capsys, "vectors", bare, "-o", tmp_path / "new.json")
    assert names(tmp_path) == ["bare.onnx", "toy.onnx", "vectors.json"]
