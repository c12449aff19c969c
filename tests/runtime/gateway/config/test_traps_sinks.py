"""Topics of sinks that would be mixed, doubled or run in a circle are found before the start."""

import pytest

from runtime.gateway.config.read import read_config
from runtime.gateway.config.traps import traps

_PLAIN = """
[gateway]
name = "gw1"
[broker]
[[model]]
file = "m.onnx"
"""
_SOURCE = """
[[source]]
kind = "mqtt"
topics = ["plant/{line}/{device}/data"]
"""
_SINK = """
[[sink]]
kind = "mqtt"
"""


def found(tmp_path, *parts):
    """What is wrong with a configuration of these parts."""
    path = tmp_path / "gateway.toml"
    path.write_text("".join(parts))
    return list(traps(read_config(path)))


def only(lines):
    assert len(lines) == 1, lines
    return lines[0]


def test_the_first_configuration_has_none(tmp_path):
    assert found(tmp_path, _PLAIN, _SOURCE, _SINK) == []


@pytest.mark.parametrize("kind", ["stdin", "replay"])
def test_a_source_that_is_no_broker_needs_no_topics(tmp_path, kind):
    source = f'[[source]]\nkind = "{kind}"\n'
    assert found(tmp_path, _PLAIN, source, _SINK, "home_assistant = true\n") == []


@pytest.mark.parametrize(
    ("topics", "topic"),
    [
        ('gateway_event = "kad/{gateway}/event"', "kad/gw1/event"),
        ('gateway_event = "kad/gw1/event"', "kad/gw1/event"),
        ('status = "kad/gw1/state"', "kad/gw1/state"),
        ('score = "{stream}/{stream}/x"\nstatus = "gw1/gw1/x"', "gw1/gw1/x"),
        ('state = "{gateway}/{stream}"\nanswers = "gw1/gw1"', "gw1/gw1"),
    ],
)
def test_a_stream_named_like_the_gateway(tmp_path, topics, topic):
    line = only(found(tmp_path, _PLAIN, _SOURCE, _SINK, "[sink.topics]\n", topics))
    assert line.startswith(f"error: a stream named gw1 would share {topic} with what mqtt says")


def test_where_no_model_takes_such_a_stream_there_is_nothing_to_mix(tmp_path):
    topics = '[sink.topics]\ngateway_event = "kad/{gateway}/event"\n'
    plain = f'{_PLAIN}streams = ["line*"]\n'
    assert found(tmp_path, plain, _SOURCE, _SINK, topics) == []


def test_a_far_fetched_name_is_a_warning(tmp_path):
    topics = '[sink.topics]\nscore = "kad/{stream}"\n'
    lines = found(tmp_path, _PLAIN, _SOURCE, _SINK, topics)
    assert any("a stream named gw1/status would share kad/gw1/status" in line for line in lines)
    assert all(line.startswith("warning: a stream named gw1/") for line in lines)


def test_topics_that_are_not_in_use_are_not_shared(tmp_path):
    """`severity` is Home Assistant's alone, `scores` that of arrays."""
    topics = '[sink.topics]\nscores = "kad/gw1/score"\nstatus = "kad/gw1/severity"\n'
    assert found(tmp_path, _PLAIN, _SOURCE, _SINK, topics) == []
    home = "home_assistant = true\n"
    assert "kad/gw1/severity" in only(found(tmp_path, _PLAIN, _SOURCE, _SINK, home, topics))


def test_two_sinks_with_the_same_topics(tmp_path):
    second = f'{_SINK}name = "two"\n'
    line = only(found(tmp_path, _PLAIN, _SOURCE, _SINK, second))
    assert line.startswith("error: mqtt and two publish on the same topics of one broker: kad/gw1")
    assert "kad/{stream}/score" in line


def test_two_tables_may_be_of_one_broker(tmp_path):
    brokers = '[brokers.b]\nhost = "LOCALHOST"\n[brokers.c]\nhost = "elsewhere"\n'
    for broker, count in (("b", 1), ("c", 0)):
        second = f'{_SINK}name = "two"\nbroker = "{broker}"\n'
        assert len(found(tmp_path, _PLAIN, brokers, _SOURCE, _SINK, second)) == count
        source = f'{_SOURCE}name = "again"\nbroker = "{broker}"\n'
        assert len(found(tmp_path, _PLAIN, brokers, _SOURCE, source, _SINK)) == count


def test_two_sinks_with_topics_of_their_own(tmp_path):
    own = ("score", "event", "state")
    topics = "".join(f'{name} = "b/{{stream}}/{name}"\n' for name in own)
    topics += "".join(
        f'{name} = "b/{{gateway}}/{name}"\n' for name in ("status", "gateway_event", "answers")
    )
    second = f'{_SINK}name = "two"\n[sink.topics]\n{topics}'
    assert found(tmp_path, _PLAIN, _SOURCE, _SINK, second) == []
    mixed = second.replace('"b/{gateway}/status"', '"kad/gw1/state"')
    line = only(found(tmp_path, _PLAIN, _SOURCE, _SINK, mixed))
    assert "a stream named gw1 would share kad/gw1/state with what two says" in line


def test_two_things_with_one_token(tmp_path):
    one = '[[sink]]\nkind = "thingsboard"\n'
    two = f'{one}name = "two"\n'
    line = only(found(tmp_path, _PLAIN, _SOURCE, one, two))
    assert line.startswith("error: thingsboard and two say the same to one ThingsBoard")
    brokers = '[brokers.b]\nuser = "token"\n'
    assert found(tmp_path, _PLAIN, brokers, _SOURCE, one, f'{two}broker = "b"\n') == []


@pytest.mark.parametrize(
    ("topic", "loops"),
    [
        ("#", True),
        ("kad/#", True),
        ("kad/{line}/{device}/score", True),
        ("kad/+/+/+/score", True),
        ("kad/{device}/events", True),
        ("kad/{device}/answers", True),
        ("kad/{device}/data", False),
        ("kad/{device}/score/raw", False),
        ("kad/{device}/severity", False),
        ("kad/+", False),
    ],
)
def test_a_loop_is_where_a_topic_can_be_ours(tmp_path, topic, loops):
    source = _SOURCE.replace("plant/{line}/{device}/data", topic)
    lines = found(tmp_path, _PLAIN, source, _SINK)
    assert [line.endswith("a loop. Name the topics of devices alone.") for line in lines] == (
        [True] if loops else []
    )


def test_devices_may_lie_beside_their_scores(tmp_path):
    topics = "".join(f'{n} = "plant/{{stream}}/{n}"\n' for n in ("score", "event", "state"))
    assert found(tmp_path, _PLAIN, _SOURCE, _SINK, "[sink.topics]\n", topics) == []


def test_commands_are_no_data(tmp_path):
    commands = '[commands]\ntopic = "plant/gw1/command/data"\n'
    line = only(found(tmp_path, _PLAIN, commands, _SOURCE, _SINK))
    assert "matches the topic of commands, plant/gw1/command/data" in line


@pytest.mark.parametrize(
    ("name", "more", "other"),
    [("mqtt-out", "", "the sink mqtt"), ("commands", '[commands]\ntopic = "c"\n', "[commands]")],
)
def test_two_clients_of_one_name(tmp_path, name, more, other):
    source = f'{_SOURCE}name = "{name}"\n'
    line = only(found(tmp_path, _PLAIN, more, source, _SINK))
    assert line.startswith(f"error: the source {name} and {other} would both be the client kad-gw1")
