import json
import threading
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import helper, parser

from runtime.errors import InputError, ModelFileError, SchemaError
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.model.schema import METADATA_KEY
from toys.onnx_files import graph, metadata, reference, toy, with_props


@pytest.fixture(scope="module")
def model():
    return toy(("a", "b"))


def samples(steps=30, streams=1, inputs=2, seed=0):
    x = np.random.default_rng(seed).normal(20, 3, (streams, steps, inputs)).astype(np.float32)
    x[:, 4:6, 0] = np.nan
    x[:, 9] = np.inf
    return x


def test_step_gives_the_reference(model):
    """The toy reproduces its plain definition, and chunks longer than max_steps are split."""
    detector = Detector(model)
    x = samples()
    assert x.shape[1] > detector.metadata.max_steps
    out = detector.step(x, detector.initial_state())
    score, severity = reference(x[0].astype(float))
    assert relative_gap(out.score[0], score) < 1e-5
    assert relative_gap(out.severity[0], severity) < 1e-5
    assert out.expected.shape == out.channel_scores.shape == (1, 30, 2)


def test_any_chunking_gives_the_same_numbers(model):
    """One step at a time, odd chunks and one whole call agree to 1e-5."""
    detector = Detector(model)
    x = samples()
    whole = detector.step(x, detector.initial_state())
    for size in (1, 3, 8, 13):
        state = detector.initial_state()
        parts = []
        for start in range(0, 30, size):
            parts.append(detector.step(x[:, start : start + size], state))
            state = parts[-1].next_state
        assert relative_gap(state, whole.next_state) < 1e-5
        for index in range(4):
            joined = np.concatenate([part[index] for part in parts], axis=1)
            assert relative_gap(joined, whole[index]) < 1e-5


def test_no_steps_return_the_state(model):
    """A call without steps is allowed and changes nothing."""
    detector = Detector(model)
    state = detector.initial_state(2) + 1
    out = detector.step(np.empty((2, 0, 2), np.float32), state)
    assert out.score.shape == (2, 0)
    assert out.expected.shape == (2, 0, 2)
    np.testing.assert_array_equal(out.next_state, state)


def test_step_is_pure_and_shared_by_threads(model):
    """Four threads on one detector get what one gets; inputs stay as they are."""
    detector = Detector(model)
    x, state = samples(), detector.initial_state()
    before = x.copy()
    expected = detector.step(x, state).score
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(detector.step(x, state).score))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(x, before)
    assert not state.any()


@pytest.mark.parametrize(
    ("x", "state", "message"),
    [
        (np.zeros((4, 7)), np.zeros((4, 3), np.float32), r"`x` must .*Received: float64 \(4, 7\)"),
        (np.zeros((1, 1, 2)), np.zeros((1, 3), np.float32), "Received: float64"),
        (np.zeros((1, 1, 3), np.float32), np.zeros((1, 3), np.float32), "each of a, b"),
        (np.zeros((2, 1, 2), np.float32), np.zeros((1, 3), np.float32), "`state` must"),
        (np.zeros((1, 1, 2), np.float32), np.zeros((1, 3)), "`state` must .*float64"),
    ],
)
def test_wrong_shapes_and_dtypes_are_named(model, x, state, message):
    """Nothing is converted silently."""
    with pytest.raises(InputError, match=message):
        Detector(model).step(x, state)


def test_path_and_bytes_load_the_same(model, tmp_path):
    """A path, its text, and the bytes are one detector."""
    path = tmp_path / "toy.onnx"
    path.write_bytes(model)
    for source in (path, str(path), model):
        assert Detector.load(source).channels == ("a", "b")


