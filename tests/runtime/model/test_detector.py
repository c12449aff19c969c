import pickle
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import helper, parser

from runtime.errors import InputError, ModelFileError
from runtime.model.arrays import pack_text
from runtime.model.compare import relative_gap
from runtime.model.container import SEAL_KEY
from runtime.model.detector import Detector
from runtime.model.schema import GOLDEN_KEY, METADATA_KEY, WARM_KEY
from toys.damage import Base
from toys.onnx_files import graph, metadata, reference, sealed, toy, with_props

SCHEMA1 = Path(__file__).parents[2] / "golden" / "schema1.onnx"


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


@pytest.mark.parametrize("shape", [(2, 0, 2), (0, 3, 2), (0, 0, 2)])
def test_calls_without_rows_are_refused(model, shape):
    """No step or no stream is a sentence: ONNX Runtime ends the process for some detectors."""
    detector = Detector(model)
    with pytest.raises(InputError, match="at least one stream and one step"):
        detector.step(np.empty(shape, np.float32), detector.initial_state(shape[0]))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_a_state_that_is_not_finite_is_refused(model, wrong, place):
    """It would give NaN for ever; a state of large numbers is one."""
    detector = Detector(model)
    state = detector.initial_state(2)
    state[1, place] = wrong
    with pytest.raises(InputError, match="`state` must be finite"):
        detector.step(samples(streams=2), state)
    large = detector.initial_state()
    large[0, 1:] = 1e30
    assert np.isfinite(detector.step(samples(), large).score).all()


def test_outputs_that_are_not_finite_are_an_error(model):
    """What the file cannot compute is not handed on as silence."""
    detector = Detector(model)
    large = detector.initial_state()
    large[0, 1:] = 3e38
    with pytest.raises(ModelFileError, match="infinity in score, .*can no longer alarm"):
        detector.step(samples(), large)


def test_call_takes_what_step_takes(model):
    """`call` is one run without the checks of what goes in."""
    detector, x = Detector(model), samples()[:, :8]
    state = detector.initial_state()
    for name, array in detector.call(x, state)._asdict().items():
        np.testing.assert_array_equal(array, getattr(detector.step(x, state), name))


def test_a_detector_pickles(model, tmp_path, monkeypatch):
    """By bytes or path, with its options; a path must still hold the same detector."""
    path = tmp_path / "toy.onnx"
    path.write_bytes(model)
    monkeypatch.chdir(tmp_path)
    for source in (model, path, "toy.onnx"):
        detector = Detector(source, threads=2, streams=3)
        packed = pickle.dumps(detector)
        assert (len(packed) > len(model)) == (source is model)
        monkeypatch.chdir("/")
        copy = pickle.loads(packed)  # noqa: S301
        monkeypatch.chdir(tmp_path)
        x, state = samples(streams=3), detector.initial_state(3)
        np.testing.assert_array_equal(copy.step(x, state).score, detector.step(x, state).score)
        assert (copy.metadata, copy.fixed_streams) == (detector.metadata, 3)
    path.write_bytes(toy(("a", "c")))
    assert pickle.loads(packed).channels == ("a", "c")  # noqa: S301
    path.write_bytes(toy(("a", "b"), warmup_steps=4))
    with pytest.raises(ModelFileError, match="must be the detector that was pickled"):
        pickle.loads(packed)  # noqa: S301


def test_the_warm_state_starts_a_stream(model):
    """It is the file's, a new array each time, and files of schema 1 have none."""
    detector = Detector(model)
    state = detector.warm_state
    assert state.dtype == np.float32
    np.testing.assert_array_equal(state, [[0, 1, 2]])
    state[:] = 7
    assert detector.warm_state[0, 1] == 1
    assert Detector(sealed(graph(metadata()), metadata())).warm_state is None
    assert Detector(SCHEMA1).warm_state is None


@pytest.mark.parametrize(
    "arrays",
    [
        {"state": np.zeros((1, 3), np.float32)},
        {"state": np.zeros((1, 2), np.float64)},
        {"state": np.array([[1, 0]], np.float32)},
        {"state": np.array([[0, np.nan]], np.float32)},
        {"other": np.zeros((1, 2), np.float32)},
        {"state": np.zeros((1, 2), np.float32), "more": np.zeros(1)},
        {"state": np.zeros((1, 10**7), np.float32)},
        {},
    ],
)
def test_a_damaged_warm_state_is_found(arrays):
    """Another size, type or name, a first number, NaN, a bomb: one line, in `verify` too."""
    content = sealed(graph(metadata()), metadata(), **{WARM_KEY: pack_text(arrays)})
    with pytest.raises(ModelFileError, match="detector's warm state must be"):
        _ = Detector(content).warm_state


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


def test_onnxruntime_prints_nothing(model, capfd):
    """Not even about text that it cannot read, for which it would try again and say so."""
    base = Base(model)
    damaged = base.graph.replace(b"CumSum", b"CumS\xff\xff", 1)
    content = base.rebuilt(dict(base.entries), damaged)
    with pytest.raises(ModelFileError, match="this onnxruntime") as error:
        Detector(content)
    assert str(error.value).isprintable()
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
    for path in ("a\0b", tmp_path / ("x" * 5000)):
        with pytest.raises(ModelFileError, match="cannot be read"):
            Detector(path)
    other = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[n] x) => (float[n] y) { y = Abs(x) }'
    )
    with pytest.raises(ModelFileError, match="exported by kad"):
        Detector(other.SerializeToString())
    with pytest.raises(ModelFileError, match=r"inputs x, state.*Received: x, y"):
        Detector(sealed(other, metadata()))


