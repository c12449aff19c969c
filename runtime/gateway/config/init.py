"""A first `gateway.toml` for a detector, commented: it runs after a broker and topics are named."""

import json
import os
from pathlib import Path

from runtime.counted import counted
from runtime.model.detector import Detector

__all__ = ["first_config"]

_REPLAYED_PER_S = 10

_HEAD = """\
# The gateway of {key}: {detector}, {channels}, a row every {period:g} s.
# Check it with `python -m runtime run {name} --check`, run it with `python -m runtime run {name}`.
# Durations are seconds, or text such as "15min", "2h" and "7d".

[gateway]
name = "gw1"                  # in topics, the client id and the status: one of its own
state = "kad-state"           # journal, snapshots, outbox; on a disk that stays
# max_streams = 10000         # devices beyond it are counted, not scored
# silent_after_s = "10min"    # a stream that brings nothing for so long is reported
# evict_after_s = "7d"        # and put aside after this, with all it has learnt; 0: never

"""

_BROKER = """\
[broker]
host = "localhost"
port = 1883
# user = "kad"
# password_file = "/etc/kad/password"      # or password_env = "KAD_PASSWORD"
# [broker.tls]                             # port 8883
# ca_file = "/etc/kad/ca.pem"
# cert_file = "/etc/kad/client.pem"
# key_file = "/etc/kad/client.key"

"""

_MODEL = """\
[[model]]
file = {file}
streams = ["*"]               # patterns of stream names; the first model that fits one takes it
# false_alarms = "1/month"    # of each stream; the file: {false_alarms}, severity {threshold:.2f}
# [model.budgets]
# "a/p7" = "1/week"           # of single streams
# [model.alarm]               # what makes an event; the file's: {policy}
# min_duration_s = "5min"

"""

_LIVE = """\
[[source]]
kind = "mqtt"                 # or "stdin" (JSON lines, line protocol), "replay" (a file)
topics = ["plant/{{line}}/{{device}}/data"]   # named segments make the stream's name: a/p7
# A message a channel: topics = ["plant/{{line}}/{{device}}/{{channel}}"]
# Without times of their own, messages that the broker kept would come with wrong ones:
# persistent = false
# timezone = "Europe/Berlin"  # of times without a zone
[source.channels]             # where a payload has each channel; a scale makes other units ours
{channel_lines}

[[sink]]
kind = "mqtt"                 # or "thingsboard", "jsonl", "csv", "line-protocol"
scores = "change"             # or "every", "nth", "array"
# home_assistant = true       # devices appear by themselves
# [sink.topics]
# score = "kad/{{stream}}/score"

"""

_REPLAY = """\
[[source]]
kind = "replay"               # a file in place of a broker: for trials
file = {replay}
speed = {speed:g}                  # so many times as fast as it was
streams = [{stream}]          # each of these gets all rows

[[sink]]
kind = "jsonl"                # scores, events and states, a line each
path = "outputs.jsonl"

"""

_REST = """\
[journal]
# snapshot_s = "15min"        # flash wear against time to restart: see --check
# max_mb = 4096               # and when_full = "block" or "drop-oldest"

[http]                        # metrics, probes and the page, on this machine alone
port = 9108
# token_file = "/etc/kad/token"            # lets the page mute
"""


def first_config(model: str | Path, *, beside: str = "-", replay: str | Path | None = None) -> str:
    """Returns a commented configuration for a detector.

    Args:
        model: The detector's file.
        beside: Where the configuration will lie: paths in it are relative to that.
        replay: A table whose rows come in place of a broker's messages, ten a second; None: there
            is a broker.

    Raises:
        ModelFileError: The file is no detector.
    """
    meta = Detector(model).metadata
    folder = Path.cwd() if beside == "-" else Path(beside).absolute().parent
    lines = []
    for name, unit in zip(meta.channels, meta.units, strict=True):
        key, path = _quoted(name), _quoted(name)
        comment = f"   # in {unit}" if unit else ""
        lines.append(f"{key} = {{ path = {path} }}{comment}")
    parts = [_HEAD, _BROKER, _MODEL, _LIVE, _REST]
    if replay is not None:
        parts = [_HEAD, _MODEL, _REPLAY, _REST]
    return "".join(parts).format(
        key=Path(model).stem,
        detector=meta.detector,
        channels=counted(len(meta.channels), "channel"),
        period=meta.period_s,
        name="gateway.toml" if beside == "-" else Path(beside).name,
        file=_relative(model, folder),
        false_alarms=meta.false_alarms,
        threshold=meta.threshold,
        policy=meta.alarm.text(meta.period_s),
        channel_lines="\n".join(lines),
        replay=_relative(replay or "", folder),
        speed=max(1.0, _REPLAYED_PER_S * meta.period_s),
        stream=_quoted(Path(replay or "").name.partition(".")[0] or "replay"),
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _relative(path: str | Path, folder: Path) -> str:
    return _quoted(os.path.relpath(Path(path).absolute(), folder))
