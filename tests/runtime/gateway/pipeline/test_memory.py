"""What one life of the gateway tells the next."""

from pathlib import Path

import pytest

from runtime.gateway.journal.meta import Meta
from runtime.gateway.pipeline.memory import META, Memory
from toys.pipelines import Said


@pytest.fixture
def said():
    return Said()


def test_nothing_is_known_at_first_and_nothing_is_written_for_it(tmp_path, said):
    assert Memory(tmp_path, said).before == Meta()
    assert list(tmp_path.iterdir()) == []
    assert said.lines == []


def test_the_next_life_finds_it(tmp_path, said):
    """Filters of sources that are named no more stay: their sessions have them."""
    one = Memory(tmp_path, said)
    one.sources({"old": ["x/#"]}, {"old": "b:1883 kad-old"})
    one.session("old", "b:1883 kad-old")
    two = Memory(tmp_path, said)
    two.sources({"new": ["y/#"]}, {"new": "b:1883 kad-new"})
    two.session("new", "b:1883 kad-new")
    two.swap("pump", Path("/b.onnx"), Path("/a.onnx"))
    before = Memory(tmp_path, said).before
    assert before.filters == {"old": ("x/#",), "new": ("y/#",)}
    assert before.sessions == {"old": "b:1883 kad-old", "new": "b:1883 kad-new"}
    assert before.swapped == {"pump": ("/b.onnx", "/a.onnx")}
    assert one.before == Meta()


def test_a_second_swap_has_the_place_of_the_configurations_file(tmp_path, said):
    """Not that of the first one, which no configuration names."""
    one = Memory(tmp_path, said)
    one.swap("pump", Path("/b.onnx"), Path("/a.onnx"))
    one.swap("pump", Path("/c.onnx"), Path("/b.onnx"))
    assert Memory(tmp_path, said).before.swapped == {"pump": ("/c.onnx", "/a.onnx")}
    one.swap("pump", Path("/d.onnx"), Path("/other.onnx"))
    assert Memory(tmp_path, said).before.swapped == {"pump": ("/d.onnx", "/other.onnx")}


@pytest.mark.parametrize("where", [None, "other:1883 kad-mqtt", "b:1883 kad2-mqtt"])
def test_a_session_elsewhere_or_of_no_length_is_no_longer_waited_for(tmp_path, said, where):
    """Another broker or client id has none yet; a source without one ends it."""
    one = Memory(tmp_path, said)
    one.session("mqtt", "b:1883 kad-mqtt")
    Memory(tmp_path, said).sources({"mqtt": ["x"]}, {"mqtt": where})
    assert Memory(tmp_path, said).before.sessions == {}


def test_whether_it_ended_well(tmp_path, said):
    """Not before it has, and not once another has begun."""
    one = Memory(tmp_path, said)
    one.begin()
    assert not Memory(tmp_path, said).before.ended
    one.end()
    two = Memory(tmp_path, said)
    assert two.before.ended
    two.begin()
    assert two.before.ended
    assert not Memory(tmp_path, said).before.ended


def test_the_same_again_is_not_written(tmp_path, said):
    """Each second it is said that a session is there."""
    one = Memory(tmp_path, said)
    one.session("mqtt", "here")
    (tmp_path / META).unlink()
    one.session("mqtt", "here")
    assert not (tmp_path / META).exists()


def test_damage_is_said_and_nothing_is_known(tmp_path, said):
    (tmp_path / META).write_bytes(b"half")
    assert Memory(tmp_path, said).before == Meta()
    assert said.kinds() == ["state"]


def test_a_disk_that_refuses_is_said_and_tried_again(tmp_path, said):
    """At the next change, or the same one again."""
    folder = tmp_path / "state"
    one = Memory(folder, said)
    folder.write_bytes(b"a file where the folder should be")
    one.session("mqtt", "here")
    assert said.kinds() == ["state"]
    folder.unlink()
    one.session("mqtt", "here")
    assert Memory(folder, said).before.sessions == {"mqtt": "here"}
