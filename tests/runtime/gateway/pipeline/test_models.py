"""Which model scores a stream, and its number."""

import pytest

from runtime.gateway.pipeline.models import ModelChoice
from runtime.gateway.samples import BadInputError
from toys.pipelines import new, roster

OTHER = ModelChoice(key="n", patterns=("b/*", "x?"), channels=("c",), period_s=60.0)


def test_the_first_model_that_fits_takes_a_stream():
    """Case counts; who fits none is nobody's."""
    some = roster(patterns=("a/*",), more=[OTHER])
    assert some.channels_of("a/1") == ("a", "b")
    assert some.channels_of("b/1") == ("c",)
    assert some.channels_of("x1") == ("c",)
    assert some.channels_of("A/1") is None
    assert some.channels_of("c") is None


def test_numbers_are_given_once_and_go_on_after_a_restart():
    """A stream keeps its number; new ones get higher ones."""
    known = iter([new(4, "p4"), new(2, "p2")])
    some = roster(known=known)
    assert some.number("p4") == 4
    assert some.number("p9") == 5
    assert some.number("p9") == 5
    assert some.number("p2") == 2
    assert some.take_new() == [new(5, "p9")]
    assert some.take_new() == []


def test_a_stream_goes_to_the_model_that_fits_it_now():
    """The configuration has changed: another number, so that rows of both can be told apart."""
    some = roster(patterns=("a/*",), more=[OTHER], known=[new(0, "b/1"), new(1, "a/1")])
    assert some.channels_of("b/1") == ("c",)
    assert some.number("b/1") == 2
    assert some.number("a/1") == 1
    assert some.take_new() == [new(2, "b/1", "n")]


def test_streams_that_are_put_aside_do_not_count():
    """After a restart too; those of other models are not known."""
    some = roster(most=2, known=[new(0, "p0"), new(1, "p1")], put_aside=["p0", "other"])
    assert some.channels_of("p2")
    with pytest.raises(BadInputError):
        some.channels_of("p0")
    some.number("p2")
    some.put_aside(["p1"])
    assert some.channels_of("p0")
    some.back(["p0"])
    with pytest.raises(BadInputError):
        some.channels_of("p1")


def test_streams_beyond_the_cap_are_bad_input_also_within_a_tick():
    """Those that are known go on."""
    some = roster(most=3, known=[new(0, "p0")])
    assert some.channels_of("p1")
    assert some.channels_of("p2")
    with pytest.raises(BadInputError, match="max_streams") as caught:
        some.channels_of("p3")
    assert caught.value.kind == "stream_cap"
    assert some.channels_of("p2")
    assert some.channels_of("p0")
    some.number("p2")
    assert [one.name for one in some.take_new()] == ["p2"]
    # p1 brought nothing that could be used: its place is free again.
    assert some.channels_of("p4")
    with pytest.raises(BadInputError):
        some.channels_of("p5")
