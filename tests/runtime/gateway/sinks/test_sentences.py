"""One sentence for a person."""

import math
from typing import get_args

import pytest

from runtime.gateway.outputs import BlamedChannel, EventKind
from runtime.gateway.sinks.sentences import sentence
from toys.gateway_outputs import notice

SINCE = "since 2026-03-01 09:59:00 UTC"
JARGON = ("score", "threshold", "detector", "NaN", "nan", "inf", "stream", "log")


def blamed(name, value=3.1, expected=12.4):
    return BlamedChannel(name=name, share=0.5, value=value, expected=expected)


def test_an_event_that_goes_on():
    assert sentence(notice(), units={"flow": "m³/h"}, name="Pump 7") == (
        "Pump 7 has not behaved as usual since 2026-03-01 09:59:00 UTC; very unusual "
        "(severity 4.1); flow is 3.1 m³/h, about 12.4 m³/h was expected."
    )


def test_an_event_that_has_ended():
    ended = notice(
        phase="end", duration_s=3725, severity=9, channels=[blamed("flow"), blamed("temp")]
    )
    assert sentence(ended) == (
        "a/p7 did not behave as usual from 2026-03-01 09:59:00 UTC, for 1 h 2 min; extremely "
        "unusual (severity 9.0); flow was 3.1, about 12.4 was expected; also temp."
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            notice(kind="limit", severity=math.nan, channels=[blamed("flow", 99, math.nan)]),
            "a/p7, flow has been beyond the limit since 2026-03-01 09:59:00 UTC; flow is 99.",
        ),
        (
            notice(kind="sensor", channels=[blamed("x", math.nan), blamed("y")]),
            f"a/p7, x and y have given readings that cannot be right {SINCE}; x has no reading.",
        ),
        (
            notice(kind="silent", channels=[]),
            "a/p7 has sent nothing since 2026-03-01 09:59:00 UTC.",
        ),
        (
            notice("", kind="flood", channels=[]),
            "The gateway has had more events than a person can read since 2026-03-01 09:59:00 UTC.",
        ),
        (
            notice(kind="silent", channels=[], phase="end", duration_s=0.2),
            "a/p7 sent nothing from 2026-03-01 09:59:00 UTC, for less than a second.",
        ),
    ],
)
def test_other_kinds(event, expected):
    assert sentence(event) == expected


@pytest.mark.parametrize("kind", get_args(EventKind))
@pytest.mark.parametrize("phase", ["start", "update", "end"])
def test_every_kind_is_one_calm_line_without_jargon(kind, phase):
    channels = [blamed("a\nb", math.inf), *map(blamed, "cdefg")]
    said = sentence(
        notice(kind=kind, phase=phase, severity=math.nan, duration_s=math.nan, channels=channels)
    )
    assert said.endswith(".")
    assert len(said.splitlines()) == 1
    assert "!" not in said
    assert not [word for word in JARGON if word in said]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (60, "1 min"), (90, "1 min 30 s"), (7200, "2 h"), (90_000, "1 d 1 h")],
)
def test_lengths(seconds, words):
    assert f"for {words};" in sentence(notice(phase="end", duration_s=seconds))
