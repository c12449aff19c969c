"""Detectors by their identity, and the copies that a replay may need."""

import pytest

from runtime.gateway.pipeline.library import Models
from toys.engines import detector
from toys.golden import FOLDER
from toys.pipelines import Said


@pytest.fixture
def said():
    return Said()


@pytest.fixture
def identity():
    return detector().metadata.identity


def test_a_model_that_was_replaced_is_still_there_in_the_next_life(tmp_path, said, identity):
    """Its file may be gone by then."""
    models = Models(tmp_path / "models", threads=1, say=said)
    models.keep(detector(), FOLDER / "gaussian.onnx")
    assert models.get(identity) is detector()
    again = Models(tmp_path / "models", threads=1, say=said)
    found = again.get(identity)
    assert found.metadata.identity == identity
    assert again.get(identity) is found
    assert said.lines == []


def test_what_is_not_there_or_damaged_is_none(tmp_path, said, identity):
    """Said, for the model that is asked for."""
    models = Models(tmp_path, threads=1, say=said)
    assert models.get(identity) is None
    assert said.kinds() == ["models"]
    (tmp_path / f"{identity[:64]}.onnx").write_bytes(b"half a model")
    assert models.get(identity) is None
    (tmp_path / f"{identity[:64]}.onnx").write_bytes((FOLDER / "memory.onnx").read_bytes())
    assert models.get(identity) is None, "another model under this name"


def test_a_copy_that_cannot_be_written_is_said_and_costs_nothing(tmp_path, said, identity):
    (tmp_path / "models").write_bytes(b"a file where the folder should be")
    models = Models(tmp_path / "models", threads=1, say=said)
    models.keep(detector(), FOLDER / "gaussian.onnx")
    assert said.kinds() == ["models"]
    assert models.get(identity) is detector()


def test_copies_that_nobody_needs_go(tmp_path, said, identity):
    models = Models(tmp_path, threads=1, say=said)
    models.keep(detector(), FOLDER / "gaussian.onnx")
    models.keep(detector("memory"), FOLDER / "memory.onnx")
    models.clean([identity])
    assert [path.stem for path in tmp_path.glob("*.onnx")] == [identity[:64]]
