"""Line protocol: the rules of its documentation, and writing is the inverse of reading."""

import math
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.payloads.line_protocol import read_line, read_lines, write_point
from runtime.gateway.samples import BadInputError


def point(line):
    return tuple(read_line(line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "pump,device=p7 flow=12.5,count=3i,on=t 1772359200250000000",
            ("pump", {"device": "p7"}, {"flow": 12.5, "count": 3, "on": True}, 1772359200250000000),
        ),
        ("pump flow=1", ("pump", {}, {"flow": 1.0}, None)),
        ("pump flow=1. -5", ("pump", {}, {"flow": 1.0}, -5)),
        ("pump   flow=1e3   7  ", ("pump", {}, {"flow": 1000.0}, 7)),
        ("pump\x1f flow=1 7", ("pump\x1f", {}, {"flow": 1.0}, 7)),
        (r"my\ pump\,x,a\ b=c\=d e\,f=1u", ("my pump,x", {"a b": "c=d"}, {"e,f": 1}, None)),
        (r"m\x,t=a\b v=.5", (r"m\x", {"t": r"a\b"}, {"v": 0.5}, None)),
        (r"m,t=\\,x v=1", ("m", {"t": r"\,x"}, {"v": 1.0}, None)),
        (r"m=1 v=1", ("m=1", {}, {"v": 1.0}, None)),
        (r'm s="a,b =\"c\" \\ \n#"', ("m", {}, {"s": 'a,b ="c" \\ \\n#'}, None)),
        ('m s="",t="x" 1', ("m", {}, {"s": "", "t": "x"}, 1)),
        ('m,t="q" v=1', ("m", {"t": '"q"'}, {"v": 1.0}, None)),
        ("m v=1,v=2", ("m", {}, {"v": 2.0}, None)),
        ("m v=-9223372036854775808i", ("m", {}, {"v": -(2**63)}, None)),
        ("m v=18446744073709551615u", ("m", {}, {"v": 2**64 - 1}, None)),
        ("m a=T,b=true,c=True,d=TRUE", ("m", {}, dict.fromkeys("abcd", True), None)),
        ("m a=f,b=F,c=false,d=False,e=FALSE", ("m", {}, dict.fromkeys("abcde", False), None)),
    ],
)
def test_a_line_is_read(line, expected):
    assert point(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "pump",
        "pump flow",
        "pump flow=",
        "pump flow=NaN",
        "pump flow=inf",
        "pump flow=1e999",
        "pump flow=1_0",
        "pump flow=٣",
        "pump flow=12,5",
        "pump flow=1 1.5",
        "pump flow=1 1 2",
        "pump,device flow=1",
        "pump,device= flow=1",
        "pump,=x flow=1",
        "pump,a=b=c flow=1",
        ",a=b flow=1",
        'pump s="open',
        'pump s="a"b',
        'pump s="a"b=1',
        "pump v=9223372036854775808i",
        "pump v=-1u",
        "pump v=1f",
        "pump ,v=1",
        "pump v=1,",
    ],
)
def test_a_bad_line_is_said(line):
    with pytest.raises(BadInputError, match="Received") as caught:
        read_line(line)
    assert caught.value.kind == "line_protocol"


def test_bad_lines_leave_the_others():
    """Comments, empty lines, CRLF; a raw line break in a string makes two bad lines."""
    text = '# a comment\r\n\r\nm v=1 1\r\nm s="a\nb" 2\n  \nm v=3 3'
    found = list(read_lines(text.split("\n")))
    assert [p.time for p in found if not isinstance(p, BadInputError)] == [1, 3]
    assert sum(isinstance(p, BadInputError) for p in found) == 2


names = st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"), min_size=1).filter(
    lambda text: not text.endswith("\\") and not text.startswith("#")
)
values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(blacklist_characters="\r\n", codec="utf-8")),
)


@settings(max_examples=60, deadline=None)
@given(
    names,
    st.dictionaries(names, names, max_size=3),
    st.dictionaries(names, values, min_size=1, max_size=4),
    st.one_of(st.none(), st.integers(-(2**62), 2**62)),
)
def test_what_is_written_is_read(measurement, tags, fields, time_ns):
    line = write_point(measurement, tags, fields, time_ns)
    assert "\n" not in line
    assert point(line) == (measurement, tags, fields, time_ns)
    assert [*read_line(line).tags] == sorted(tags)


@settings(max_examples=200, deadline=None)
@given(st.text("m,=v1.e-+it \t\x1f#", max_size=14))
def test_the_short_way_of_common_lines_reads_the_same(rest):
    """An escape in the measurement takes the long one."""
    found = []
    for start in ("m", "m\\,"):
        try:
            found.append(point(start + rest))
        except BadInputError as error:
            found.append((error.kind,))
    short, long = found
    assert short[1:] == long[1:]
    assert long[0] in (short[0], short[0].replace("m", "m,", 1))


def test_what_the_form_cannot_hold_is_changed():
    assert write_point("m", {}, {"a": math.nan, "b": math.inf}, 1) == ""
    assert write_point("m", {}, {}, 1) == ""
    assert write_point("", {"a": "", "b": "\\"}, {"x": 1.0, "y": math.nan}, None) == "_ x=1.0"
    assert write_point("#m\\", {"a": "b\nc"}, {"x": "d\r\ne"}, 1) == '_#m,a=b\\ c x="d e" 1'
    numpys = {"a": np.float32(0.5), "b": np.float64(0.1), "c": np.bool_(True)}
    assert write_point("m", {}, numpys, 1) == "m a=0.5,b=0.1,c=true 1"
    assert write_point("m", {}, {**numpys, "d": 2.0}, 1, digits=1) == "m a=0.5,b=0.1,c=true,d=2 1"
    assert write_point("m", {}, {"a": 2**70, "b": True}, 1) == "m b=true 1"


@pytest.mark.parametrize("piece", ["\\", "\\,", '"', '\\"', ",=", "a=", " ", "\\\\", "1", "=\\"])
@pytest.mark.parametrize("start", ["", "m,t=", "m v=", 'm v="', "m v=1 "])
def test_no_text_takes_long(start, piece):
    """A megabyte of what is hardest to read: linear in its length."""
    line = start + piece * (1_000_000 // len(piece))
    begun = time.process_time()
    with suppress(BadInputError):
        read_line(line)
    assert time.process_time() - begun < 5
