"""History files of new streams."""

import numpy as np
import pytest

from runtime.gateway.pipeline.pasts import Pasts
from runtime.gateway.records import NewStream
from toys.engines import detector

CHANNELS = detector().channels


class Said:
    """A log that keeps what is said."""

    def __init__(self):
        self.lines = []

    def warning(self, kind, text, **_):
        self.lines.append(("warning", kind, text))

    def info(self, kind, text, **_):
        self.lines.append(("info", kind, text))


@pytest.fixture
def said():
    return Said()


def pasts(tmp_path, said, extras=0):
    return Pasts(
        {"gaussian": str(tmp_path / "{stream}.csv")},
        metadata={"gaussian": detector().metadata},
        extras={"gaussian": extras},
        say=said,
    )


def test_a_file_of_the_stream_is_read(tmp_path, said):
    """Its rows are the stream's, with missing extras."""
    (tmp_path / "a").mkdir()
    lines = [f"2026-03-01T00:{10 * n:02d}:00Z,{n},{n + 0.5}" for n in range(5)]
    (tmp_path / "a" / "p7.csv").write_text("\n".join([f"time,{','.join(CHANNELS)}", *lines]))
    rows = pasts(tmp_path, said, extras=1).of(NewStream(3, "a/p7", "gaussian"))
    assert rows.streams.tolist() == [3] * 5
    assert np.diff(rows.times_ns).tolist() == [600 * 10**9] * 4
    np.testing.assert_array_equal(rows.values[:, 0], np.arange(5))
    assert np.isnan(rows.values[:, -1]).all()
    assert said.lines[-1][:2] == ("info", "history")


def test_what_cannot_be_read_is_said_and_left_out(tmp_path, said):
    """The stream begins without its past."""
    (tmp_path / "p8.csv").write_text("time,x\n2026-03-01,1\n")
    found = pasts(tmp_path, said)
    assert found.of(NewStream(1, "p8", "gaussian")) is None
    assert said.lines[-1][:2] == ("warning", "history")
    count = len(said.lines)
    assert found.of(NewStream(2, "p9", "gaussian")) is None
    assert found.of(NewStream(2, "p8", "other")) is None
    assert len(said.lines) == count


@pytest.mark.parametrize("name", ["../p8", "a/../../p8", "/p8"])
def test_a_name_leads_nowhere_else(tmp_path, said, name):
    """Names come from devices: they must not open other folders."""
    (tmp_path / "in").mkdir()
    (tmp_path / "p8.csv").write_text("time,a,b\n2026-03-01,1,2\n")
    assert pasts(tmp_path / "in", said).of(NewStream(1, name, "gaussian")) is None
