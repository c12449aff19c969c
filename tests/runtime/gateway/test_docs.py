"""`docs/gateway.md` says what the code has: keys, defaults, metrics, reasons, commands."""

import dataclasses
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import runtime.gateway.pipeline.ask as asking
from runtime.cli.app import main
from runtime.clock.durations import parse_duration
from runtime.gateway.config import options, rule_options
from runtime.gateway.config.read import _SourceKeys, read_config
from runtime.gateway.config.traps import traps
from runtime.gateway.mqtt.options import BrokerOptions, TLSOptions
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.payloads.options import ChannelOptions, PayloadOptions
from runtime.gateway.payloads.presets import PRESETS
from runtime.gateway.rules.command_json import parse_command
from runtime.gateway.rules.commands import KINDS
from runtime.gateway.rules.floods import FloodRules
from runtime.gateway.rules.limit_tables import ChannelLimits
from runtime.gateway.rules.running import RunningRule
from runtime.gateway.rules.sensors import SensorRules
from runtime.gateway.samples import Quality
from runtime.gateway.sinks.csv import CSVOptions
from runtime.gateway.sinks.home_assistant import HomeAssistantOptions
from runtime.gateway.sinks.jsonl import JSONLinesOptions
from runtime.gateway.sinks.line_file import LineFileOptions
from runtime.gateway.sinks.line_protocol import LineProtocolOptions
from runtime.gateway.sinks.mqtt import MQTTSinkOptions
from runtime.gateway.sinks.options import Publishing, Topics
from runtime.gateway.sinks.thingsboard import ThingsBoardOptions

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/gateway.md").read_text()
EXAMPLES = ROOT / "examples/gateway"

TABLES = [
    ("`[gateway]`", [options.GatewayOptions], ()),
    ("`[broker]`, `[brokers.NAME]`", [BrokerOptions], ("will",)),
    ("`[broker.tls]`", [TLSOptions], ()),
    ("`[[model]]`", [options.ModelOptions], ()),
    ("`[model.alarm]`", [options.AlarmOptions], ()),
    ("`[model.running]`", [RunningRule], ()),
    ("`[model.limits]`", [rule_options.LimitOptions], ()),
    ("`[model.limits.channels.CHANNEL]`", [ChannelLimits], ()),
    ("`[model.sensors.CHANNEL]`", [SensorRules], ()),
    ("`[[source]]`", [_SourceKeys, PayloadOptions], ()),
    ("`[source.channels.CHANNEL]`", [ChannelOptions], ()),
    ("`[[sink]]`", [Publishing], ()),
    ("`[[sink]]`", [MQTTSinkOptions], ("topics", "publishing")),
    ("`[[sink]]`", [ThingsBoardOptions], ("publishing",)),
    ("`[[sink]]`", [LineFileOptions], ()),
    ("`[[sink]]`", [CSVOptions], ("file", "publishing")),
    ("`[[sink]]`", [JSONLinesOptions], ("file", "publishing")),
    ("`[[sink]]`", [LineProtocolOptions], ("file", "publishing")),
    ("`[sink.topics]`", [Topics], ("gateway", "_gateway")),
    ("`[sink.home_assistant]`", [HomeAssistantOptions], ("topics",)),
    ("`[journal]`", [options.JournalOptions], ()),
    ("`[http]`", [options.HttpOptions], ()),
    ("`[commands]`", [options.CommandOptions], ()),
    ("`[floods]`", [FloodRules], ()),
]
"""Headings of the page, dataclasses of the tables below, and fields of them that are no keys."""
FEBRUARY_NS = 1_771_000_000 * 10**9
"""In 2026, before the times of the page."""
MADE = {"client_id": '"kad-NAME"'}
"""Defaults that are made of others."""


def tables():
    """Tables of keys: heading, and the default of each key as written."""
    found, heading = [], ""
    for line in PAGE.splitlines():
        if line.startswith("### "):
            heading = line[4:]
        elif line == "| key | default | |":
            found.append((heading, {}))
        elif found and (row := re.match(r"\| `(\w+)` \| (.*?) ?\| ", line)):
            if not line.startswith(("| `kad_",)) and heading:
                found[-1][1][row[1]] = row[2].strip("`")
        elif line.startswith("## ") and line != "## gateway.toml":
            heading = ""
    return found


