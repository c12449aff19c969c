"""A detector file in plain JSON: what it says, and what it must compute."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import itertools

from runtime.errors import ModelFileError, VerificationError
from runtime.model.detector import Detector
from runtime.model.outputs import OUTPUTS
from runtime.model.schema import GOLDEN_KEY
from runtime.model.verify import TOLERANCE, read_golden
from runtime.tables.detector_json import metadata_json, vectors_json
from toys.onnx_files import graph, metadata, sealed, toy

KEPT = sorted((Path(__file__).parents[2] / "golden").rglob("*.onnx"))


def vectors(detector):
    """The vectors as a program reads them: NaN for null, everything float32."""
    read = json.loads("".join(vectors_json(detector)))
    for chunk in read["chunks"]:
        for name, numbers in chunk.items():
            chunk[name] = np.array(numbers, np.float32)
    return read


def golden_of(detector):
    """The vectors as the file has them."""
    streams = detector.fixed_streams or 1
    return read_golden(detector.golden, detector.metadata, streams=streams)


def gap(got, wanted, unit):
    """The rule of docs/onnx-file.md, written out."""
    wanted = wanted.astype(np.float64)
    scale = np.maximum(np.abs(wanted), max(np.abs(wanted).mean(), unit))
    difference = np.abs(got - wanted)
    return np.max(np.divide(difference, scale, where=scale > 0, out=difference.copy()), initial=0.0)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_every_chunk_replays_on_its_own(path):
    """One call of the graph per chunk, none longer than the file takes, within the tolerance."""
    detector = Detector(path)
    said = vectors(detector)
    assert said["tolerance"] == TOLERANCE
    assert said["schema"] == detector.metadata.schema
    for chunk in said["chunks"]:
        assert 1 <= chunk["x"].shape[1] <= said["max_steps"] == detector.metadata.max_steps
        got = detector.step(chunk["x"], chunk["state"])
        for name, array in zip(OUTPUTS, got, strict=True):
            assert gap(array, chunk[name], said["units"][name]) <= said["tolerance"], name


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_the_chunks_are_the_golden_vectors(path):
    """To the last bit: inputs but for what is missing, outputs, first and last state."""
    detector = Detector(path)
    golden, chunks = golden_of(detector), vectors(detector)["chunks"]
    missing = np.where(np.isfinite(golden.x), golden.x, np.nan)
    np.testing.assert_array_equal(np.concatenate([c["x"] for c in chunks], 1), missing)
    for name in OUTPUTS[:-1]:
        joined = np.concatenate([chunk[name] for chunk in chunks], 1)
        np.testing.assert_array_equal(joined, getattr(golden.outputs, name), err_msg=name)
    np.testing.assert_array_equal(chunks[0]["state"], golden.state)
    np.testing.assert_array_equal(chunks[-1]["next_state"], golden.outputs.next_state)
    for before, after in itertools.pairwise(chunks):
        np.testing.assert_array_equal(after["state"], before["next_state"])


def test_null_is_a_missing_value_and_in_x_alone():
    """JSON has neither NaN nor infinity; numbers are short and give the same float32 back."""
    text = "".join(vectors_json(Detector(toy())))
    assert not re.search(r"NaN|Infinity|\d{12}", text.partition('"chunks"')[2])
    read = json.loads(text)
    assert read["null"] == "missing: feed NaN (infinity means the same)"
    for chunk in read["chunks"]:
        for name, numbers in chunk.items():
            assert ("null" in json.dumps(numbers)) <= (name == "x"), name
    nulls = [value is None for chunk in read["chunks"] for (value,) in chunk["x"][0]]
    assert np.flatnonzero(nulls).tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize(("streams", "steps"), [(2, "steps"), ("streams", 4), (2, 1)])
def test_frozen_files_have_chunks_of_their_size(streams, steps):
    """As many steps as the graph takes."""
    detector = Detector(toy(streams=streams, steps=steps))
    said = vectors(detector)
    size = 8 if steps == "steps" else steps
    assert {chunk["x"].shape for chunk in said["chunks"]} == {(1, size, 1)}
    assert (said["fixed_streams"], said["fixed_steps"]) == (
        detector.fixed_streams,
        detector.fixed_steps,
    )
    last = said["chunks"][-1]["next_state"]
    np.testing.assert_array_equal(last, golden_of(detector).outputs.next_state)


def test_files_without_usable_vectors_are_refused():
    """None, or those of another graph, whose states in between nobody knows."""
    with pytest.raises(ModelFileError, match="must have golden vectors"):
        next(vectors_json(Detector(toy(golden=False))))
    golden = {GOLDEN_KEY: Detector(toy()).golden}
    other = Detector(sealed(graph(metadata(), decay=0.8), metadata(), **golden))
    with pytest.raises(VerificationError, match="reproduce its golden vectors within 1e-05"):
        next(vectors_json(other))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_metadata_is_whole(path):
    """Every field, the alarm policy, the calibration, and what the graph alone says."""
    detector = Detector(path)
    said = json.loads(metadata_json(detector))
    described = json.loads(json.dumps(asdict(detector.metadata)))
    assert {name: said[name] for name in described} == described
    assert said.keys() - described.keys() == {
        "fixed_streams",
        "fixed_steps",
        "identity",
        "warm_state",
    }
    assert len(said["identity"]) == 64


def test_a_warm_state_is_numbers():
    """One row; what a stream starts from."""
    detector = Detector(toy())
    said = json.loads(metadata_json(detector))
    assert said["warm_state"] == detector.warm_state[0].tolist()
    assert said["identity"] == detector.metadata.graph_sha256
    old = Detector(next(path for path in KEPT if path.stem == "schema1"))
    assert old.metadata.schema == 1
    assert json.loads(metadata_json(old))["warm_state"] is None
