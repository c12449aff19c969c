"""`runtime command`: words to commands, answers to exit codes."""

import json

import pytest

import runtime.gateway.pipeline.ask as asking
from runtime.cli.app import main


@pytest.fixture
def asked(monkeypatch):
    """Commands that a gateway got; `answer` is what it says."""

    class Gateway:
        commands = ()
        answer = {"ok": True, "command": "running", "changed": "off"}  # noqa: RUF012

        def ask(self, _folder, command, *, wait_s, accepted):
            if command["command"] == "swap":
                accepted(
                    {
                        "ok": True,
                        "command": "swap",
                        "changed": {"model": "m", "file": "f", "state": "accepted"},
                    }
                )
            self.commands = (*self.commands, (command, wait_s))
            return self.answer

    gateway = Gateway()
    monkeypatch.setattr(asking, "ask", gateway.ask)
    monkeypatch.delenv("SUDO_USER", raising=False)
    return gateway


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["mute", "a/p7", "--for", "2h", "--why", "cleaning"],
         {"command": "mute", "streams": "a/p7", "for": "2h", "why": "cleaning"}),
        (["mute", "a/*", "--channel", "flow", "--until", "2026-03-01T18:00Z", "--by", "eva"],
         {"command": "mute", "streams": "a/*", "channel": "flow", "until": "2026-03-01T18:00Z",
          "by": "eva"}),
        (["unmute", "a/p7"], {"command": "unmute", "streams": "a/p7"}),
        (["threshold", "a/p7", "4.5"],
         {"command": "threshold", "streams": "a/p7", "threshold": 4.5}),
        (["threshold", "a/p7", "--false-alarms", "1/month"],
         {"command": "threshold", "streams": "a/p7", "false_alarms": "1/month"}),
        (["threshold", "a/p7"], {"command": "threshold", "streams": "a/p7"}),
        (["limits", "a/p7", "flow.low=2", "flow.high=9", "x.y.low=0"],
         {"command": "limits", "streams": "a/p7",
          "limits": {"flow": {"low": 2.0, "high": 9.0}, "x.y": {"low": 0.0}}}),
        (["limits", "a/p7"], {"command": "limits", "streams": "a/p7", "limits": None}),
        (["running", "a/p7", "off"], {"command": "running", "streams": "a/p7", "state": "off"}),
        (["ack", "a/p7", "--note", "on my way"],
         {"command": "ack", "event": "a/p7", "note": "on my way"}),
        (["swap", "pump", "/new.onnx"],
         {"command": "swap", "model": "pump", "file": "/new.onnx"}),
        (["list", "mutes"], {"command": "list", "what": "mutes"}),
    ],
)  # fmt: skip
def test_commands(asked, words, command):
    """Each as `rules.command_json` has it."""
    assert main(["command", "STATE", *words, "--wait", "1min"]) == 0
    assert asked.commands == ((command, 60.0),)


def test_a_swap_is_said_to_be_under_way(asked, capsys):
    """And then what became of it; as JSON the last answer alone."""
    asked.answer = {"ok": False, "error": "no model"}
    assert main(["command", "STATE", "swap", "m", "f"]) == 1
    out, err = capsys.readouterr()
    assert "verified now" in out
    assert "no model" in err
    assert main(["command", "STATE", "swap", "m", "f", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == asked.answer


def test_answers(asked, capsys):
    """0 and what holds; 1 and why not; JSON as it came."""
    assert main(["command", "STATE", "running", "a", "off"]) == 0
    assert capsys.readouterr().out == "The machines count as standing still.\n"
    asked.answer = {"ok": False, "error": "Nobody is called a."}
    assert main(["command", "STATE", "running", "a", "off"]) == 1
    assert capsys.readouterr().err == "kad: error: Nobody is called a.\n"
    assert main(["command", "STATE", "running", "a", "off", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == asked.answer


def test_wrong(tmp_path, asked, capsys):
    """2 for a limit that is none."""
    assert main(["command", "STATE", "limits", "a", "flow=2"]) == 2
    assert "such as flow.low=2" in capsys.readouterr().err
    assert asked.commands == ()