@pytest.mark.parametrize("keep", [0, 1, 10, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line(model, tmp_path, capfd, keep):
    """Wherever a copy broke off: ModelFileError in one line, and onnxruntime prints nothing."""
    path = tmp_path / "cut.onnx"
    path.write_bytes(model[: int(keep * len(model)) if keep < 1 else keep])
    with pytest.raises(ModelFileError, match=r"cut\.onnx") as error:
        Detector(path)
    assert "\n" not in str(error.value)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_other_files_are_refused(tmp_path):
    """A missing file, a folder, a CSV, and somebody else's ONNX."""
    with pytest.raises(ModelFileError, match="No such file"):
        Detector(tmp_path / "nothing.onnx")
    with pytest.raises(ModelFileError, match="directory"):
        Detector(tmp_path)
    with pytest.raises(ModelFileError, match="must be an ONNX file"):
        Detector(b"time,value\n0,1\n")
    other = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[n] x) => (float[n] y) { y = Abs(x) }'
    )
    with pytest.raises(ModelFileError, match="exported by kad"):
        Detector(other.SerializeToString())
    with pytest.raises(ModelFileError, match=r"inputs x, state.*Received: x, y"):
        Detector(with_props(other, **{METADATA_KEY: metadata().to_json()}))


def test_another_schema_is_named():
    """A newer file is a SchemaError that says which version came."""
    text = json.dumps(json.loads(metadata().to_json()) | {"schema": 2})
    with pytest.raises(SchemaError, match="schema 2"):
        Detector(with_props(graph(metadata()), **{METADATA_KEY: text}))


@pytest.mark.parametrize(
    "change",
    [
        {"period_s": 0},
        {"period_s": "often"},
        {"max_steps": 1.5},
        {"inputs": []},
        {"inputs": [{"name": "a", "role": "spy"}]},
        {"inputs": [{"name": "a"}, {"name": "a"}]},
        {"inputs": 5},
        {"grid": "hexagonal"},
        {"threshold": 0},
        {"state_size": None},
    ],
)
def test_damaged_metadata_is_a_model_file_error(change):
    """Metadata that contradicts itself is found at loading, not at scoring."""
    text = json.dumps(json.loads(metadata().to_json()) | change)
    with pytest.raises(ModelFileError, match="damaged"):
        Detector(with_props(graph(metadata()), **{METADATA_KEY: text}))


def test_missing_or_unreadable_metadata_is_named():
    """A key that lacks is listed; text that is no JSON is refused."""
    raw = json.loads(metadata().to_json())
    del raw["state_size"]
    for text, message in ((json.dumps(raw), "lacks state_size"), ("{", "must be JSON")):
        with pytest.raises(ModelFileError, match=message):
            Detector(with_props(graph(metadata()), **{METADATA_KEY: text}))


def test_metadata_must_match_the_tensors():
    """A file whose metadata was made for other channels or another state is refused."""
    for wrong in (metadata(("a", "b")), replace(metadata(), state_size=9)):
        with pytest.raises(ModelFileError, match=r"Tensor `\w+` of the detector must be"):
            Detector(with_props(graph(metadata()), **{METADATA_KEY: wrong.to_json()}))
    double = graph(metadata())
    double.graph.input[1].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(
        np.dtype(np.float64)
    )
    with pytest.raises(ModelFileError):
        Detector(with_props(double, **{METADATA_KEY: metadata().to_json()}))


def test_fixed_dimensions_are_respected():
    """Frozen streams and steps are found, and other shapes are refused with advice."""
    detector = Detector(toy(("a", "b"), streams=2, steps=4))
    assert (detector.fixed_streams, detector.fixed_steps) == (2, 4)
    x = samples(32, streams=2)
    free = Detector(toy(("a", "b")))
    out = detector.step(x, detector.initial_state(2))
    assert relative_gap(out.score, free.step(x, free.initial_state(2)).score) < 1e-5
    with pytest.raises(InputError, match="multiple of 4 steps"):
        detector.step(x[:, :7], detector.initial_state(2))
    with pytest.raises(InputError, match="2 streams"):
        detector.step(x[:1, :4], detector.initial_state(1))


def test_known_number_of_streams(model):
    """`streams=` gives the same numbers and refuses any other number."""
    detector, free = Detector(model, streams=3), Detector(model)
    x = samples(streams=3)
    out = detector.step(x, detector.initial_state(3))
    np.testing.assert_allclose(out.score, free.step(x, free.initial_state(3)).score, rtol=1e-5)
    with pytest.raises(InputError, match="3 streams"):
        detector.step(x[:1], detector.initial_state(1))
    with pytest.raises(InputError, match="at least 1"):
        Detector(model, threads=0)
