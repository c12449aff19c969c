"""`runtime info`."""

import json
import re

import pytest

pytest.importorskip("onnx")

from runtime.cli.app import main


def test_info(model, capsys):
    """Text for people, JSON for programs."""
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    assert "toy, schema 1" in text
    assert "3 steps" in text
    assert main(["info", model, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
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
