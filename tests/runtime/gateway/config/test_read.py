"""`gateway.toml`: read, its errors, its traps, and the first one that `init` writes."""

from pathlib import Path

import pytest

from runtime.errors import ConfigError, ModelFileError
from runtime.gateway.check import check
from runtime.gateway.config.init import first_config
from runtime.gateway.config.read import read_config
from runtime.gateway.config.traps import traps
from toys.golden import FOLDER

MODEL = '[[model]]\nfile = "m.onnx"\n'
STDIN = '[[source]]\nkind = "stdin"\n'
JSONL = '[[sink]]\nkind = "jsonl"\n'
BROKER = '[broker]\nhost = "localhost"\n'
GATEWAY = '[gateway]\nname = "gw"\n'
MQTT = '[[source]]\nkind = "mqtt"\ntopics = ["plant/{device}/data"]\n'
SMALLEST = GATEWAY + MODEL + STDIN + JSONL


def read(folder, text):
    path = folder / "gateway.toml"
    path.write_text(text)
    return read_config(path)


def test_the_smallest_file(tmp_path):
    """Names from kinds and files; paths beside the file; a pipe needs no journal."""
    config = read(tmp_path, SMALLEST)
    assert config.models[0].key == "m"
    assert config.models[0].file == tmp_path / "m.onnx"
    assert config.gateway.state == tmp_path / "kad-state"
    assert [source.name for source in config.sources] == ["stdin"]
    assert [sink.name for sink in config.sinks] == ["jsonl"]
    assert not config.is_durable
    assert config.floods is None


