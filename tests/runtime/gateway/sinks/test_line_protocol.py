"""Line protocol: escaped, sorted, without NaN, and read back by its own rules."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.gateway.outputs import Outputs
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.line_file import LineFileOptions
from runtime.gateway.sinks.line_protocol import LineProtocolOptions, LineProtocolSink, point
from toys.gateway_outputs import notice, scored, tick


def made(path, **changes):
    file = LineFileOptions(path=str(path))
    return LineProtocolSink("influx", LineProtocolOptions(file=file, **changes))


def test_scores_with_segments_as_tags(tmp_path):
    sink = made(tmp_path / "out", tags=("line", "device"))
    sink.write(tick(4, ["a/p7", "p8"]))
    fields = (
        'score=1.92,severity=3.4,alarm=true,warm=true,quality="good",repeat=false,'
        'model="9f2c41d07a3e" 1772359200250000000'
    )
    assert (tmp_path / "out").read_text().splitlines() == [
        f"kad,device=p7,line=a {fields}",
        f"kad,stream=p8 {fields}",
    ]
    assert sink.acknowledged == 4


def test_the_fast_way_says_what_point_says(tmp_path):
    """Names that need escapes, numbers that are none, every quality."""
    rng = np.random.default_rng(0)
    names = rng.choice(["a/p7", "a b,c=d/x", "#/\\", "", "half \ud800", "a/b/c"], 100).tolist()
    specials = [math.nan, math.inf, -math.inf, 0.0, 1e-9, 1234567.8, 3.4e38, 1.5]
    rows = scored(
        names,
        score=rng.choice(specials, 100),
        severity=rng.choice(specials, 100),
        alarm=rng.random(100) < 0.5,
        warm=rng.random(100) < 0.5,
        quality=rng.integers(0, 1024, 100),
        times=rng.integers(-(10**18), 10**18, 100),
    )
    sink = made(tmp_path / "out", tags=("line", "device"))
    sink.write(Outputs(sequence=1, scored=(rows,), repeat=True))
    lines = (tmp_path / "out").read_text().splitlines()
    for step, line in enumerate(lines):
        segments = names[step].split("/")
        tags = {"stream": names[step]}
        if len(segments) == 2:
            tags = {"line": segments[0], "device": segments[1]}
        quality = int(rows.quality[step])
        fields = {
            "score": float(rows.scores.score[step]),
            "severity": float(rows.scores.severity[step]),
            "alarm": bool(rows.scores.alarm[step]),
            "warm": bool(rows.warm[step]),
            "quality": "uncertain" if quality else "good",
            "reasons": " ".join(Quality(quality).reasons()),
            "repeat": True,
            "model": "9f2c41d07a3e",
        }
        assert line == point("kad", tags, fields, int(rows.scores.times_ns[step]))
    assert len(lines) == 100


def test_an_event_is_a_point_of_its_own(tmp_path):
    sink = made(tmp_path / "out", measurement="my kad")
    sink.write(tick(1, events=[notice(severity=math.nan)]))
    assert (tmp_path / "out").read_text() == (
        "my\\ kad_event,kind=anomaly,stream=a/p7 "
        'id="a/p7-1772359140000",phase="start",duration_s=0,text="Look at the pump.",'
        'channels="flow",repeat=false 1772359140000000000\n'
    )


def test_numbers_that_are_none_are_left_out(tmp_path):
    sink = made(tmp_path / "out")
    rows = scored(["a"], score=math.nan, severity=math.inf, quality=1)
    sink.write(Outputs(sequence=1, scored=(rows,)))
    line = (tmp_path / "out").read_text()
    assert "score" not in line
    assert "severity" not in line
    assert 'quality="uncertain",reasons="partial"' in line


def test_input_passes_through_before_its_scores(tmp_path):
    sink = made(tmp_path / "out")
    sink.write_raw(b"pump,device=p7 flow=1 1\n# as it came\npump flow=2 2")
    sink.write_raw(b"")
    sink.write(tick(1, ["a"]))
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert lines[:3] == [b"pump,device=p7 flow=1 1", b"# as it came", b"pump flow=2 2"]
    assert lines[3].startswith(b"kad,stream=a ")
    assert sink.acknowledged == 1
    sink.close(1.0)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("m", {}, {"x": 1.0}), "m x=1 5"),
        (("m", {"b": "2", "a": "1", "c": ""}, {"x": 1}), "m,a=1,b=2 x=1i 5"),
        (("a b,c", {"k =,": "v =,"}, {"f =,": True}), r"a\ b\,c,k\ \=\,=v\ \=\, f\ \=\,=true 5"),
        (("m", {"t": "c:\\"}, {"x": 'a "q" \\ b'}), r'm,t=c:_ x="a \"q\" \\ b" 5'),
        (("#m", {"t": 'say "x"'}, {"x": False}), '_#m,t=say\\ "x" x=false 5'),
        (("m", {"t": "a\nb"}, {"x": "a\r\nb"}), 'm,t=a\\ b x="a b" 5'),
        (("m", {"t": "\n"}, {"x": math.nan, "y": "", "z": 2.0}), "m z=2 5"),
        (("m", {"t": "1"}, {"x": math.nan, "y": ""}), ""),
    ],
)
def test_points(parts, line):
    assert point(*parts, 5) == line


NAMES = st.text(max_size=8)


@given(NAMES.filter(str.strip), st.dictionaries(NAMES, NAMES, max_size=3), NAMES, st.floats())
def test_any_point_is_one_line_of_three_parts(measurement, tags, text, value):
    line = point(measurement, tags, {"f": value, "t": text, "ok": True}, -5)
    assert len(line.splitlines()) == 1
    head, fields, time = re.fullmatch(
        r'((?:\\.|[^ \\]|\\(?=[^ ]))+) ((?:"(?:\\.|[^"\\])*"|[^" ])+) (-?\d+)', line
    ).groups()
    assert time == "-5"
    assert fields.endswith("ok=true")
    keys = [part.split("=")[0] for part in re.split(r"(?<!\\),", head)[1:]]
    assert keys == sorted(keys) or any("\\" in key for key in keys)
    assert all(re.split(r"(?<!\\)=", part)[1] for part in re.split(r"(?<!\\),", head)[1:])


@pytest.mark.parametrize(
    "changes",
    [{"measurement": ""}, {"measurement": "a\nb"}, {"tags": ("a", "a")}, {"tags": ("kind",)}],
)
def test_options_that_cannot_be(changes):
    with pytest.raises(ConfigError, match="must be"):
        LineProtocolOptions(**changes)
