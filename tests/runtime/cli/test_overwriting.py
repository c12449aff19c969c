"""No command writes over what it reads."""

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from runtime.cli.app import main
from toys.commands import error_of, names, table


@pytest.fixture
def folder(model, tmp_path, monkeypatch):
    """A detector and data, each with other names."""
    table(tmp_path)
    (tmp_path / "link.csv").symlink_to("data.csv")
    (tmp_path / "hard.onnx").hardlink_to(model)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("score toy.onnx data.csv -o data.csv", "-o .* as the data. Received: data.csv and"),
        ("score toy.onnx data.csv -o link.csv", "-o .* as the data. Received: link.csv and"),
        ("score toy.onnx link.csv -o data.csv", "-o .* as the data"),
        ("score toy.onnx data.csv -o toy.onnx", "-o .* as the detector"),
        ("score toy.onnx data.csv -o hard.onnx", "-o .* as the detector"),
        ("score toy.onnx - -o toy.onnx", "-o .* as the detector"),
        ("score toy.onnx data.csv --events data.csv", "--events .* as the data"),
        ("score toy.onnx data.csv --events toy.onnx", "--events .* as the detector"),
        ("score toy.onnx data.csv -o new.csv --events ./new.csv", "--events .* as -o"),
        ("vectors toy.onnx -o toy.onnx", "-o .* as the detector"),
        ("vectors toy.onnx -o hard.onnx", "-o .* as the detector"),
    ],
)
def test_one_line_names_both(folder, capsys, words, message):
    """Exit code 2, and every file as it was."""
    before = {name: Path(name).read_bytes() for name in names(folder)}
    line = error_of(capsys, *words.split())
    assert re.search(f"^kad: error: {message}", line)
    assert line.endswith("Name another file.\n")
    assert {name: Path(name).read_bytes() for name in names(folder)} == before


def test_an_old_output_is_replaced(folder):
    """What is neither read nor another output; devices are written to."""
    for _ in range(2):
        assert (
            main(["score", "toy.onnx", "data.csv", "-o", "scores.csv", "--events", "events.csv"])
            == 0
        )
    assert main(["score", "toy.onnx", "data.csv", "-o", os.devnull, "--events", os.devnull]) == 0
