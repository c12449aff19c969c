"""Input that is passed on as it came, before what was made of it."""

import pytest

from runtime.gateway.pipeline.passing import PassingSink, PassingSource
from runtime.gateway.protocols import Resuming
from runtime.gateway.sinks.line_file import LineFileOptions
from runtime.gateway.sinks.line_protocol import LineProtocolOptions, LineProtocolSink
from toys.gateway_outputs import tick
from toys.pipelines import ToySource


@pytest.fixture
def inner():
    return ToySource("stdin")


@pytest.fixture
def ends(tmp_path, inner):
    source = PassingSource(inner)
    options = LineProtocolOptions(file=LineFileOptions(path=str(tmp_path / "out")))
    return source, PassingSink(LineProtocolSink("out", options), source)


def lines(folder):
    return (folder / "out").read_bytes().splitlines()


def test_each_point_goes_out_as_it_came_before_its_scores(ends, inner, tmp_path):
    """Also those that are no data to us."""
    source, sink = ends
    inner.put(b"pump flow=1 1", b"# a comment", b"rubbish")
    assert len(source.receive(10, 0.0)) == 3
    sink.write(tick(1, ["a/p7"]))
    found = lines(tmp_path)
    assert found[:3] == [b"pump flow=1 1", b"# a comment", b"rubbish"]
    assert found[3].startswith(b"kad,stream=a/p7 ")
    assert sink.acknowledged == 1


def test_what_leads_to_nothing_goes_out_too(ends, inner, tmp_path):
    """At a tick, and at the end."""
    source, sink = ends
    inner.put(b"one x=1 1")
    source.receive(10, 0.0)
    sink.tick()
    assert lines(tmp_path) == [b"one x=1 1"]
    inner.put(b"two x=1 1")
    source.receive(10, 0.0)
    sink.close(1.0)
    assert lines(tmp_path) == [b"one x=1 1", b"two x=1 1"]


def test_all_else_is_as_the_ends_have_it(ends, inner):
    source, sink = ends
    inner.put(b"one x=1 1")
    source.acknowledge(source.receive(10, 0.0))
    assert inner.acknowledged == [1]
    assert (source.name, sink.name) == ("stdin", "out")
    inner.trouble = "away"
    assert source.trouble == "away"
    assert not source.ended
    source.close(0.0)
    assert source.ended
    assert (sink.waiting, sink.dropped, sink.fullness, sink.trouble) == (0, 0, 0.0, "")
    assert isinstance(sink, Resuming)
    assert sink.pending() == b""
