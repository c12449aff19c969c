"""Commands as entries of the journal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError, InputError
from runtime.gateway.rules.commands import (
    KINDS,
    LimitsCommand,
    ListCommand,
    MuteCommand,
    RunningCommand,
    SwapCommand,
    ThresholdCommand,
    UnmuteCommand,
    command_from_json,
)
from runtime.gateway.rules.limit_tables import ChannelLimits

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
HEAD = {"id": TEXT, "origin": TEXT, "time_ns": st.integers(-(10**18), 10**18), "by": TEXT}
NUMBERS = st.floats(0.001, 1000)
LIMITS = st.builds(ChannelLimits, low=st.none() | NUMBERS, on_delay_s=NUMBERS)
COMMANDS = st.one_of(
    st.builds(MuteCommand, **HEAD, streams=TEXT, channel=TEXT, rest_s=st.none() | NUMBERS),
    st.builds(MuteCommand, **HEAD, streams=TEXT, rest_s=NUMBERS, until_ns=st.integers(0, 2**60)),
    st.builds(UnmuteCommand, **HEAD, streams=TEXT, channel=st.none() | TEXT),
    st.builds(ThresholdCommand, **HEAD, streams=TEXT, threshold=st.none() | NUMBERS),
    st.builds(ThresholdCommand, **HEAD, streams=TEXT, false_alarms=st.just("1/week")),
    st.builds(
        LimitsCommand,
        **HEAD,
        streams=TEXT,
        limits=st.none() | st.dictionaries(TEXT, LIMITS).map(lambda d: tuple(d.items())),
    ),
    st.builds(RunningCommand, **HEAD, streams=TEXT, state=st.sampled_from(["on", "signal"])),
    st.builds(SwapCommand, **HEAD, model=TEXT, file=st.just("/m.onnx")),
    st.builds(ListCommand, **HEAD, what=st.sampled_from(["mutes", "all"])),
)


@given(COMMANDS)
def test_commands_go_through_the_journal_exactly(command):
    """To the last digit."""
    text = json.dumps(command.to_json(), allow_nan=False)
    again = command_from_json(json.loads(text))
    assert again == command
    assert type(again) is type(command)
    assert json.dumps(again.to_json(), allow_nan=False) == text


def test_a_mute_names_who_did_it():
    """Where nobody is named, where it came from."""
    head = {"id": "7", "origin": "http", "time_ns": 5, "streams": "p"}
    assert MuteCommand(**head).mute().by == "http"
    mute = MuteCommand(**head, by="eva", why="x", rest_s=3.0).mute()
    assert (mute.by, mute.why, mute.since_ns, mute.rest_s) == ("eva", "x", 5, 3.0)


@pytest.mark.parametrize("word", sorted(KINDS))
@pytest.mark.parametrize(
    "change",
    [{"command": "?"}, {"command": []}, {"more": 1}, {"id": 5}, {"time_ns": "now"},
     {"time_ns": True}, {"time_ns": 2**62}, {"origin": None}],
)  # fmt: skip
def test_other_entries_are_refused(word, change):
    """Of any command."""
    head = {"id": "7", "origin": "http", "time_ns": 5}
    own = {
        "limits": {"limits": None},
        "running": {"state": "on"},
        "swap": {"model": "m", "file": "f"},
        "ack": {"event": "a"},
    }
    streams = {} if word in ("swap", "list", "ack") else {"streams": "p"}
    raw = KINDS[word](**head, **streams, **own.get(word, {})).to_json()
    assert command_from_json(raw).to_json() == raw
    with pytest.raises(InputError, match="Received"):
        command_from_json({**raw, **change})
    with pytest.raises(ConfigError, match="must have"):
        command_from_json({name: raw[name] for name in raw if name != "by"})


@pytest.mark.parametrize("raw", [None, 5, [], {}])
def test_what_is_no_entry_is_refused(raw):
    """In a line."""
    with pytest.raises(ConfigError, match="of the journal"):
        command_from_json(raw)