def test_a_file_with_everything(tmp_path):
    """Every table, and some of each kind."""
    config = read(
        tmp_path,
        """
[gateway]
name = "gw1"
state = "/var/lib/kad"
silent_after_s = "10min"
evict_after_s = "7d"
log = "json"
[journal]
snapshot_s = "5min"
when_full = "drop-oldest"
[http]
port = 9999
[commands]
topic = "kad/gw1/command"
broker = "far"
[floods]
events = 20
[broker]
host = "localhost"
[brokers.far]
host = "far.example"
port = 8883
[brokers.far.tls]
ca_file = "ca.pem"
[[model]]
file = "pump.onnx"
streams = ["a/*"]
false_alarms = "1/month"
[model.budgets]
"a/p7" = "1/week"
[model.alarm]
min_duration_s = "5min"
[model.running]
signal = "speed > 100"
[model.limits]
event = "only-with-score"
[model.limits.channels.flow]
high = 20.0
[model.sensors.flow]
stuck_s = "1h"
[[model]]
file = "/models/fan.onnx"
key = "fan"
threshold = 3.5
[[source]]
kind = "mqtt"
topics = ["plant/{line}/{device}/data"]
[source.channels]
flow = { path = "q", scale = 0.001 }
[[source]]
kind = "mqtt"
name = "far"
broker = "far"
preset = "tasmota"
topics = ["tele/{device}/SENSOR"]
persistent = false
[[sink]]
kind = "mqtt"
scores = "change"
home_assistant = true
[sink.topics]
score = "x/{stream}/score"
[[sink]]
kind = "jsonl"
path = "out.jsonl"
[[sink]]
kind = "csv"
path = "out.csv"
events = "events.csv"
[[sink]]
kind = "line-protocol"
[[sink]]
kind = "thingsboard"
broker = "far"
""",
    )
    assert config.is_durable
    assert config.gateway.evict_after_s == 7 * 86_400
    assert config.models[0].running.signal == "speed > 100"
    assert config.models[0].alarm.named() == {"min_duration": 300.0}
    assert config.models[1].file == Path("/models/fan.onnx")
    assert config.sources[0].payload.channels["flow"].scale == 0.001
    assert config.sinks[0].home_assistant is not None
    assert config.broker("far", suffix="-x").client_id == "kad-gw1-x"
    assert not [line for line in traps(config) if line.startswith("error")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gateway", "must be TOML"),
        ("", "must have `name`"),
        (GATEWAY, "must have a [[model]]"),
        (GATEWAY + MODEL, "must have a [[source]]"),
        (GATEWAY + MODEL + STDIN, "must have a [[sink]]"),
        ("[gateways]\n" + SMALLEST, "`gateways`"),
        (SMALLEST + "[floods]\nevents = -1\n", "[floods]"),
        (SMALLEST.replace('"gw"', '"a/b"'), "without / + and #"),
        (SMALLEST.replace('"gw"', '"gw"\ntick_s = 60'), "[gateway]"),
        ("gateway = 3\n" + SMALLEST[len(GATEWAY) :], "[gateway]"),
        ('model = "x"\n' + GATEWAY + STDIN + JSONL, "[[model]]"),
        ("model = [1]\n" + GATEWAY + STDIN + JSONL, "[[model]]"),
        (SMALLEST + MODEL, "'m' twice"),
        (SMALLEST + STDIN, "'stdin' twice"),
        (SMALLEST + JSONL, "'jsonl' twice"),
        (SMALLEST.replace("stdin", "kafka"), "[[source]] 1"),
        (SMALLEST.replace("jsonl", "kafka"), "[[sink]] 1"),
        (SMALLEST.replace('kind = "jsonl"', ""), "[[sink]] 1"),
        (SMALLEST.replace('kind = "jsonl"', 'kind = "jsonl"\nscore = "every"'), "`score`"),
        (SMALLEST.replace('kind = "jsonl"', 'kind = "jsonl"\nname = 3'), "[[sink]] 1"),
        (SMALLEST.replace('kind = "jsonl"', 'kind = ["jsonl"]'), "[[sink]] 1"),
        (GATEWAY + MODEL + MQTT + JSONL, "[broker]"),
        (GATEWAY + MODEL + MQTT + 'broker = "far"\n' + JSONL + BROKER, "[brokers.far]"),
        (SMALLEST + '[[sink]]\nkind = "mqtt"\n', "[broker]"),
        (SMALLEST + BROKER.replace("host", "hots") + MQTT.replace('"mqtt"', '"mqtt"'), "hots"),
        (GATEWAY + MODEL + MQTT + 'preset = "x"\n' + JSONL + BROKER, "`preset`"),
        (GATEWAY + MODEL + MQTT.replace("{device}", "{") + JSONL + BROKER, "[[source]] 1"),
        (GATEWAY + MODEL + MQTT.replace("plant", "$share/g/plant") + JSONL + BROKER, "shared"),
        (SMALLEST.replace("m.onnx", 'm.onnx"\nthreshold = 1.0\nfalse_alarms = "1/week'), "both"),
        (SMALLEST.replace("m.onnx", 'm.onnx"\nsignature = "m.sig'), "go together"),
        (SMALLEST + "[brokers]\nfar = 3\n" + MQTT + 'broker = "far"\n', "brokers"),
        (SMALLEST + "[commands]\ntopic = 3\n", "[commands]"),
        (SMALLEST + '[commands]\ntopic = "x"\n', "[broker]"),
    ],
)
def test_every_error_is_one_line_with_its_place(tmp_path, text, expected):
    """What was expected, what was received, what to do."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    """It says how to write one; a folder and bytes that are no text are no files of ours."""
    with pytest.raises(ConfigError, match="init"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError):
        read_config(tmp_path)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="must be TOML"):
        read_config(tmp_path / "x.toml")


def trapped(folder, sources, sinks=JSONL):
    return list(traps(read(folder, GATEWAY + BROKER + MODEL + sources + sinks)))


def source(*topics, name="mqtt", more=""):
    every = ", ".join(f'"{topic}"' for topic in topics)
    return f'[[source]]\nkind = "mqtt"\nname = "{name}"\ntopics = [{every}]\n{more}'


def test_topics_that_do_no_harm(tmp_path):
    """Also on two brokers."""
    assert trapped(tmp_path, source("plant/{device}/data", "hall/{device}/data")) == []


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (source("plant/{a}/data", "plant/p7/{b}"), "overlap"),
        (source("a/{x}") + source("a/{y}", name="two"), "overlap"),
        ('[[source]]\nkind = "mqtt"\n', "no topics"),
    ],
)
def test_topics_that_lose_or_repeat(tmp_path, sources, expected):
    """Errors, each with its source."""
    (line,) = trapped(tmp_path, sources)
    assert line.startswith("error:")
    assert expected in line


def test_a_loop_is_an_error(tmp_path):
    """What it publishes comes in again."""
    sink = '[[sink]]\nkind = "mqtt"\n'
    (line,) = trapped(tmp_path, source("kad/{device}/{what}"), sink)
    assert "a loop" in line
    assert trapped(tmp_path, source("plant/{device}/data"), sink) == []


def test_without_a_journal_a_broker_is_a_warning(tmp_path):
    """What was acknowledged is lost with the process."""
    (line,) = trapped(tmp_path, source("plant/{device}"), JSONL + "[journal]\nenabled = false\n")
    assert line.startswith("warning: the journal is off")


@pytest.mark.parametrize("name", ["gaussian", "vae-lstm"])
def test_what_init_writes_is_read_back_and_checks(tmp_path, name):
    """Relative to where it lies; sound as it stands."""
    path = tmp_path / "here" / "gateway.toml"
    path.parent.mkdir()
    path.write_text(first_config(FOLDER / f"{name}.onnx", beside=str(path)))
    config = read_config(path)
    assert config.models[0].file.resolve() == (FOLDER / f"{name}.onnx").resolve()
    assert set(config.sources[0].payload.channels) == {"a", "b"}
    report = check(path)
    assert report.is_sound
    assert not any(line.startswith("warning") for line in report.lines), report.lines
    with pytest.raises(ModelFileError):
        first_config(path)