def test_a_file_beyond_the_limit_is_refused(model, tmp_path, monkeypatch):
    """It is not read to its end."""
    path = tmp_path / "large.onnx"
    path.write_bytes(model)
    monkeypatch.setattr("runtime.model.detector.FILE_BYTES", len(model))
    Detector(path)
    monkeypatch.setattr("runtime.model.detector.FILE_BYTES", len(model) - 1)
    with pytest.raises(ModelFileError, match="must have at most"):
        Detector(path)


def test_a_changed_graph_or_entry_is_found(model):
    """A node that reads another tensor has other bytes, and so has another threshold."""
    other = onnx.load_from_string(model)
    assert other.graph.node[-1].input[0] == "count_end"
    other.graph.node[-1].input[0] = "count"
    with pytest.raises(ModelFileError, match="graph of the detector must have the SHA-256"):
        Detector(other.SerializeToString())
    props = {prop.key: prop.value for prop in onnx.load_from_string(model).metadata_props}
    for key in (METADATA_KEY, WARM_KEY, GOLDEN_KEY):
        other = onnx.load_from_string(model)
        for prop in other.metadata_props:
            if prop.key == key:
                prop.value = props[key].replace("3.0", "9.0").replace("A", "B")
        with pytest.raises(ModelFileError, match=r"SHA-256 in its entry `kad\.sha256`.*another"):
            Detector(other.SerializeToString())
    del props[SEAL_KEY]
    with pytest.raises(ModelFileError, match="no such entry"):
        Detector(with_props(onnx.load_from_string(model), **props))


def test_a_schema_2_file_cannot_pass_as_schema_1(model):
    """Whoever turns the hashes off has to write another file."""
    other = onnx.load_from_string(model)
    for prop in other.metadata_props:
        prop.value = prop.value.replace('"schema": 2', '"schema": 1')
    with pytest.raises(ModelFileError, match="lacks weights_sha256"):
        Detector(other.SerializeToString())


def test_entries_of_others_are_theirs(model):
    """A note that somebody adds changes nothing."""
    props = {prop.key: prop.value for prop in onnx.load_from_string(model).metadata_props}
    noted = with_props(onnx.load_from_string(model), **props, author="Ada", kadet="1")
    assert Detector(noted).metadata == Detector(model).metadata


@pytest.mark.parametrize("change", ["tensor", "sparse", "attribute", "subgraph", "location"])
def test_external_data_is_refused(change, tmp_path, monkeypatch):
    """Wherever a tensor lies in the graph: nothing is read but the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(np.float32(0.5).tobytes())
    tensor = onnx.TensorProto(name="decay", data_type=1)
    if change == "location":
        tensor.data_location = onnx.TensorProto.EXTERNAL
    else:
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "weights.bin"
    model = graph(metadata())
    if change == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    elif change == "attribute":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    elif change == "subgraph":
        inner = helper.make_graph([], "inner", [], [], [tensor])
        model.graph.node.append(helper.make_node("If", ["c"], [], then_branch=inner))
    else:
        model.graph.initializer.append(tensor)
    text = replace(metadata(), graph_sha256="0" * 64).to_json()
    for schema in ("2", "1"):
        props = {METADATA_KEY: text.replace('"schema": 2', f'"schema": {schema}')}
        with pytest.raises(ModelFileError, match="external data"):
            Detector(with_props(model, **props))


def test_functions_and_training_information_are_refused():
    """A detector is one graph of standard operators."""
    for field, message in (("functions", "functions of its own"), ("training_info", "training")):
        model = graph(metadata())
        getattr(model, field).add()
        with pytest.raises(ModelFileError, match=message):
            Detector(with_props(model, **{METADATA_KEY: metadata().to_json()}))


def test_metadata_must_match_the_tensors():
    """A file whose metadata was made for other channels or another state is refused."""
    for wrong in (
        metadata(("a", "b")),
        metadata(state_size=3, state=metadata(("a", "b")).state),
        metadata(("a", "b"), state_size=2, state=metadata().state),
    ):
        with pytest.raises(ModelFileError, match=r"Tensor `\w+` of the detector must be"):
            Detector(sealed(graph(metadata()), wrong))
    double = graph(metadata())
    double.graph.input[1].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(
        np.dtype(np.float64)
    )
    with pytest.raises(ModelFileError):
        Detector(sealed(double, metadata()))


@pytest.mark.parametrize(
    ("which", "axis", "size"), [(0, 0, 0), (0, 1, -1), (0, 1, "time"), (1, 1, "n"), (1, 0, "")]
)
def test_dimensions_are_those_of_the_contract(which, axis, size):
    """Sizes of none, other names, and no size where there is one."""
    model = graph(metadata())
    dim = model.graph.input[which].type.tensor_type.shape.dim[axis]
    setattr(dim, "dim_param" if isinstance(size, str) else "dim_value", size)
    with pytest.raises(ModelFileError):
        Detector(sealed(model, metadata()))


def test_other_outputs_are_refused():
    """One more, and one twice."""
    for index in (0, 4):
        model = graph(metadata())
        extra = model.graph.output.add()
        extra.CopyFrom(model.graph.output[index])
        if index:
            extra.name = "final2"
        with pytest.raises(ModelFileError):
            Detector(sealed(model, metadata()))


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
    for wrong in (0, True, 1.0, 10**6, "2"):
        with pytest.raises(InputError, match="`threads` must be .*at least 1"):
            Detector(model, threads=wrong)
    with pytest.raises(InputError, match="`streams` must be 2: .*fixed"):
        Detector(toy(streams=2), streams=3)
    with pytest.raises(ModelFileError, match="at most 8 steps"):
        Detector(toy(steps=9))
