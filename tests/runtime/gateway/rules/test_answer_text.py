"""Answers to commands as lines for a person."""

import json

import pytest

from runtime.gateway.rules.answer_text import answer_lines

MUTE = {
    "streams": "a/p7", "channel": "flow", "rest_s": 7200.0, "until_ns": None, "since_ns": 0,
    "by": "eva", "why": "cleaning",
}  # fmt: skip
ENDLESS = {**MUTE, "channel": "", "rest_s": None, "why": ""}
DATED = {**MUTE, "until_ns": 1_772_359_200 * 10**9}


@pytest.mark.parametrize(
    ("word", "changed", "lines"),
    [
        ("mute", MUTE, ["Muted: a/p7, channel flow for 2 h, by eva (cleaning)."]),
        ("mute", ENDLESS, ["Muted: a/p7 until it is unmuted, by eva."]),
        ("unmute", [], ["Nothing was muted under this name."]),
        (
            "unmute",
            [DATED],
            [("No longer muted: a/p7, channel flow until 2026-03-01 10:00:00 UTC, by eva "
             "(cleaning).")],
        ),
        ("threshold", {"a/p7": 4.25}, ["a/p7: alarms from severity 4.25"]),
        ("limits", None, ["Limits: those of the configuration."]),
        ("limits", {"flow": {"low": 0.0, "high": None, "deadband": 0.0}},
         ["Limits of flow: low 0."]),
        ("running", "off", ["The machines count as standing still."]),
        ("ack", ["a-17", "a-18"], ["Seen: a-17.", "Seen: a-18."]),
        ("swap", {"model": "pump", "file": "/m.onnx"},
         ["/m.onnx is verified and warm, and has the place of the model pump."]),
        ("swap", {"model": "pump", "file": "/m.onnx", "state": "accepted"},
         ["/m.onnx is to take the place of the model pump: it is verified now."]),
        (
            "list",
            {"mutes": [], "streams": {"pump": ["a/p7"]}, "models": {"pump": "9f2c"},
             "events": [{"stream": "a/p7", "start_ns": 0, "severity": 4.5}], "running": ["a/p8"],
             "thresholds": {"a/p7": 4.0}},
            ["Muted: none", "Streams:", "  a/p7  (pump)", "Models:", "  pump  9f2c",
             "Open events:", "  a/p7  since 1970-01-01 00:00:00 UTC, severity up to 4.50",
             "Machines that stand still:", "  a/p8", "Alarms from severity:", "  a/p7  4.00"],
        ),
        ("later", 3, ["3"]),
    ],
)  # fmt: skip
def test_text(word, changed, lines):
    """What holds now, in sentences and lists."""
    answer = json.loads(json.dumps({"ok": True, "command": word, "changed": changed}))
    assert answer_lines(answer) == lines
