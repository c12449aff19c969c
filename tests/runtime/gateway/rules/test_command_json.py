"""Commands as people write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import InputError
from runtime.gateway.rules.command_json import answer_to, id_of, parse_command, refusal_of
from runtime.gateway.rules.commands import (
    AckCommand,
    ListCommand,
    MuteCommand,
    RunningCommand,
    SwapCommand,
    ThresholdCommand,
    UnmuteCommand,
)
from runtime.gateway.rules.limit_tables import ChannelLimits

NOW = 1_772_359_200 * 10**9  # 2026-03-01T10:00:00Z
HEAD = {"id": "7", "origin": "cli root", "time_ns": NOW}


def parsed(clock_is_set=True, **raw):
    document = json.dumps({"id": "7", **raw}).encode()
    return parse_command(document, origin="cli root", time_ns=NOW, clock_is_set=clock_is_set)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"command": "mute", "streams": "a/p7"}, MuteCommand(streams="a/p7", **HEAD)),
        (
            {"command": "mute", "streams": "a/*", "channel": "flow", "for": "2h", "by": "eva"},
            MuteCommand(streams="a/*", channel="flow", rest_s=7200.0,
                        until_ns=NOW + 7200 * 10**9, by="eva", **HEAD),
        ),
        (
            {"command": "mute", "streams": "p", "until": "2026-03-01T13:00:00+02:00", "why": "x"},
            MuteCommand(streams="p", rest_s=3600.0, until_ns=NOW + 3600 * 10**9, why="x", **HEAD),
        ),
        ({"command": "unmute", "streams": "a"}, UnmuteCommand(streams="a", **HEAD)),
        ({"command": "unmute", "streams": "a", "channel": ""},
         UnmuteCommand(streams="a", channel="", **HEAD)),
        ({"command": "threshold", "streams": "*", "threshold": 4},
         ThresholdCommand(streams="*", threshold=4, **HEAD)),
        ({"command": "threshold", "streams": "*", "false_alarms": "1/month"},
         ThresholdCommand(streams="*", false_alarms="1/month", **HEAD)),
        ({"command": "threshold", "streams": "*", "false_alarms": "1 % of time"},
         ThresholdCommand(streams="*", false_alarms="1 % of time", **HEAD)),
        ({"command": "threshold", "streams": "*"}, ThresholdCommand(streams="*", **HEAD)),
        ({"command": "running", "streams": "a", "state": "off"},
         RunningCommand(streams="a", state="off", **HEAD)),
        ({"command": "ack", "event": "a-17", "note": "x"},
         AckCommand(event="a-17", note="x", **HEAD)),
        ({"command": "swap", "model": "pump", "file": "/m.onnx"},
         SwapCommand(model="pump", file="/m.onnx", **HEAD)),
        ({"command": "list"}, ListCommand(**HEAD)),
        ({"command": "list", "what": "mutes"}, ListCommand(what="mutes", **HEAD)),
    ],
)  # fmt: skip
def test_commands(raw, expected):
    """Durations, times with a zone, patterns, budgets."""
    assert parsed(**raw) == expected


def test_limits_are_by_channel():
    """Or null, for those of the configuration."""
    command = parsed(command="limits", streams="p", limits={"flow": {"low": 2, "high": 9.5}})
    assert command.by_channel() == {"flow": ChannelLimits(low=2, high=9.5)}
    assert parsed(command="limits", streams="p", limits=None).by_channel() is None
    assert parsed(command="limits", streams="p", limits={}).by_channel() == {}


def test_without_a_clock_mutes_last_but_end_at_no_time():
    """The gateway's clock is in 1970."""
    command = parsed(clock_is_set=False, command="mute", streams="p", **{"for": 60})
    assert (command.rest_s, command.until_ns) == (60.0, None)
    with pytest.raises(InputError, match="needs a clock that is set"):
        parsed(clock_is_set=False, command="mute", streams="p", until="2027-01-01T00:00Z")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "one of mute, unmute, threshold, limits, running, ack, swap, list. Received: None"),
        ({"command": "shelve"}, "'shelve'"),
        ({"command": ["mute"]}, "one of"),
        ({"command": "mute"}, "must have streams"),
        ({"command": "mute", "streams": ""}, "1 to 1000|at most"),
        ({"command": "mute", "streams": 5}, "text"),
        ({"command": "mute", "streams": "p", "rest_s": 5}, "may have .*for, until.*'rest_s'"),
        ({"command": "mute", "streams": "p", "origin": "me"}, "'origin'"),
        ({"command": "mute", "streams": "p", "for": "soon"}, "duration"),
        ({"command": "mute", "streams": "p", "for": [1]}, "duration"),
        ({"command": "mute", "streams": "p", "for": 0}, "more than 0"),
        ({"command": "mute", "streams": "p", "for": "3 years"}, "at most 366 days"),
        ({"command": "mute", "streams": "p", "for": "1h", "until": "2027-01-01Z"}, "both"),
        ({"command": "mute", "streams": "p", "until": "2026-03-01T12:00:00"}, "with its zone"),
        ({"command": "mute", "streams": "p", "until": 1772370000}, "with its zone"),
        ({"command": "mute", "streams": "p", "until": "tomorrow+01:00"}, "time"),
        ({"command": "mute", "streams": "p", "until": "2026-03-01T10:00:00Z"}, "ahead of now"),
        ({"command": "unmute", "streams": "p", "channel": 5}, "`channel`"),
        ({"command": "threshold", "streams": "p", "threshold": 0}, "above 0"),
        ({"command": "threshold", "streams": "p", "threshold": True}, "above 0"),
        ({"command": "threshold", "streams": "p", "false_alarms": "often"}, "budget"),
        ({"command": "threshold", "streams": "p", "false_alarms": 5}, "text"),
        ({"command": "threshold", "streams": "p", "threshold": 3, "false_alarms": "1/day"}, "both"),
        ({"command": "limits", "streams": "p"}, "must have limits"),
        ({"command": "limits", "streams": "p", "limits": [1]}, "by channel"),
        ({"command": "limits", "streams": "p", "limits": {"f": 3}}, "by channel"),
        ({"command": "limits", "streams": "p", "limits": {"f": {"max": 3}}}, "'max' of 'f'"),
        ({"command": "limits", "streams": "p", "limits": {"f": {"low": "3"}}}, "finite number"),
        ({"command": "running", "streams": "p", "state": "up"}, "on, off, signal"),
        ({"command": "running", "streams": "p", "state": ["on"]}, "on, off, signal"),
        ({"command": "running", "streams": "p"}, "must have state"),
        ({"command": "ack"}, "must have event"),
        ({"command": "ack", "event": ""}, "`event`"),
        ({"command": "ack", "event": "a", "note": 5}, "`note`"),
        ({"command": "swap", "model": "pump"}, "must have file"),
        ({"command": "swap", "model": "", "file": "x"}, "`model`"),
        ({"command": "swap", "model": "m", "file": "a\0"}, "a path"),
        ({"command": "list", "what": "secrets"}, "one of mutes"),
        ({"command": "list", "id": 5}, "`id`"),
        ({"command": "list", "by": "x" * 2000}, "`by`"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(raw, message):
    """What was expected, what came."""
    with pytest.raises(InputError, match=message) as error:
        parsed(**raw)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "document",
    [b"", b"mute", b"[]", b"5", b'{"command": "list", "command": "list"}', b'{"a": NaN}', b"\xff",
     b"[" * 3000, b" " * 70_000, b'"list"'],
)  # fmt: skip
def test_what_is_no_object_is_refused(document):
    """Broken, deep, large, in another encoding."""
    with pytest.raises(InputError, match="must be a JSON object"):
        parse_command(document, origin="x", time_ns=0)
    assert id_of(document) == ""