def default(field):
    """The default of a field; None for all that means nothing."""
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "**must**"
    nothing = dataclasses.is_dataclass(value) or value in (None, "", (), {}, Path())
    return None if nothing else value


def read(name, cell):
    """A default as the page writes it."""
    if cell in ("", "**must**"):
        return cell or None
    value = tomllib.loads(f"x = {cell}")["x"]
    return parse_duration(value) if name.endswith("_s") and not isinstance(value, list) else value


@pytest.mark.parametrize("at", range(len(TABLES)))
def test_keys(at):
    """Each key and default, as the dataclasses have them."""
    heading, written = tables()[at]
    wanted, classes, left_out = TABLES[at]
    assert heading == wanted
    fields = {f.name: f for c in classes for f in dataclasses.fields(c) if f.name not in left_out}
    keys = [name for name in written if name != "preset"]
    assert keys == list(fields)
    for name, field in fields.items():
        if name in MADE:
            assert written[name] == MADE[name]
            continue
        value = default(field)
        value = str(value) if isinstance(value, Path) else value
        value = list(value) if isinstance(value, tuple) else value
        assert read(name, written[name]) == value, name


def test_complete():
    """No table of keys is left over, and each preset is named."""
    assert len(tables()) == len(TABLES)
    assert all(f"`{name}`" in PAGE for name in PRESETS)


def test_metrics_and_reasons():
    """Every metric and every reason of quality, and no other."""
    registry = Registry()
    Families(registry, per_stream=True)
    text = registry.render()
    text = text.decode() if isinstance(text, bytes) else text
    assert re.findall(r"^\| `(kad_\w+)` \|", PAGE, re.M) == re.findall(r"^# HELP (\S+)", text, re.M)
    section = PAGE[PAGE.index("## Quality") : PAGE.index("## Metrics")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == [flag.name.lower() for flag in Quality]


def test_commands(monkeypatch):
    """The commands of the page are commands, and each word of them is there."""
    given = []

    def ask(_folder, command, *, wait_s, accepted):
        given.append(command)
        return {"ok": True, "command": "other", "changed": None}

    monkeypatch.setattr(asking, "ask", ask)
    lines = re.findall(r"^python -m runtime (command STATE .*)$", PAGE, re.M)
    assert all(main(shlex.split(line)) == 0 for line in lines)
    for command in given:
        parse_command(str(command).replace("'", '"'), origin="file", time_ns=FEBRUARY_NS)
    assert {command["command"] for command in given} == set(KINDS)


def test_links():
    """What the page points to is there."""
    links = re.findall(r"\]\(([^)#h][^)#]*)", PAGE)
    assert links
    assert all((ROOT / "docs" / link).exists() for link in links)


def test_telegraf():
    """The configuration for Telegraf is one."""
    config = read_config(EXAMPLES / "telegraf.toml")
    assert not list(traps(config))
    assert config.gateway.log == "telegraf"
    assert not config.is_durable
    telegraf = tomllib.loads((EXAMPLES / "telegraf.conf").read_text())
    assert telegraf["processors"]["execd"][0]["command"][1:4] == ["-m", "runtime", "run"]


def test_try(tmp_path, monkeypatch, capsys):
    """The first configurations, for a trial and for a broker, are sound."""
    monkeypatch.chdir(tmp_path)
    golden = ROOT / "tests/golden/detectors/gaussian.onnx"
    (tmp_path / "pump.onnx").write_bytes(golden.read_bytes())
    (tmp_path / "pump.csv").write_text("time,a,b\n2026-03-01,1,2\n")
    assert main(["init", "pump.onnx", "--replay", "pump.csv", "-o", "try.toml"]) == 0
    assert main(["init", "pump.onnx", "-o", "gateway.toml"]) == 0
    assert main(["run", "try.toml", "--check"]) == 0
    assert main(["run", "gateway.toml", "--check"]) == 0
    assert "error:" not in capsys.readouterr().out
    assert str(read_config(tmp_path / "try.toml").sinks[0].options.file.path).startswith(
        str(tmp_path)
    )
