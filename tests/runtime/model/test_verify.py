"""Golden vectors replay, and what does not is found."""

import base64
import io
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.errors import ModelFileError
from runtime.model.arrays import pack_text
from runtime.model.detector import Detector
from runtime.model.outputs import OUTPUTS
from runtime.model.schema import GOLDEN_KEY, WARM_KEY
from runtime.model.verify import read_golden, verify
from toys.onnx_files import graph, metadata, sealed, toy


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
    detector = Detector(raw)
    golden = read_golden(detector.golden, detector.metadata)
    assert np.isnan(golden.x).any()


def test_fixed_streams_and_steps_replay_the_same_vectors():
    """Frozen files are verified too."""
    assert verify(toy(("a", "b"), streams=3)).passed
    assert verify(toy(("a", "b"), streams=1, steps=1)).passed


def test_another_network_fails():
    """A graph with another decay does not pass with the golden vectors of the first."""
    meta = metadata()
    report = verify(sealed(graph(meta, decay=0.9001), meta, **{GOLDEN_KEY: Detector(toy()).golden}))
    assert not report.passed
    assert report.gaps["score"] > 1e-5


def arrays(streams=1, steps=8):
    """Golden vectors of a toy that are not damaged."""
    detector = Detector(toy())
    x = np.full((streams, steps, 1), 20, np.float32)
    state = detector.initial_state(streams)
    return {"x": x, "state": state, **detector.step(x, state)._asdict()}


def with_golden(text):
    """A toy with other golden vectors, and the hash that they have."""
    return sealed(graph(metadata()), metadata(), **{GOLDEN_KEY: text})


def replaced(name, array):
    return pack_text(arrays() | {name: array})


def npz(save=np.savez, **members):
    blob = io.BytesIO()
    save(blob, **members)
    return base64.b64encode(blob.getvalue()).decode()


def zipped(data, method=zipfile.ZIP_DEFLATED, name="x.npy"):
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w", method) as file:
        file.writestr(name, data)
    return base64.b64encode(blob.getvalue()).decode()


def lying():
    """An npz whose first member says that it is larger than it is."""
    blob = bytearray(base64.b64decode(pack_text(arrays())))
    at = blob.index(b"PK\x01\x02")
    blob[at + 24 : at + 28] = (2**31).to_bytes(4, "little")
    return base64.b64encode(blob).decode()


def header(text):
    return zipped(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        "aGVsbG8=",
        "ü",
        pack_text(arrays())[:400],
        pack_text({}),
        pack_text({name: array for name, array in arrays().items() if name != "severity"}),
        pack_text(arrays() | {"more": np.zeros(1)}),
        pack_text(arrays(streams=2)),
        pack_text({name: array[:0] for name, array in arrays().items()}),
        pack_text({n: a[:, :0] if n != "state" else a for n, a in arrays().items()}),
        replaced("x", np.zeros((1, 8, 1))),
        replaced("x", np.zeros((1, 8, 1), ">f4")),
        replaced("x", np.zeros((1, 8, 2), np.float32)),
        replaced("x", np.zeros((1, 7, 1), np.float32)),
        replaced("x", np.zeros(8, np.float32)),
        replaced("x", np.float32(8)),
        replaced("score", np.zeros((1, 8), np.int32)),
        replaced("score", np.full((1, 8), np.nan, np.float32)),
        replaced("state", np.full((1, 2), np.inf, np.float32)),
        replaced("x", np.zeros((1, 10**8, 1), np.float32)),
        replaced("next_state", np.array(["text"])),
        npz(x=np.array([{}], object)),
        npz(**{str(i): np.zeros(1) for i in range(100)}),
        base64.b64encode(b"\x93NUMPY\x01\x00" + bytes(100)).decode(),
        zipped(bytes(10**9)),
        zipped(bytes(100), zipfile.ZIP_BZIP2),
        zipped(bytes(100), zipfile.ZIP_LZMA),
        zipped(bytes(100), name="x.txt"),
        zipped(bytes(100)),
        lying(),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n"),
        header("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }\n"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"),
        header("(" * 5000),
    ],
    ids=range(35),
)
def test_damaged_golden_vectors_are_found(text):
    """Whatever is in their place: one line, fast, and nothing large is unpacked."""
    content = with_golden(text)
    started = time.process_time()
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="golden vectors must be base64 of an npz") as error:
        verify(content)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
    assert time.process_time() - started < 1
    assert "\n" not in str(error.value)


def test_golden_vectors_of_a_frozen_file():
    """They have its streams, or one, and whole calls."""
    meta = metadata()
    frozen = graph(meta, streams=2, steps=4)
    for golden in (arrays(streams=2), arrays()):
        assert verify(sealed(frozen, meta, **{GOLDEN_KEY: pack_text(golden)})).passed
    mixed = arrays(streams=2) | {"state": np.zeros((1, 2), np.float32)}
    for golden in (arrays(streams=3), mixed):
        with pytest.raises(ModelFileError, match="golden vectors"):
            verify(sealed(frozen, meta, **{GOLDEN_KEY: pack_text(golden)}))
    with pytest.raises(ModelFileError, match="multiple of 4 steps"):
        verify(sealed(frozen, meta, **{GOLDEN_KEY: pack_text(arrays(steps=6))}))


def test_missing_golden_vectors_are_named():
    """A file without them cannot be verified."""
    with pytest.raises(ModelFileError, match="golden vectors"):
        verify(toy(golden=False))


def test_verify_reads_the_warm_state():
    """A damaged one is damage."""
    entries = {GOLDEN_KEY: Detector(toy()).golden, WARM_KEY: "x"}
    with pytest.raises(ModelFileError, match="warm state"):
        verify(sealed(graph(metadata()), metadata(), **entries))
