"""Snapshots: whatever else `restore` is given, it says so, or goes on with the same numbers."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams import sealed as sealing
from runtime.streams.batch import StreamBatch
from runtime.streams.stream import Stream
from toys.onnx_files import toy
from toys.snapshots import bombs, damages, forgeries, sealed, subjects
from toys.streams import DETECTOR, rows

SUBJECTS = {subject.name: subject for subject in subjects(DETECTOR)}


@pytest.fixture(params=sorted(SUBJECTS))
def subject(request):
    return SUBJECTS[request.param]


def test_damaged_snapshots_are_refused(subject):
    """Flips, cuts, insertions, swaps and noise: none goes through, but what changed nothing."""
    assert subject.outcome(subject.blob) == "same"
    for blob in damages(subject.blob, np.random.default_rng(21), 700):
        assert subject.outcome(blob) == ("same" if blob == subject.blob else "refused")


def test_forged_snapshots_are_refused_or_possible(subject):
    """With the checksum made anew: no other error, no endless work, nothing that is not finite."""
    outcomes = [
        subject.outcome(blob) for blob in forgeries(subject.blob, np.random.default_rng(21), 700)
    ]
    assert outcomes.count("refused") > 350


def test_bombs_are_refused(subject):
    """Nesting, sizes and numbers without end."""
    for blob in bombs(subject.blob):
        assert subject.outcome(blob) == "refused"


def test_a_large_snapshot_is_refused_unread(subject, monkeypatch):
    """Its size is looked at first."""
    monkeypatch.setattr(sealing, "MOST_BYTES", len(subject.blob) - 1)
    assert subject.outcome(subject.blob) == "refused"


@pytest.mark.parametrize("blob", [None, "text", 5, [], b"", b"\n", b"kad", b"kad stream 3\n"])
def test_what_is_no_snapshot_is_refused(subject, blob):
    """Of another type, or hardly begun."""
    assert subject.outcome(blob) == "refused"


def test_a_snapshot_of_another_kind_is_refused():
    """A stream is no batch is no event detector."""
    for subject in SUBJECTS.values():
        for other in SUBJECTS.values():
            if subject.name.split(",")[0] != other.name.split(",")[0]:
                assert subject.outcome(other.blob) == "refused"


def test_databases_may_return_other_bytes(subject):
    """A bytearray and a memoryview are bytes too."""
    assert subject.outcome(bytearray(subject.blob)) == "same"
    assert subject.outcome(memoryview(subject.blob)) == "same"


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_state_that_is_not_finite_is_refused(number):
    """It would poison every score to come."""
    stream = Stream(DETECTOR)
    stream.push(0, [1, 2])
    stream._rounds.state = np.full_like(stream._rounds.state, number)
    with pytest.raises(InputError, match="a state that is not finite"):
        Stream.restore(DETECTOR, stream.snapshot())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"warmup_steps": 4}, "the detector that it was scored with, [0-9a-f]{12}. Received"),
        ({"channels": ("a", "c")}, "same channels.* another than inputs"),
        ({"channels": ("a",)}, "the detector that it was scored with"),
        ({"context": ("time_of_day_sin",)}, "the detector that it was scored with"),
        ({"period_s": 30.0}, "another than period_ns 30000000000"),
        ({"grid": "rows"}, "must be the bytes"),
    ],
)
@pytest.mark.parametrize("kind", [Stream, StreamBatch])
def test_snapshots_of_other_detectors_are_refused(kind, other, message):
    """Of other weights, channels, context, period or grid: never a silent reset."""
    blob = kind(DETECTOR, *([["x"]] if kind is StreamBatch else [])).snapshot()
    with pytest.raises(InputError, match=message):
        kind.restore(Detector(toy(**{"channels": ("a", "b"), **other})), blob)


def test_snapshots_of_earlier_versions_are_refused_in_a_sentence():
    """Those of version 1 were zip files."""
    for blob, old in ((b"PK\x03\x04 and so on", 1), (b"kad stream 2\n", 2)):
        with pytest.raises(InputError, match=f"be of version 3. Received: version {old}. Start"):
            Stream.restore(DETECTOR, blob)


def test_a_snapshot_is_readable():
    """Two lines, a line of JSON, arrays: anybody can write a reader."""
    stream = Stream(DETECTOR)
    times, values = rows()
    stream.push_many(times, values)
    first, checksum, text, arrays = stream.snapshot().split(b"\n", 3)
    assert first == b"kad stream 3"
    assert len(checksum) == 64
    assert b'"reorder": 0' in text
    other = sealed(stream.snapshot(), text.replace(b'"reorder": 0', b'"reorder":  0'), arrays)
    with pytest.raises(InputError, match="another form"):
        Stream.restore(DETECTOR, other)