@given(
    st.dictionaries(
        st.sampled_from(["command", "streams", "for", "until", "limits", "state", "id", "what"]),
        st.recursive(
            st.sampled_from([None, True, 0, -1.5, 1e308, "", "mute", "limits", "running", "2h"]),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["flow", "low", ""]), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_any_object_is_a_command_or_refused(raw):
    """Nothing else happens."""
    try:
        word, said = parse_command(json.dumps(raw), origin="x", time_ns=NOW).word, ""
    except InputError as error:
        word, said = raw.get("command"), str(error)
    assert word == raw.get("command")
    assert "\n" not in said


def test_answers():
    """With the command's id, as JSON on one line."""
    command = parsed(command="list", what="mutes")
    assert answer_to(command, ["a"]) == (
        "7", '{"id":"7","ok":true,"command":"list","changed":["a"]}'
    )  # fmt: skip
    document = b'{"id": "9", "command": "?"}'
    with pytest.raises(InputError) as error:
        parse_command(document, origin="x", time_ns=0)
    name, text = refusal_of(id_of(document), error.value)
    assert name == "9"
    assert json.loads(text) == {"id": "9", "ok": False, "error": str(error.value)}
    assert id_of(b'{"id": 9}') == ""


def test_a_command_without_an_id_gets_one():
    """Of where and when it came."""
    command = parse_command('{"command": "list"}', origin="http", time_ns=5)
    assert command.id == "http-5"
